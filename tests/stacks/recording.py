"""Runs the program on mocks, without the engine, and keeps what it registered: an apply that did not run shows as unknown."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pulumi
from pulumi.runtime import mocks, settings, stack

from inferstack.pricing.bill.registration import Registration
from inferstack.records.preview import Bill
from inferstack.records.settings import StackConfig
from stacks import program

DATA = Path(__file__).parent / "data"
NOW = datetime(2026, 11, 23, 12, 30, tzinfo=UTC)
EXPIRES = datetime(2026, 11, 23, 16, 30, tzinfo=UTC)
PUBLIC_KEY = "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIexample inferstack"
BASE_OUTPUTS = {
    "kind": "base",
    "weightsBucket": "inferstack-x-base-weights-000000000000-us-east-1",
    "kmsKeyArn": "arn:aws:kms:us-east-1:000000000000:key/11111111-1111-1111-1111-111111111111",
    "vpcId": "vpc-0123",
    "vpcCidr": "10.80.0.0/16",
    "privateSubnetIds": ["subnet-01", "subnet-02"],
    "privateSubnetZones": ["us-east-1a", "us-east-1c"],
    "natSubnetId": "subnet-03",
    "privateRouteTableId": "rtb-01",
    "storagePrefixListId": "pl-01",
}


def base_config(**changes: Any) -> StackConfig:
    fixed = {"stack": "x-base", "kind": "base", "rehearsal": True, "region": "us-east-1", "account_id": "000000000000"}
    return StackConfig.model_validate({**fixed, **changes})


def cluster_config(**changes: Any) -> StackConfig:
    fixed = {
        "stack": "x",
        "kind": "cluster",
        "rehearsal": True,
        "region": "us-east-1",
        "account_id": "000000000000",
        "plan": str(DATA / "plan.json"),
        "base": "x-base",
        "expires_at": EXPIRES,
        "ami_id": "ami-0123",
        "ssh_public_key": PUBLIC_KEY,
    }
    return StackConfig.model_validate({**fixed, **changes})


@dataclass
class Recorded:
    """`resources`: type and name -> inputs as the engine would get them."""

    resources: dict[tuple[str, str], dict[str, Any]] = field(default_factory=dict)
    order: list[tuple[str, str]] = field(default_factory=list)
    waits_for: dict[str, set[str]] = field(default_factory=dict)
    parent: dict[str, str] = field(default_factory=dict)
    outputs: dict[str, Any] = field(default_factory=dict)
    bills: list[Bill] = field(default_factory=list)
    registrations: tuple[Registration, ...] = ()

    def of(self, type_token: str) -> dict[str, dict[str, Any]]:
        return {name: inputs for (kind, name), inputs in self.resources.items() if kind == type_token}

    def made_after(self, name: str) -> set[str]:
        """Names that must exist before the resource is begun: its dependencies and its parents', and theirs."""
        seen: set[str] = set()
        waiting = [name]
        while waiting:
            at = waiting.pop()
            before = self.waits_for.get(at, set()) | ({self.parent[at]} if self.parent.get(at) else set())
            waiting += before - seen
            seen |= before
        return seen

    def one(self, type_token: str) -> dict[str, Any]:
        found = self.of(type_token)
        assert 1 == len(found), list(found)
        return next(iter(found.values()))


class Recorder(mocks.Mocks):
    def __init__(self, recorded: Recorded, *, preview: bool) -> None:
        self._recorded, self._preview = recorded, preview

    def new_resource(self, args: pulumi.runtime.MockResourceArgs) -> tuple[str, dict[str, Any]]:
        if args.typ == "pulumi:pulumi:StackReference":
            return args.name, {"name": args.name, "outputs": BASE_OUTPUTS, "secretOutputNames": []}
        self._recorded.resources[args.typ, args.name] = args.inputs
        self._recorded.order.append((args.typ, args.name))
        if self._preview:
            return "", args.inputs
        known = {"arn": f"arn:aws:mock:::{args.name}", "keyId": f"{args.name}-key", "latestVersion": 1, "prefixListId": "pl-01"}
        return f"{args.name}-id", {**known, **args.inputs}

    def call(self, args: pulumi.runtime.MockCallArgs) -> dict[str, Any]:
        if args.token == "aws:index/getAvailabilityZones:getAvailabilityZones":
            return {"names": ["us-east-1a", "us-east-1b", "us-east-1c"]}
        if args.token == "aws:ec2/getSubnet:getSubnet":
            return {"availabilityZone": f"us-east-1{args.args['id'][-1]}"}
        if args.token == "aws:ec2/getVpc:getVpc":
            return {"cidrBlock": "172.31.0.0/16"}
        raise AssertionError(args.token)


class Monitor(mocks.MockMonitor):
    """Keeps what each registration waits for, which the mocks' own arguments leave out."""

    def __init__(self, recorded: Recorded, recorder: Recorder) -> None:
        super().__init__(recorder)
        self._recorded = recorded

    def RegisterResource(self, request: Any) -> Any:
        self._recorded.waits_for[request.name] = {urn.rsplit("::", 1)[-1] for urn in request.dependencies}
        self._recorded.parent[request.name] = request.parent.rsplit("::", 1)[-1]
        return super().RegisterResource(request)


def run(config: StackConfig, *, preview: bool = False, **around: Any) -> Recorded:
    recorded = Recorded()
    around = {"now": NOW, **around}
    surroundings = program.Surroundings(root=Path("/"), on_bill=lambda bill, found: _billed(recorded, bill, found), **around)
    monitor = Monitor(recorded, Recorder(recorded, preview=preview))
    with _mocked(config.stack, monitor, preview=preview):
        recorded.outputs = _finished(lambda: program.build(config, surroundings))
    return recorded


def _billed(recorded: Recorded, bill: Bill, found: tuple[Registration, ...]) -> None:
    recorded.bills.append(bill)
    recorded.registrations = found


@contextlib.contextmanager
def _mocked(name: str, monitor: Monitor, *, preview: bool) -> Iterator[None]:
    loop = asyncio.new_event_loop()
    asyncio.set_event_loop(loop)
    settings.set_root_resource(None)
    try:
        mocks.set_mocks(monitor.mocks, monitor=monitor, project="inferstack", stack=name, preview=preview)
        yield
    finally:
        settings.reset_options()
        loop.close()
        asyncio.set_event_loop(None)


def _finished(register: Callable[[], None]) -> dict[str, Any]:
    loop = asyncio.get_event_loop()
    loop.run_until_complete(stack.run_pulumi_func(register))
    root = settings.get_root_resource()
    return {key: _value(value) for key, value in root.outputs.items()}


def _value(value: Any) -> Any:
    if isinstance(value, pulumi.Output):
        loop = asyncio.get_event_loop()
        return loop.run_until_complete(value.future()) if loop.run_until_complete(value.is_known()) else UNKNOWN
    return value


UNKNOWN = "unknown"
