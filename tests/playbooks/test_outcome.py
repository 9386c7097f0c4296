"""What a play did, folded from Ansible's events."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from inferstack.records.configured import Host
from inferstack.records.errors import CloudRefused
from playbooks.outcome import Drained, RunOutcome

HOST = Host(name="i-0a", instance_id="i-0a", private_ip="10.0.0.4", login_user="ubuntu")


def _event(kind: str, result: dict[str, Any] | None = None, *, task: str = "t", role: str = "r") -> dict[str, Any]:
    return {"event": kind, "event_data": {"host": "i-0a", "role": role, "task": task, "res": result or {}}}


def _folded(*events: dict[str, Any]) -> tuple[RunOutcome, list[tuple[str, str, str, str]]]:
    outcome, seen = RunOutcome(playbook="site.yml", log=Path("log")), []
    for event in events:
        outcome.take(event, lambda *words: seen.append(words))
    return outcome, seen


def test_counts_are_those_of_ansible_itself() -> None:
    """A task with no_log tells in its event neither result nor change, so the events are not counted."""
    stats = {
        "event": "playbook_on_stats",
        "event_data": {"ok": {"i-0a": 3}, "changed": {"i-0a": 1}, "failures": {}, "dark": {}, "skipped": {"i-0a": 2}},
    }
    outcome, _ = _folded(
        _event("runner_on_ok", {"stdout": '{"ready": true, "completion_tokens": 4, "weights_manifest_sha256": "ab"}'}), stats
    )
    result = outcome.host_result(HOST)
    assert (3, 1, 0, 2, True, 4) == (result.ok, result.changed, result.failed, result.skipped, result.ready, result.completion_tokens)
    assert "ab" == result.weights_manifest_sha256


def test_a_host_that_answered_no_completion_is_not_ready() -> None:
    """Ready is what the check printed, never what is hoped for."""
    outcome, _ = _folded(_event("runner_on_ok", {"stdout": "{not json"}))
    assert (False, 0) == (outcome.host_result(HOST).ready, outcome.host_result(HOST).completion_tokens)


def test_progress_tells_start_and_end_of_each_task() -> None:
    """The display gets host, role, task and what became of it."""
    _, seen = _folded(_event("runner_on_start"), _event("runner_on_ok", {"changed": True}), _event("runner_on_skipped"))
    assert [("i-0a", "r", "t", status) for status in ("running", "changed", "skipped")] == seen


def test_the_first_failure_becomes_one_line_with_the_journal_as_hint() -> None:
    """Host, role, task, the first line of standard error; the journal's tail and the log follow."""
    outcome, _ = _folded(
        _event("runner_on_failed", {"msg": "non-zero return code", "stderr": "x.service is failed\nloading\nout of memory"}, task="Wait"),
        _event("runner_on_failed", {"msg": "later"}),
    )
    refused = outcome.refusal()
    assert ("i-0a: r: Wait: x.service is failed", "host") == (refused.message, refused.kind)
    assert "loading | out of memory; read log" == refused.hint


def test_a_failure_before_any_task_says_what_ansible_said() -> None:
    """A playbook that cannot be read has no failed task."""
    outcome, _ = _folded({"event": "error", "stdout": "\n[ERROR]: no such role\nmore"})
    assert "site.yml: [ERROR]: no such role" == outcome.refusal().message


def test_a_role_of_which_no_task_ran_was_not_checked() -> None:
    """A check that cannot fail is none."""
    outcome, _ = _folded(_event("runner_on_skipped"))
    with pytest.raises(CloudRefused) as refused:
        outcome.ran("r")
    assert "site.yml: role r ran no task, so it was not checked" == refused.value.message


def test_a_drain_tells_what_it_cut_off() -> None:
    """Requests that still ran when the wait was over are counted, not hidden."""
    outcome, _ = _folded(_event("runner_on_ok", {"stdout": '{"waited_s": 30.0, "cut_off": 2}'}))
    assert Drained("i-0a", 30.0, 2) == outcome.drained(HOST)


def test_a_line_that_ends_with_a_colon_is_told_with_the_next() -> None:
    """Ansible's own validation says what is wrong in its second line."""
    outcome, _ = _folded(_event("runner_on_failed", {"msg": "Validation of arguments failed:\nx is not an int"}))
    assert "i-0a: r: t: Validation of arguments failed: x is not an int" == outcome.refusal().message
