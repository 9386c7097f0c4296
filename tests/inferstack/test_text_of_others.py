"""Names that come from files of others: refused or slugged before anything is built, and said in a sentence."""

from __future__ import annotations

import io
import json
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from inferstack.cli.screen import Screen
from inferstack.records.plan import Plan
from inferstack.report import page
from inferstack.show import plan as render_plan
from tests.inferstack.command_line import CommandLine
from tests.sizing.test_local_model import CONFIG

HOSTILE = "acme/{{ lookup('ansible.builtin.pipe', 'id') }}"


def test_a_pasted_config_is_called_after_its_folder_and_the_plan_says_so(command_line: CommandLine) -> None:
    """`_name_or_path` is free text; it becomes an id only where the rule allows it."""
    (command_line.here / "pasted").mkdir()
    shape = {**CONFIG, "hidden_size": 2048, "num_hidden_layers": 16, "num_attention_heads": 32, "num_key_value_heads": 8}
    shape |= {
        "intermediate_size": 8192,
        "vocab_size": 128256,
        "max_position_embeddings": 131072,
        "_name_or_path": HOSTILE + "\x1b[2J\nFAKE",
    }
    (command_line.here / "pasted" / "config.json").write_text(json.dumps(shape))
    answer = command_line.run("plan", "--config", "pasted/config.json", "--users", "5")
    assert 0 == answer.code, answer.err
    assert "\n  pasted in BF16" in answer.out
    assert "is not a model id: the model is called pasted" in answer.out
    assert "\x1b" not in answer.out and "\nFAKE" not in answer.out


@pytest.mark.parametrize("name", [HOSTILE, "acme/m\nExecStartPre=+/bin/sh", "a b", "../../x"])
def test_a_plan_whose_model_has_another_name_is_refused(command_line: CommandLine, request_file: Path, name: str) -> None:
    """A colleague's plan.json, changed by hand: exit 2, in one line, before a stack is made."""
    plan = _planned(command_line, request_file)
    plan["model"]["id"] = name
    (command_line.here / "plan.json").write_text(json.dumps(plan))
    answer = command_line.run("preview", "plan.json", "--stack", "other", "--rehearse", "-y")
    assert 2 == answer.code
    assert "model.id" in answer.err
    assert not (command_line.work / "stacks" / "other").exists()


@pytest.mark.parametrize("region", [HOSTILE, "us-east-1\n", "\x1b[2J", "evil.example.org/#", ""])
def test_a_plan_in_what_is_no_region_is_refused(command_line: CommandLine, request_file: Path, region: str) -> None:
    """It becomes part of every address that AWS is asked at: exit 2, before a stack is made."""
    plan = _planned(command_line, request_file)
    plan["region"] = plan["request"]["region"] = region
    (command_line.here / "plan.json").write_text(json.dumps(plan))
    answer = command_line.run("preview", "plan.json", "--stack", "other", "--rehearse", "-y")
    assert 2 == answer.code
    assert "region" in answer.err and "\x1b" not in answer.err
    assert not (command_line.work / "other").exists()


@pytest.mark.parametrize("sign", ["\n", "\x1b", "\x00", "\r", "\x85", "\u2028"])
def test_an_engine_flag_that_no_unit_can_say_is_refused_before_a_node_is_bought(
    command_line: CommandLine, request_file: Path, sign: str
) -> None:
    """Allowed or not: the node's unit would refuse it, with a GPU running."""
    plan = _planned(command_line, request_file)
    plan["engine_flags"]["chat-template"] = f"a{sign}b"
    (command_line.here / "plan.json").write_text(json.dumps(plan))
    answer = command_line.run("preview", "plan.json", "--stack", "other", "--rehearse", "-y", "--allow-flag", "chat-template")
    assert 2 == answer.code
    assert "engine_flags.chat-template" in answer.err and "contains a control character" in answer.err


@pytest.mark.parametrize("flag", ["served-model-name", "alias"])
def test_a_plan_that_serves_under_another_name_is_refused(command_line: CommandLine, request_file: Path, flag: str) -> None:
    """The name under which the engine answers keeps the same rule."""
    plan = _planned(command_line, request_file)
    plan["engine_flags"][flag] = HOSTILE
    (command_line.here / "plan.json").write_text(json.dumps(plan))
    answer = command_line.run("preview", "plan.json", "--stack", "other", "--rehearse", "-y")
    assert 2 == answer.code
    assert f"engine_flags.{flag}" in answer.err and "is not a model id" in answer.err


@pytest.mark.parametrize("name", ["a b", "../x", HOSTILE, "-x/y"])
def test_weights_are_not_put_under_another_name(command_line: CommandLine, request_file: Path, name: str) -> None:
    """--as and the id on the hub keep the rule; the base is not even made."""
    _planned(command_line, request_file)
    (command_line.here / "files").mkdir()
    answer = command_line.run("weights", "put", "files", f"--as={name}", "--stack", "default", "-y")
    assert 2 == answer.code
    assert "is not a model id" in answer.err


def _planned(command_line: CommandLine, request_file: Path) -> dict:  # type: ignore[type-arg]
    answer = command_line.run("plan", str(request_file), "--rehearse", "--json")
    assert 0 == answer.code, answer.err
    document = answer.document
    return dict(document.get("plan", document))


@pytest.mark.parametrize("kind", ["plan", "report"])
def test_every_text_of_a_plan_is_shown_and_does_nothing(command_line: CommandLine, request_file: Path, kind: str) -> None:
    """On the terminal no control and no forged line; in the report no tag of others."""
    hostile = "\x1b]0;OWNED\x07\u202e</style></script><img src=x onerror=alert(1)>\nFAKE LINE: $0.01/h"
    whole, tried = _planned(command_line, request_file), 0
    for path in _leaves(whole):
        try:
            plan = Plan.model_validate(_with(whole, path, hostile))
        except ValueError:
            continue
        tried += 1
        if kind == "plan":
            said = io.StringIO()
            render_plan.show(Screen(out=said, err=said), plan, folder=Path("x"))
            assert not re.search("[\x00-\x09\x0b-\x1f\x7f-\x9f\u202e]|\n *FAKE", said.getvalue()), path
        else:
            assert "<img src=x" not in page.page(page.Contents(plan=plan, made_at=plan.created_at)), path
    assert 20 < tried


def _leaves(value: Any, path: tuple[Any, ...] = ()) -> Iterator[tuple[Any, ...]]:
    inner = value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
    for name, one in inner:
        yield from _leaves(one, (*path, name))
    if isinstance(value, str):
        yield path


def _with(value: Any, path: tuple[Any, ...], text: str) -> Any:
    if not path:
        return text
    if isinstance(value, dict):
        return {**value, path[0]: _with(value[path[0]], path[1:], text)}
    return [_with(one, path[1:], text) if number == path[0] else one for number, one in enumerate(value)]


def test_a_report_on_disk_holds_no_control_character(command_line: CommandLine, request_file: Path) -> None:
    """Somebody prints it in a terminal; a direction of text of others turns no line of the page around."""
    plan = _planned(command_line, request_file)
    plan["assumptions"] = ["\x1b]0;OWNED\x07\x1b[2J\u202e"]
    (command_line.here / "plan.json").write_text(json.dumps(plan))
    answer = command_line.run("report", "plan.json", "--out", "report.html")
    assert 0 == answer.code, answer.err
    assert not re.search("[\x00-\x09\x0b-\x1f\x7f-\x9f\u202e]", (command_line.here / "report.html").read_text())
