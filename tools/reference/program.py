"""The program of a base and a cluster stack run on Pulumi's mocks, without engine and account: what it registers, and its bill."""

from __future__ import annotations

import asyncio
import contextlib
import tempfile
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from functools import cache
from pathlib import Path
from typing import Any

from pricing.registration import Registration
from records.preview import Bill

REGION, ACCOUNT = "us-east-1", "000000000000"
NOW = datetime(2026, 11, 23, 12, 0, tzinfo=UTC)
ASKED = {"model": "meta-llama/Llama-3.1-8B-Instruct", "concurrency": 4, "isl": 512, "osl": 128, "region": REGION}
BASE_OUTPUTS = {
    "weightsBucket": f"inferstack-x-base-weights-{ACCOUNT}-{REGION}",
    "kmsKeyArn": f"arn:aws:kms:{REGION}:{ACCOUNT}:key/11111111-1111-1111-1111-111111111111",
    "vpcId": "vpc-01",
    "vpcCidr": "10.80.0.0/16",
    "privateSubnetIds": ["subnet-01", "subnet-02"],
    "privateSubnetZones": ["us-east-1a", "us-east-1c"],
    "natSubnetId": "subnet-03",
    "privateRouteTableId": "rtb-01",
    "storagePrefixListId": "pl-01",
}


@dataclass
class Registered:
    registrations: tuple[Registration, ...] = ()
    bills: list[Bill] = field(default_factory=list)
    invokes: set[str] = field(default_factory=set)


@cache
def base() -> Registered:
    return _run({"stack": "x-base", "kind": "base"})


@cache
def cluster() -> Registered:
    """With NAT, the widest that a cluster of one node a replica has."""
    from records.request import Request
    from sizing import planner

    with tempfile.TemporaryDirectory() as folder:
        plan = planner.plan(Request.model_validate(ASKED), now=NOW).write(Path(folder))
        key = "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIexample x"
        more = {"plan": str(plan), "base": "x-base", "expires_at": NOW + timedelta(hours=4), "ami_id": "ami-01", "ssh_public_key": key}
        return _run({"stack": "x", "kind": "cluster", **more})


def _run(settings: dict[str, Any]) -> Registered:
    from records.settings import StackConfig
    from stacks import program

    found = Registered()

    def billed(bill: Bill, registrations: tuple[Registration, ...]) -> None:
        found.bills.append(bill)
        found.registrations = registrations

    config = StackConfig.model_validate({"rehearsal": True, "region": REGION, "account_id": ACCOUNT, **settings})
    around = program.Surroundings(root=Path("/"), now=NOW, on_bill=billed)
    _on_mocks(config.stack, lambda: program.build(config, around), found)
    return found


def _on_mocks(stack_name: str, register: Callable[[], None], found: Registered) -> None:
    import pulumi
    from pulumi.runtime import mocks, stack

    class Recorder(mocks.Mocks):
        def new_resource(self, args: pulumi.runtime.MockResourceArgs) -> tuple[str, dict[str, Any]]:
            if args.typ == "pulumi:pulumi:StackReference":
                return args.name, {"name": args.name, "outputs": BASE_OUTPUTS, "secretOutputNames": []}
            known = {"arn": f"arn:aws:mock:::{args.name}", "keyId": f"{args.name}-key", "latestVersion": 1, "prefixListId": "pl-01"}
            return f"{args.name}-id", {**known, **args.inputs}

        def call(self, args: pulumi.runtime.MockCallArgs) -> dict[str, Any]:
            found.invokes.add(args.token)
            return {"names": ["us-east-1a", "us-east-1b"]}

    with _loop() as loop:
        mocks.set_mocks(Recorder(), project="inferstack", stack=stack_name, preview=False)
        loop.run_until_complete(stack.run_pulumi_func(register))


@contextlib.contextmanager
def _loop() -> Iterator[asyncio.AbstractEventLoop]:
    from pulumi.runtime import settings

    loop = asyncio.new_event_loop()
    asyncio.set_event_loop(loop)
    settings.set_root_resource(None)
    try:
        yield loop
    finally:
        settings.reset_options()
        loop.close()
        asyncio.set_event_loop(None)
