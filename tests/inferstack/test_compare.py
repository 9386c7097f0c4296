"""`inferstack compare`: of a request, a plan and the stack's own plan; wrong input is one line and exit code 2."""

from __future__ import annotations

import json
from pathlib import Path

import jsonschema
import pytest

from tests.inferstack.command_line import CommandLine

ROOT = Path(__file__).resolve().parents[2]
SCHEMA = json.loads((ROOT / "docs/reference/schemas/comparison.schema.json").read_text())
REQUEST = "model: Llama-3.3-70B-Instruct\nweight_quant: fp8\nisl: 1024\nosl: 256\nusers: 50\nttft_ms: 2000\n"
OFFICE = ("--schedule", "Mon-Fri 08:00-18:00 Europe/Berlin")


@pytest.fixture
def request_file(command_line: CommandLine) -> Path:
    path = command_line.here / "request.yaml"
    path.write_text(REQUEST)
    return path


def test_a_request_is_compared_and_nothing_is_written(command_line: CommandLine, request_file: Path) -> None:
    before = command_line.tree()
    found = command_line.run("compare", "request.yaml", *OFFICE)
    assert (0, "") == (found.code, found.err)
    for head in ("Pricing options", "Per million tokens", "Hosted APIs", "Monthly cost by volume", "Over 3 years"):
        assert head in found.out
    assert "5 starts a week" in found.out and "no longer offered: " in found.out
    assert before == command_line.tree()


def test_it_reads_well_at_100_columns(command_line: CommandLine, request_file: Path) -> None:
    found = command_line.run("compare", "request.yaml", *OFFICE, "--owned", "dgx-h100")
    assert [] == [line for line in found.out.splitlines() if len(line.rstrip()) > 100]


def test_json_is_the_published_record(command_line: CommandLine, request_file: Path) -> None:
    found = command_line.run("compare", "request.yaml", "--owned", "dgx-h100", "--json")
    jsonschema.validate(found.document, SCHEMA)
    assert 1 == sum(one["chosen"] for one in found.document["options"])
    assert "dgx-h100" == found.document["owned"]["system"]


def test_the_stacks_own_plan_gets_its_comparison_beside_it(command_line: CommandLine, request_file: Path) -> None:
    command_line.run("plan", "request.yaml")
    found = command_line.run("compare", *OFFICE, "--json")
    run = command_line.work / "default" / "current"
    assert 0 == found.code and json.loads((run / "comparison.json").read_text()) == found.document
    by_file = command_line.run("compare", str(run / "plan.json"), *OFFICE, "--json")
    assert {**found.document, "created_at": ""} == {**by_file.document, "created_at": ""}


def test_flags_of_plan_make_the_request(command_line: CommandLine) -> None:
    found = command_line.run("compare", "--model", "Llama-3.1-8B-Instruct", "--tokens-per-day", "1000000", "--json")
    assert 0 == found.code and "1e+06 tokens a day" == found.document["load"]


def test_an_owned_file_overrides_the_facts(command_line: CommandLine, request_file: Path) -> None:
    (command_line.here / "owned.yaml").write_text("system: dgx-h100\ncapex_usd: 400000\nusd_per_kwh: 0.05\n")
    found = command_line.run("compare", "request.yaml", "--owned", "owned.yaml", "--json")
    assert 0 == found.code
    assert found.document["owned"]["inputs"]["capex_usd"] == "400000; as given"
    assert "$0.0500/kWh" in next(one["says"] for one in found.document["owned"]["lines"] if one["name"] == "electricity")


@pytest.mark.parametrize(("arguments", "says"), [
    (("--hours-per-week", "40", *OFFICE), "--hours-per-week and --schedule: a schedule already gives the hours"),
    (("--hours-per-week", "200"), "hours_per_week: must be more than 0 and at most 168, not 200"),
    (("--hours-per-week", "nan"), "hours_per_week: must be more than 0"),
    (("--schedule", "weekdays"), "schedule: not understood: 'weekdays'"),
    (("--months", "0"), "--months: must be more than 0 and at most 240, not 0"),
    (("--load-share", "1.5"), "--load-share: must be more than 0 and at most 1, not 1.5"),
    (("--owned", "dgx-h1000"), "system: there is no 'dgx-h1000'; allowed: hgx-h100-8-gpu-server"),
    (("--owned", "none.yaml"), "none.yaml: "),
])  # fmt: skip
def test_wrong_input_is_one_line(command_line: CommandLine, request_file: Path, arguments: tuple[str, ...], says: str) -> None:
    """Naming the field, what is wrong and what is allowed."""
    before = command_line.tree()
    found = command_line.run("compare", "request.yaml", *arguments)
    assert 2 == found.code and "" == found.out
    assert found.err.startswith(f"Error: {says}"), found.err
    assert before == command_line.tree()


def test_a_wrong_field_of_the_owned_file_is_named_with_its_line(command_line: CommandLine, request_file: Path) -> None:
    """As in every other record."""
    (command_line.here / "owned.yaml").write_text("system: dgx-h100\npue: 0.5\n")
    found = command_line.run("compare", "request.yaml", "--owned", "owned.yaml")
    assert 2 == found.code and "owned.yaml:2: pue: must be greater than or equal to 1" in found.err


def test_a_plan_takes_no_flags_of_a_request(command_line: CommandLine, request_file: Path) -> None:
    command_line.run("plan", "request.yaml")
    found = command_line.run("compare", str(command_line.work / "default" / "current" / "plan.json"), "--users", "3")
    assert 2 == found.code and "is a plan and cannot be combined with request flags: --users" in found.err


def test_a_model_that_does_not_fit_the_owned_system_is_said(command_line: CommandLine) -> None:
    """Exit code 1: the work was done and found something."""
    found = command_line.run("compare", "--model", "DeepSeek-R1", "--users", "1", "--owned", "rtx-pro-6000-card")
    assert 1 == found.code and "--owned rtx-pro-6000-card: sized as g7e.2xlarge" in found.err


def test_what_a_cache_costs_is_said_where_prompts_hit_it(command_line: CommandLine) -> None:
    """A host may ask more for a prompt that it writes into its cache; without hits there is nothing to say."""
    asked = ("compare", "--model", "Llama-3.3-70B-Instruct", "--request-rate", "4")
    hits = command_line.run(*asked, "--prefix-hit-rate", "0.8")
    assert "writes to a prompt cache are not counted" in " ".join(hits.out.split())
    assert "not every host grants both" in " ".join(command_line.run(*asked, "--prefix-hit-rate", "0.8", "--batch").out.split())
    assert "prompt cache" not in command_line.run(*asked).out


def test_spot_leaves_out_zones_without_capacity(command_line: CommandLine) -> None:
    """Two of seven zones carry the on-demand price of p5.48xlarge: two instances are $37, not $110, in compare and in a plan."""
    asked = ("--model", "Llama-4-Scout-17B-16E-Instruct", "--weight-quant", "fp8", "--request-rate", "4", "--instance-type", "p5.48xlarge")
    spot = next(one for one in command_line.run("compare", *asked, "--json").document["options"] if one["option"] == "spot")
    assert 33 < spot["usd_per_hour"] < 40
    assert "2 zones at the on-demand price excluded" in spot["reason"]
    plan = command_line.run("plan", *asked, "--json").document
    bought = next(one for one in plan["purchase_options"] if one["option"] == "spot")
    assert bought["usd_per_hour"] < 0.4 * plan["usd_per_hour"] and "2 more have no spare capacity" in bought["note"]


def test_a_plan_says_that_its_tokens_are_those_of_the_answers(command_line: CommandLine) -> None:
    """Beside APIs that price input and output apart, a figure without the word would be compared with the wrong one."""
    said = command_line.run("plan", "--model", "Llama-3.1-8B-Instruct", "--request-rate", "2", "--details").out
    assert "per million output tokens" in said and "$/1M out" in said
