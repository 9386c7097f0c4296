"""`inferstack export`: where it writes, what it says, and what it refuses before it writes."""

from __future__ import annotations

import hashlib
import json
from pathlib import Path

import pytest
import yaml

from inferstack.exports import table
from inferstack.verbs import export
from tests.inferstack.command_line import CommandLine
from tests.inferstack.exports.cases import plan

PLAN = "a plan.json"


@pytest.fixture
def planned(command_line: CommandLine) -> CommandLine:
    """A plan's file in the folder that the user stands in."""
    Path(PLAN).write_text(plan("one GPU").to_json(), encoding="utf-8")
    return command_line


def test_a_document_goes_to_standard_output(planned: CommandLine) -> None:
    """It is the tool's own format, comments included, and names the file and its digest."""
    found = planned.run("export", "--to", "compose", PLAN)
    assert (0, "") == (found.code, found.err)
    assert "engine" in yaml.safe_load(found.out)["services"]
    digest = hashlib.sha256(Path(PLAN).read_bytes()).hexdigest()[:12]
    assert f"from {PLAN} (sha256 {digest})" in " ".join(line.lstrip("# ") for line in found.out.splitlines())


def test_a_document_goes_into_a_file_or_a_folder(planned: CommandLine) -> None:
    """A folder holds it under the tool's own name; its commands name the file that was written."""
    Path("out").mkdir()
    assert "Written: out/compose.yaml\n" == planned.run("export", "--to", "compose", PLAN, "--out", "out").out
    assert "Written: new/mine.yaml\n" == planned.run("export", "--to", "compose", PLAN, "--out", "new/mine.yaml").out
    assert "docker compose -f mine.yaml up" in Path("new/mine.yaml").read_text()
    assert yaml.safe_load(Path("new/mine.yaml").read_text()) == yaml.safe_load(Path("out/compose.yaml").read_text())


def test_one_json_document_holds_the_text(planned: CommandLine) -> None:
    found = planned.run("export", "--to", "kubernetes", PLAN, "--json")
    assert {"target", "file_name", "text"} == set(found.document) and "kubernetes.yaml" == found.document["file_name"]
    assert 2 == len(list(yaml.safe_load_all(found.document["text"])))


def test_a_request_is_planned_and_the_stacks_own_plan_is_the_default(command_line: CommandLine) -> None:
    Path("request.yaml").write_text("model: Llama-3.1-8B-Instruct\nisl: 512\nosl: 64\nrequest_rate: 4\n")
    assert 0 == command_line.run("export", "--to", "kserve", "request.yaml").code
    refused = command_line.run("export", "--to", "kserve")
    assert 2 == refused.code and "--stack default" in refused.err
    assert 0 == command_line.run("plan", "request.yaml").code
    found = command_line.run("export", "--to", "kserve")
    assert 0 == found.code and "plan.json of run" in found.out


@pytest.mark.parametrize(
    ("arguments", "says"),
    [
        (("--to", "ollama"), "--to ollama: it does not run vllm"),
        (("--to", "k9s"), "--to 'k9s': must be vllm, docker-compose,"),
        ((), "Missing option '--to'"),
        (("--to", "vllm", "--out", "there.yaml/x"), "--out: there.yaml/x: "),
    ],
)
def test_wrong_use_is_one_line_and_writes_nothing(planned: CommandLine, arguments: tuple[str, ...], says: str) -> None:
    Path("there.yaml").write_text("mine")
    before = planned.tree()
    found = planned.run("export", PLAN, *arguments)
    assert 2 == found.code and says in found.err and len(found.err.splitlines()) <= 2
    assert before == planned.tree()


def test_a_flag_that_runs_code_needs_a_persons_word(planned: CommandLine) -> None:
    """A plan.json is a file that others may have written."""
    changed = json.loads(Path(PLAN).read_text())
    changed["engine_flags"]["middleware"] = "evil.Module"
    Path(PLAN).write_text(json.dumps(changed))
    refused = planned.run("export", "--to", "vllm", PLAN)
    assert 2 == refused.code and "--middleware" in refused.err and "--allow-flag middleware" in refused.err
    allowed = planned.run("export", "--to", "vllm", PLAN, "--allow-flag", "middleware")
    assert 0 == allowed.code and "evil.Module" == yaml.safe_load(allowed.out)["middleware"]


def test_names_of_tools_are_completed() -> None:
    assert ["kubernetes", "kserve"] == export._targets("k") and list(table.NAMES) == export._targets("")
