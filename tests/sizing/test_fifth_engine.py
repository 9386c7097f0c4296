"""An engine is one file and one facts file: a copy of the packages gets a fifth one, and no other file is touched."""

from __future__ import annotations

import json
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from inferstack.records import engines
from inferstack.records.files.facts import ROOT

MADE_UP = Path(__file__).parent / "fifth_engine"
PACKAGES = ("inferstack", "infra", "playbooks", "sizing", "stacks")
LOAD = ("--model", "Llama-3.1-8B-Instruct", "--engine", "fifth", "--concurrency", "16")


@pytest.fixture(scope="module")
def checkout(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The packages, the engine's file and its facts file; facts are compiled there once."""
    root = tmp_path_factory.mktemp("checkout")
    for name in PACKAGES:
        shutil.copytree(ROOT / name, root / name, ignore=shutil.ignore_patterns("__pycache__"))
    shutil.copy(MADE_UP / "fifth.py", root / "sizing" / "engines")
    shutil.copy(MADE_UP / "fifth.yaml", root / "sizing" / "facts" / "engines")
    return root


@pytest.fixture(scope="module")
def plan(checkout: Path) -> dict[str, Any]:
    done = run(checkout, "-m", "inferstack", "plan", *LOAD, "--json")
    assert 0 == done.returncode, done.stderr
    found: dict[str, Any] = json.loads(done.stdout)
    return found


def run(checkout: Path, *words: str, given: str | None = None) -> subprocess.CompletedProcess[str]:
    return subprocess.run([sys.executable, *words], cwd=checkout, input=given, capture_output=True, text=True, timeout=120, check=False)


def test_the_four_engines_do_not_know_it() -> None:
    """Else the copy would show nothing."""
    assert "fifth" not in engines.sized()


def test_it_plans_by_its_own_memory_rule_and_writes_its_own_flags(plan: dict[str, Any]) -> None:
    """48.0 GB of an L40S are 44.4 GiB: 0.95 of them less the weights, the 12 GiB that it keeps, and the plan's 1 GiB."""
    assert ("fifth", "2.1.0", "L40S") == (plan["engine"], plan["engine_version"], plan["gpu"])
    expected = {"cut": 1, "stages": 1, "length": 8192, "at-once": 48, "step": 4096, "share": 0.95}
    assert expected == plan["engine_flags"]
    said = plan["prediction"]
    assert 12.0 == said["activation_gib"]
    assert 0.95 * 44.4 - said["weights_gib"] - 12.0 - 1.0 == pytest.approx(said["kv_cache_gib"], abs=0.05)
    ready = {stage["name"]: stage["seconds"]["value"] for stage in plan["time_to_ready"]["stages"]}
    assert (20.0, 7.0) == (ready["engine install"], ready["compile and capture"])


def test_the_plan_is_read_back_explained_and_simulated(checkout: Path, plan: dict[str, Any]) -> None:
    (checkout / "plan.json").write_text(json.dumps(plan))
    explained = run(checkout, "-m", "inferstack", "explain", "plan.json")
    assert 0 == explained.returncode, explained.stderr
    assert "fifth 2.1.0, tp1 x 1 on L40S" in explained.stdout
    simulated = run(checkout, "-m", "inferstack", "simulate", "plan.json", "--requests-count", "50")
    assert 0 == simulated.returncode, simulated.stderr
    assert "reserves prompt and answer before admission" in simulated.stdout
    assert "at most 48 requests and 4096 tokens a step" in simulated.stdout


@pytest.mark.parametrize(
    ("more", "says"),
    [
        (("--lora-slots", "2"), "engine: fifth cannot serve this: adapters: fifth serves the model alone"),
        (("--weight-quant", "int4-awq"), "weight_quant: int4-awq does not run in fifth; it supports bf16, fp8"),
        (("--engine", "sixth"), "must be 'vllm', 'tensorrt-llm', 'sglang', 'llama.cpp' or 'fifth'"),
    ],
)
def test_what_it_cannot_do_is_refused_in_its_words(checkout: Path, more: tuple[str, ...], says: str) -> None:
    done = run(checkout, "-m", "inferstack", "plan", *LOAD, *more)
    assert 2 == done.returncode
    assert says in done.stderr


def test_its_start_check_answers_the_estimate(checkout: Path) -> None:
    question = {"model": "Llama-3.1-8B-Instruct", "gpu": "L40S", "engine": "fifth", "memory_only": True, "max_model_len": 8192}
    lines = "\n".join(json.dumps({**question, "id": str(n), "max_num_seqs": n}) for n in (64, 65))
    done = run(checkout, "-m", "sizing.estimate", given=lines)
    starts, does_not = map(json.loads, done.stdout.splitlines())
    assert starts["fits"]
    assert "at-once 65 is more than the 64 of fifth 2.1.0" == does_not["why_not"]


def test_records_and_playbooks_know_it_from_the_same_table(checkout: Path) -> None:
    """The schema lists it; nobody wrote a role for it."""
    code = """
import json
from inferstack.records.plan import Plan
from playbooks.inventory import refuse_what_no_role_does
enum = Plan.model_json_schema()["properties"]["engine"]["enum"]
try:
    refuse_what_no_role_does(Plan.model_validate_json(open("plan.json").read()), rehearsing=False)
except Exception as error:
    print(json.dumps([enum, str(error)]))
"""
    done = run(checkout, "-c", code)
    assert 0 == done.returncode, done.stderr
    assert [["vllm", "tensorrt-llm", "sglang", "llama.cpp", "fifth"], "engine fifth: no role deploys it"] == json.loads(done.stdout)
