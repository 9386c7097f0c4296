"""`inferstack demo`: the whole chain, with nothing left after it, and no trace of a secret that was handed in."""

from __future__ import annotations

import json
import threading
from pathlib import Path
from typing import Any

import jsonschema
import pytest

from tests.e2e import leftovers
from tests.e2e.canary import API_KEY, HF_TOKEN, files_with_a_canary, watch_processes
from tests.e2e.conftest import PLAN, ROOT, Checkout

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
    """One command plans, prices, builds, configures, measures and removes a cluster, beside another rehearsal that goes on.

    Every record is valid; the embedded AWS, asked service by service, holds nothing of it; a canary given as API key and
    Hugging Face token stands in no file, no output and no process list.
    """
    checkout.run("plan", "--stack", "keeper", "--rehearse", *PLAN)
    checkout.run("preview", "--stack", "keeper")  # opens the embedded AWS, which now outlives the demo
    seen, done = list[str](), threading.Event()
    watcher = threading.Thread(target=watch_processes, args=(seen, done), daemon=True)
    watcher.start()
    demo = checkout.run("demo", "--yes", INFERSTACK_API_KEY=API_KEY, HF_TOKEN=HF_TOKEN)
    done.set()
    watcher.join()

    said = demo.stdout + demo.stderr
    for stage in ("1/5 plan", "2/5 preview", "3/5 up", "4/5 bench", "5/5 down"):
        assert stage in said
    _records_are_valid(checkout.work("demo", "current").resolve())
    assert [] == leftovers.in_the_embedded_aws(checkout.endpoint(), checkout.access_key(), "demo")
    assert [] == files_with_a_canary(checkout.folder)
    assert [] == seen
    assert API_KEY not in said and HF_TOKEN not in said
    checkout.run("down", "--stack", "keeper", "--yes")
    assert {} == checkout.left_on_this_machine()


def _records_are_valid(run: Path) -> None:
    records = {name: _read(run / name) for name in FILES}
    for name, record in records.items():
        jsonschema.validate(record, json.loads((ROOT / "docs/reference/schemas" / f"{Path(name).stem}.schema.json").read_text()))
    assert [] == records["receipt.json"]["left"]
    assert records["receipt.json"]["deleted"]
    assert records["verdict.json"]["passed"]
    assert 0 == records["measurement.json"]["failed"]
    assert records["measurement.json"]["completion_tokens"] > 0
    _the_load_is_the_plans(records)
    assert all(records[name]["rehearsal"] for name in FILES - {"request.yaml", "plan.json"})
    assert records["configured.json"]["planned_model"] != records["configured.json"]["served_model"]


def _the_load_is_the_plans(records: dict[str, Any]) -> None:
    """A plan for a rate is measured by Poisson arrivals at that rate, and the verdict names both loads."""
    planned, measured = (records["verdict.json"][name] for name in ("planned_load", "measured_load"))
    assert records["plan.json"]["load"] == planned
    assert records["measurement.json"]["workload"]["load"] == measured
    for name in ("kind", "request_rate", "burstiness"):
        assert planned[name] == measured[name]
    assert ("open", 4.0, 1.0) == (measured["kind"], measured["request_rate"], measured["burstiness"])
    assert records["measurement.json"]["lateness_ms"]["max"] >= 0


def _read(path: Path) -> Any:
    import yaml

    return yaml.safe_load(path.read_text()) if path.suffix == ".yaml" else json.loads(path.read_text())
