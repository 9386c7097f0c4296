"""`inferstack bill`: any program, in three forms, with exit codes."""

from __future__ import annotations

import json
from pathlib import Path

import jsonschema
import pytest

from tests.inferstack.command_line import CommandLine
from tests.pricing.examples import CASES, FOLDER

ROOT = Path(__file__).parents[2]
ON = ("--on", "2026-11-27")
UNKNOWN_GPU = {
    "type": "aws:sagemaker/endpointConfiguration:EndpointConfiguration",
    "name": "x",
    "inputs": {"instanceType": "ml.p5.48xlarge"},
}


def arguments(case: str) -> list[str]:
    file = FOLDER / case / "usage.yaml"
    return ["bill", str(FOLDER / case / "registrations.json"), *ON, *(["--usage", str(file)] if file.exists() else [])]


@pytest.mark.parametrize("case", CASES)
def test_the_verb_prints_the_golden_forms(command_line: CommandLine, case: str) -> None:
    """Text, Markdown and JSON as they stand beside the example; the JSON is what its published schema says."""
    text = command_line.run(*arguments(case))
    assert (0, (FOLDER / case / "bill.txt").read_text(encoding="utf-8")) == (text.code, text.out)
    assert (FOLDER / case / "bill.md").read_text(encoding="utf-8") == command_line.run(*arguments(case), "--markdown").out
    document = command_line.run(*arguments(case), "--json").document
    assert json.loads((FOLDER / case / "bill.json").read_text(encoding="utf-8")) == document
    jsonschema.validate(document, json.loads((ROOT / "docs/reference/schemas/bill.schema.json").read_text(encoding="utf-8")))


def test_an_unknown_type_that_bears_a_gpu_has_no_total_and_exit_code_1(command_line: CommandLine) -> None:
    """The bill is shown all the same, in JSON too; the error names the resource."""
    content = json.loads((FOLDER / "single-p5" / "registrations.json").read_text(encoding="utf-8"))
    path = command_line.here / "registrations.json"
    path.write_text(json.dumps({**content, "resources": [*content["resources"], UNKNOWN_GPU]}), encoding="utf-8")
    text, as_json = command_line.run("bill", str(path), *ON), command_line.run("bill", str(path), *ON, "--json")
    assert (1, 1, None) == (text.code, as_json.code, as_json.document["bill"]["usd_per_hour"])
    assert "p5.48xlarge instances" in text.out and "No total" in text.out
    assert "may have a GPU and has no price" in text.err


def test_usage_is_found_beside_the_settings_and_a_mistake_is_one_line(command_line: CommandLine) -> None:
    """usage.yaml lies beside inferstack.yaml; --usage goes before it; a wrong one is exit code 2 with its line."""
    file = str(FOLDER / "nat-usage" / "registrations.json")
    settings, used = command_line.here / "inferstack.yaml", command_line.here / "usage.yaml"
    plain = command_line.run("bill", file, *ON, "--json").document["bill"]["usd_per_month"]
    settings.write_text("region: us-east-1\n", encoding="utf-8")
    used.write_text('usage: {"aws:ec2/natGateway:NatGateway": {data_gb: 1000}}\n', encoding="utf-8")
    assert pytest.approx(plain + 45) == command_line.run("bill", file, *ON, "--json").document["bill"]["usd_per_month"]
    other = command_line.here / "other.yaml"
    other.write_text('usage: {"aws:ec2/natGateway:NatGateway": {data: 1}}\n', encoding="utf-8")
    wrong = command_line.run("bill", file, *ON, "--usage", str(other))
    assert 2 == wrong.code
    assert "other.yaml:1: usage.aws:ec2/natGateway:NatGateway.data: has no usage-based charge; allowed: data_gb" in wrong.err


@pytest.mark.parametrize(
    ("given", "said"),
    [
        (("bill",), "no such stack"),
        (("bill", "nowhere.json"), "nowhere.json: no such file"),
        (("bill", "nowhere.json", "--usage", "none.yaml"), "none.yaml: no such file"),
        (("bill", "x.json", "--hours", "-1"), "--hours"),
        (("bill", "x.json", "--on", "today"), "--on"),
    ],
)
def test_wrong_use_is_exit_code_2(command_line: CommandLine, given: tuple[str, ...], said: str) -> None:
    """The line names what is wrong."""
    answer = command_line.run(*given)
    assert 2 == answer.code
    assert said in answer.err


def test_a_preview_without_a_region_asks_for_one(command_line: CommandLine) -> None:
    """--region says it; no region is taken for granted, the settings' one is of new stacks."""
    path = command_line.here / "preview.json"
    urn = "urn:pulumi:x::p::pulumi:pulumi:Stack::p-x"
    path.write_text(
        json.dumps({"steps": [{"op": "same", "urn": urn, "newState": {"urn": urn, "type": "pulumi:pulumi:Stack"}}]}), encoding="utf-8"
    )
    assert "has no region" in command_line.run("bill", str(path)).err
    assert 0 == command_line.run("bill", str(path), "--region", "us-west-2").code


PLAN = ("plan", "--model", "Llama-3.1-8B-Instruct")


def test_a_plan_alone_has_a_bill_without_a_login(command_line: CommandLine) -> None:
    """No backend, no identity, no state: the cluster that `up` would build, by stack or by file; the base settings count."""
    assert 0 == command_line.run(*PLAN, "--users", "4", "--stack", "a").code
    plan = command_line.work / "a" / "current" / "plan.json"
    by_stack = command_line.run("bill", "--stack", "a", "--json")
    by_file = command_line.run("bill", str(plan), "--json")
    assert (0, 0) == (by_stack.code, by_file.code), by_stack.err
    bill = by_stack.document["bill"]
    assert bill == by_file.document["bill"] and "plan.json" == by_stack.document["source"]
    nodes = json.loads(plan.read_text())["usd_per_hour"]
    assert nodes < bill["usd_per_hour"] < nodes + 0.25
    assert pytest.approx(4.0, abs=0.02) == bill["hours_until_expiry"]


def test_the_bill_of_a_plan_follows_settings_and_hours(command_line: CommandLine) -> None:
    """Egress none has no NAT gateway; --hours is the time until it is taken down."""
    assert 0 == command_line.run(*PLAN, "--users", "4").code
    with_nat = command_line.run("bill", "--json").document["bill"]["usd_per_hour"]
    (command_line.here / "inferstack.yaml").write_text("egress: none\n")
    plan = str(command_line.work / "default" / "current" / "plan.json")
    found = command_line.run("bill", plan, "--hours", "2", "--json").document["bill"]
    assert 2 == found["hours_until_expiry"] and found["usd_per_hour"] < with_nat
    wrong = command_line.run("bill", plan, "--region", "eu-west-1")
    assert 2 == wrong.code and "is a plan for us-east-1" in wrong.err


@pytest.mark.parametrize("verb", ["preview", "up"])
def test_without_a_backend_the_hint_names_what_works(command_line: CommandLine, verb: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """A setting that every verb reads, and the bill that needs none of it."""
    monkeypatch.setenv("PULUMI_HOME", str(command_line.here))
    assert 0 == command_line.run(*PLAN, "--users", "4", "--stack", "a").code
    refused = command_line.run(verb, "--stack", "a", "--yes")
    assert 2 == refused.code and "no Pulumi backend" in refused.err
    assert "INFERSTACK_BACKEND=URL" in refused.err and "inferstack bill --stack a" in refused.err
