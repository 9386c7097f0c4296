"""`inferstack simulate`: of a file or of the stack's plan, as text, as JSON and as SVG; wrong input is one line and exit code 2."""

from __future__ import annotations

import json
from pathlib import Path
from xml.etree import ElementTree

import pytest

from tests.inferstack.command_line import CommandLine


def test_a_request_file_is_planned_and_simulated_and_nothing_is_written(command_line: CommandLine, request_file: Path) -> None:
    before = command_line.tree()
    found = command_line.run("simulate", "request.yaml", "--requests-count", "200")
    assert (0, "") == (found.code, found.err)
    assert "TTFT ms" in found.out and "waiting, 0 to" in found.out and "formula" in found.out
    assert "\x1b" not in found.out
    assert before == command_line.tree()


def test_the_stacks_own_plan_gets_its_simulation_beside_it(command_line: CommandLine, request_file: Path) -> None:
    command_line.run("plan", "request.yaml")
    found = command_line.run("simulate", "--arrivals", "gamma:0.2", "--requests-count", "200", "--json")
    run = command_line.work / "default" / "current"
    assert 0 == found.code
    assert json.loads((run / "simulation.json").read_text()) == found.document
    assert "gamma-distributed gaps" in found.document["arrivals"]
    by_file = command_line.run("simulate", str(run / "plan.json"), "--arrivals", "gamma:0.2", "--requests-count", "200", "--json")
    assert found.document == by_file.document


def test_the_picture_is_the_same_for_the_same_seed_and_is_xml(command_line: CommandLine, request_file: Path) -> None:
    for name in ("a.svg", "b.svg"):
        assert 0 == command_line.run("simulate", "request.yaml", "--requests-count", "200", "--svg", name).code
    text = (command_line.here / "a.svg").read_text()
    assert text == (command_line.here / "b.svg").read_text()
    groups = [one.get("id") for one in ElementTree.fromstring(text).iter("{http://www.w3.org/2000/svg}g")]
    assert ["waiting", "running", "kv", "ttft"] == groups


def test_requests_of_a_file_are_simulated(command_line: CommandLine, request_file: Path) -> None:
    lines = [json.dumps({"arrival_s": n / 4, "input_tokens": 100 + n, "output_tokens": 20}) for n in range(40)]
    (command_line.here / "requests.jsonl").write_text("\n".join(lines))
    found = command_line.run("simulate", "request.yaml", "--requests", "requests.jsonl", "--json")
    assert (40, 800) == (found.document["completed"], found.document["output_tokens"])


@pytest.mark.parametrize(
    ("arguments", "says"),
    [
        (("request.yaml", "--arrivals", "uniform"), "--arrivals"),
        (("request.yaml", "--arrivals", "closed"), "the plan's load is 4 requests/s"),
        (("request.yaml", "--requests", "none.jsonl"), "none.jsonl"),
        (("request.yaml", "--requests", "request.yaml", "--arrivals", "poisson"), "--arrivals and --requests"),
        (("request.yaml", "--requests", "request.yaml"), "request.yaml:1: not JSON"),
        (("request.yaml", "--svg", "."), "--svg: .: is a folder"),
        (("none.yaml",), "none.yaml"),
        ((), "no such stack"),
    ],
)
def test_wrong_input_is_one_line_and_exit_code_2(
    arguments: tuple[str, ...], says: str, command_line: CommandLine, request_file: Path
) -> None:
    found = command_line.run("simulate", *arguments, "--json")
    assert 2 == found.code
    assert says in found.err or says in found.document["error"]["message"]
