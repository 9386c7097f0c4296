"""`inferstack demo`: the whole chain, with nothing left after it."""

from __future__ import annotations

import json
from pathlib import Path

import jsonschema
import pytest

from tests.e2e.conftest import ROOT, Checkout

FILES = {
    "request.yaml",
    "plan.json",
    "preview.json",
    "outputs.json",
    "inventory.json",
    "configured.json",
    "measurement.json",
    "verdict.json",
    "receipt.json",
}

pytestmark = pytest.mark.e2e


def test_the_demo_goes_through_five_stages_and_leaves_nothing(checkout: Checkout) -> None:
    """One command plans, prices, builds, configures, measures and removes a cluster; every record is valid; nothing stays."""
    done = checkout.run("demo", "--yes")
    said = done.stdout + done.stderr
    for stage in ("plan", "preview", "up", "bench", "down"):
        assert stage in said.lower()

    run = checkout.work("demo", "current").resolve()
    records = {name: read(run / name) for name in FILES}
    for name, record in records.items():
        jsonschema.validate(record, json.loads((ROOT / "docs/reference/schemas" / f"{Path(name).stem}.schema.json").read_text()))

    assert [] == records["receipt.json"]["left"]
    assert records["receipt.json"]["deleted"]
    assert records["verdict.json"]["passed"]
    assert 0 == records["measurement.json"]["failed"]
    assert records["measurement.json"]["completion_tokens"] > 0
    assert all(records[name]["rehearsal"] for name in FILES - {"request.yaml", "plan.json"})
    assert records["configured.json"]["planned_model"] != records["configured.json"]["served_model"]
    assert {} == checkout.left_on_this_machine()


def test_a_second_rehearsal_keeps_the_embedded_aws_and_it_holds_nothing_of_the_first(checkout: Checkout) -> None:
    """Looked at from outside, service by service: the demo's stack is gone while another rehearsal goes on."""
    from tests.e2e import leftovers
    from tests.e2e.conftest import PLAN

    checkout.run("plan", "--stack", "keeper", "--rehearse", *PLAN)
    checkout.run("up", "--stack", "keeper", "--yes")
    checkout.run("demo", "--yes")
    assert leftovers.in_the_embedded_aws(checkout.endpoint(), "keeper"), "the check must be able to find something"
    assert [] == leftovers.in_the_embedded_aws(checkout.endpoint(), "demo")
    checkout.run("down", "--stack", "keeper", "--yes")
    assert {} == checkout.left_on_this_machine()


def read(path: Path) -> dict:
    import yaml

    return yaml.safe_load(path.read_text()) if path.suffix == ".yaml" else json.loads(path.read_text())
