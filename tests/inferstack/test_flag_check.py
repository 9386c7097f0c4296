"""A colleague's plan.json chooses no option that runs code, and none that nobody is told of."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from inferstack.chain import flag_check
from inferstack.records.plan import Plan
from tests.inferstack.command_line import CommandLine

HOSTILE = {"trust-remote-code": True, "tool-parser-plugin": "/opt/evil.py", "load-format": "pt", "middleware": "os.system"}


@pytest.fixture
def plan(command_line: CommandLine, request_file: Path) -> dict[str, Any]:
    answer = command_line.run("plan", str(request_file), "--rehearse", "--json")
    assert 0 == answer.code, answer.err
    return dict(answer.document.get("plan", answer.document))


def _refused(command_line: CommandLine, plan: dict[str, Any], verb: str, *more: str) -> str:
    (command_line.here / "plan.json").write_text(json.dumps(plan))
    answer = command_line.run(verb, "plan.json", "--stack", "other", "--rehearse", "-y", *more)
    assert 2 == answer.code, answer.out
    return answer.err


@pytest.mark.parametrize("verb", ["preview", "up"])
def test_flags_that_run_code_are_refused_by_name_before_a_stack_is_made(command_line: CommandLine, plan: dict[str, Any], verb: str) -> None:
    """Every one is named with what it does, and the way to allow it; one that is allowed does not allow another.

    Code of the model's repository has a consent of its own, in the request.
    """
    plan["engine_flags"] |= HOSTILE
    assert "request.trust_remote_code" in _refused(command_line, plan, verb)
    del plan["engine_flags"]["trust-remote-code"]
    others = [name for name in HOSTILE if name != "trust-remote-code"]
    said = _refused(command_line, plan, verb)
    assert all(f"--{name} (" in said and f"--allow-flag {name}" in said for name in others)
    said = _refused(command_line, plan, verb, "--allow-flag", "load-format", "--allow-flag", "--middleware")
    assert "--tool-parser-plugin (" in said and "--load-format (" not in said and "--middleware (" not in said
    assert not (command_line.work / "other").exists()


def test_what_the_planner_wrote_is_nothing_to_show(plan: dict[str, Any]) -> None:
    """Planned again for the same request on the same cluster: the same options."""
    assert () == flag_check.unplanned(Plan.model_validate(plan))


def test_what_the_planner_did_not_write_is_shown(plan: dict[str, Any]) -> None:
    """Another value counts as well as another option."""
    plan["engine_flags"] |= {"max-num-seqs": 7, "enforce-eager": True}
    told = Plan.model_validate(plan)
    assert {"--max-num-seqs 7", "--enforce-eager True"} == set(flag_check.unplanned(told))
    assert "max-num-seqs 7" in flag_check.said(told)[0] and "enforce-eager" in flag_check.said(told)[0]


def test_where_it_cannot_be_planned_again_every_flag_is_shown(plan: dict[str, Any], monkeypatch: pytest.MonkeyPatch) -> None:
    """Nothing is taken for the planner's that could not be compared."""
    monkeypatch.setattr(flag_check, "_written", lambda told: {})
    assert len(plan["engine_flags"]) == len(flag_check.unplanned(Plan.model_validate(plan)))


def test_a_draft_of_the_request_is_no_other_hands_flag(plan: dict[str, Any]) -> None:
    """The planner writes the draft that the request names; any other key or draft is refused."""
    plan["request"] |= {"speculative_method": "eagle3", "speculative_model": "/opt/draft", "speculative_tokens": 3}
    told = {"method": "eagle3", "model": "/opt/draft", "num_speculative_tokens": 3}
    plan["engine_flags"]["speculative-config"] = json.dumps(told)
    flag_check.refuse_dangerous(Plan.model_validate(plan), allowed=())
    for other in ({**told, "model": "/elsewhere"}, {**told, "custom_class": "evil.Draft"}):
        plan["engine_flags"]["speculative-config"] = json.dumps(other)
        with pytest.raises(Exception, match="speculative-config"):
            flag_check.refuse_dangerous(Plan.model_validate(plan), allowed=())
