"""The program run without engine, state, login and account: what it would register and cost, on paper and on Pulumi's mocks."""

from __future__ import annotations

import asyncio
import contextlib
import tempfile
from collections.abc import Callable, Iterator
from datetime import datetime, timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Any

from inferstack.records.plan import Plan
from inferstack.records.preview import Bill
from inferstack.records.settings import StackConfig
from stacks import paper

if TYPE_CHECKING:
    from stacks import program

STACK, BASE, ACCOUNT = "x", "x-base", "000000000000"
PUBLIC_KEY = "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIexample x"


def bill_of_plan(plan: Plan, *, lifetime: timedelta, now: datetime, usage: Path | None = None, **settings: Any) -> Bill:
    """Return the bill of the cluster that a plan asks for. `settings` are fields of StackConfig, such as egress. Raises InputError."""
    bills: list[Bill] = []
    with tempfile.TemporaryDirectory() as folder:
        config = cluster_config(
            region=plan.region,
            plan=str(plan.write(Path(folder))),
            expires_at=now + lifetime,
            usage=None if usage is None else str(usage.absolute()),
            **settings,
        )
        paper.run(
            config,
            base_outputs=base_outputs(config.region),
            root=Path("/"),
            now=now,
            on_bill=lambda bill, registrations: bills.append(bill),
        )
    return bills[-1]


def cluster_config(*, region: str, **fields: Any) -> StackConfig:
    """The configuration of a cluster that is never built: its image, key and account are stand-ins."""
    known = {"stack": STACK, "kind": "cluster", "rehearsal": True, "account_id": ACCOUNT, "base": BASE}
    return StackConfig.model_validate({**known, "ami_id": "ami-01", "ssh_public_key": PUBLIC_KEY, "region": region, **fields})


def base_outputs(region: str) -> dict[str, Any]:
    """What a base stack would have put out."""
    return {
        "weightsBucket": f"inferstack-{BASE}-weights-{ACCOUNT}-{region}",
        "kmsKeyArn": f"arn:aws:kms:{region}:{ACCOUNT}:key/11111111-1111-1111-1111-111111111111",
        "vpcId": "vpc-01",
        "vpcCidr": "10.80.0.0/16",
        "privateSubnetIds": ["subnet-01", "subnet-02"],
        "privateSubnetZones": [f"{region}a", f"{region}c"],
        "natSubnetId": "subnet-03",
        "privateRouteTableId": "rtb-01",
        "storagePrefixListId": "pl-01",
    }


def run_on_mocks(config: StackConfig, around: program.Surroundings, *, on_invoke: Callable[[str], None] = lambda token: None) -> None:
    """Run the program of a stack by Pulumi's own SDK; `around.on_bill` is told what it registered."""
    import pulumi
    from pulumi.runtime import mocks, stack

    from stacks import program

    class Recorder(mocks.Mocks):
        def new_resource(self, args: pulumi.runtime.MockResourceArgs) -> tuple[str, dict[str, Any]]:
            if args.typ == "pulumi:pulumi:StackReference":
                return args.name, {"name": args.name, "outputs": base_outputs(config.region), "secretOutputNames": []}
            known = {"arn": f"arn:aws:mock:::{args.name}", "keyId": f"{args.name}-key", "latestVersion": 1, "prefixListId": "pl-01"}
            return f"{args.name}-id", {**known, **args.inputs}

        def call(self, args: pulumi.runtime.MockCallArgs) -> tuple[dict[Any, Any], list[tuple[str, str]]]:
            on_invoke(args.token)
            return {"names": [f"{config.region}a", f"{config.region}b"]}, []

    with _loop() as loop:
        mocks.set_mocks(Recorder(), project="inferstack", stack=config.stack, preview=False)
        loop.run_until_complete(stack.run_pulumi_func(lambda: program.build(config, around)))


@contextlib.contextmanager
def _loop() -> Iterator[asyncio.AbstractEventLoop]:
    from pulumi.runtime import settings

    loop = asyncio.new_event_loop()
    asyncio.set_event_loop(loop)
    settings.set_root_resource(None)  # type: ignore[arg-type]  # none is what a fresh program has
    try:
        yield loop
    finally:
        settings.reset_options()
        loop.close()
        asyncio.set_event_loop(None)
