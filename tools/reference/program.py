"""The program of a base and a cluster stack run on Pulumi's mocks, without engine and account: what it registers, and its bill."""

from __future__ import annotations

import tempfile
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from functools import cache
from pathlib import Path
from typing import Any

from inferstack.pricing.bill.registration import Registration
from inferstack.records.preview import Bill

REGION, ACCOUNT = "us-east-1", "000000000000"
NOW = datetime(2026, 11, 23, 12, 0, tzinfo=UTC)
ASKED = {"model": "meta-llama/Llama-3.1-8B-Instruct", "concurrency": 4, "isl": 512, "osl": 128, "region": REGION}


@dataclass
class RecordedProgram:
    registrations: tuple[Registration, ...] = ()
    bills: list[Bill] = field(default_factory=list)
    invokes: set[str] = field(default_factory=set)


@cache
def base() -> RecordedProgram:
    return _run({"stack": "x-base", "kind": "base"})


@cache
def cluster() -> RecordedProgram:
    """Record a cluster with NAT, the widest that a cluster of one node a replica has."""
    from inferstack.records.request import Request
    from sizing.planning import planner

    with tempfile.TemporaryDirectory() as folder:
        plan = planner.plan(Request.model_validate(ASKED), now=NOW).write(Path(folder))
        key = "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIexample x"
        more = {"plan": str(plan), "base": "x-base", "expires_at": NOW + timedelta(hours=4), "ami_id": "ami-01", "ssh_public_key": key}
        return _run({"stack": "x", "kind": "cluster", **more})


def _run(settings: dict[str, Any]) -> RecordedProgram:
    from inferstack.records.settings import StackConfig
    from stacks import offline, program

    found = RecordedProgram()

    def billed(bill: Bill, registrations: tuple[Registration, ...]) -> None:
        found.bills.append(bill)
        found.registrations = registrations

    config = StackConfig.model_validate({"rehearsal": True, "region": REGION, "account_id": ACCOUNT, **settings})
    around = program.Surroundings(root=Path("/"), now=NOW, on_bill=billed)
    offline.run_on_mocks(config, around, on_invoke=found.invokes.add)
    return found
