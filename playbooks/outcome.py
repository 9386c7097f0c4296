"""What a play did, folded from Ansible's events: counts for each host, readiness, and the one failure worth a line."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from inferstack.records.configured import Host, HostResult
from inferstack.records.errors import CloudRefused

OnEvent = Callable[[str, str, str, str], None]
STATUS = {
    "runner_on_start": "running",
    "runner_on_ok": "ok",
    "runner_on_failed": "failed",
    "runner_on_skipped": "skipped",
    "runner_on_unreachable": "unreachable",
}
COUNTS = {"ok": "ok", "changed": "changed", "failures": "failed", "dark": "unreachable", "skipped": "skipped"}
JOURNAL_LINES = 6


@dataclass(frozen=True)
class Drained:
    """`cut_off`: requests that still ran when the wait was over."""

    name: str
    waited_s: float
    cut_off: int


@dataclass
class RunOutcome:
    playbook: str
    log: Path
    status: str = "failed"
    last: str = "before the first task"
    stats: dict[str, dict[str, int]] = field(default_factory=dict)
    by_role: Counter[tuple[str, str]] = field(default_factory=Counter)
    answers: dict[str, dict[str, Any]] = field(default_factory=dict)
    failures: list[tuple[str, str, str, dict[str, Any]]] = field(default_factory=list)
    said: list[str] = field(default_factory=list)

    def take(self, event: dict[str, Any], on_event: OnEvent) -> None:
        if event["event"] == "end":
            self.status = event["status"]
        status, data = STATUS.get(event["event"]), event.get("event_data", {})
        if event["event"] in ("error", "verbose") and event.get("stdout"):
            self.said.append(event["stdout"])
        if event["event"] == "playbook_on_stats":
            self.stats = data
        if status is None:
            return
        host, role, task = data.get("host", ""), data.get("role", ""), data.get("task", "")
        if status != "running":
            status = self._count(host, role, task, status, data.get("res", {}))
        else:
            self.last = f"{host}: {task}"
        on_event(host, role, task, status)

    def _count(self, host: str, role: str, task: str, status: str, result: dict[str, Any]) -> str:
        self.by_role[role, status] += 1
        if status == "ok":
            self.answers.setdefault(host, {}).update(_answer(result))
        if status in ("failed", "unreachable"):
            self.failures.append((host, role, task, result))
        return "changed" if status == "ok" and result.get("changed") else status

    def host_result(self, host: Host) -> HostResult:
        """Counts are Ansible's own, as the events of a task with `no_log` do not tell that it changed something."""
        answer = self.answers.get(host.name, {})
        counts = {ours: self.stats.get(theirs, {}).get(host.name, 0) for theirs, ours in COUNTS.items()}
        return HostResult(
            name=host.name,
            instance_id=host.instance_id,
            ready=bool(answer.get("ready")),
            completion_tokens=answer.get("completion_tokens", 0),
            weights_manifest_sha256=answer.get("weights_manifest_sha256"),
            **counts,
        )

    def drained(self, host: Host) -> Drained:
        answer = self.answers.get(host.name, {})
        return Drained(host.name, answer.get("waited_s", 0.0), answer.get("cut_off", 0))

    def ran(self, role: str) -> tuple[int, int]:
        """How many tasks of the role ran and were skipped; raises when none ran, for then nothing was checked."""
        if not self.by_role[role, "ok"]:
            raise CloudRefused(f"{self.playbook}: role {role} ran no task, so it was not checked", kind="host", hint=f"read {self.log}")
        return self.by_role[role, "ok"], self.by_role[role, "skipped"]

    def refusal(self) -> CloudRefused:
        if not self.failures:
            reason = next(
                (line.strip() for text in self.said for line in text.splitlines() if line.strip()), "Ansible ended without a message"
            )
            return CloudRefused(f"{self.playbook}: {reason}", kind="host", hint=f"read {self.log}")
        host, role, task, result = self.failures[0]
        lines = _reason(result)
        where = f"{role}: {task}" if role else task
        more = " | ".join(lines[1:][-JOURNAL_LINES:])
        return CloudRefused(f"{host}: {where}: {lines[0]}", kind="host", hint=f"{more + '; ' if more else ''}read {self.log}")


def _answer(result: dict[str, Any]) -> dict[str, Any]:
    """What one of our own programs printed: one JSON object."""
    text = result.get("stdout")
    if not isinstance(text, str) or not text.startswith("{"):
        return {}
    try:
        content = json.loads(text)
    except ValueError:
        return {}
    return content if isinstance(content, dict) else {}


CENSORED = "failed; its output is hidden, because the task handles secrets"


def _reason(result: dict[str, Any]) -> list[str]:
    """The lines that say why, the telling one first: our programs' standard error, else the module's message."""
    for text in (result.get("stderr"), result.get("msg"), result.get("stdout")):
        lines = [line.strip() for line in str(text or "").splitlines() if line.strip()]
        if lines:
            return [f"{lines[0]} {lines[1]}", *lines[2:]] if lines[0].endswith(":") and len(lines) > 1 else lines
    if "censored" in result:
        return [CENSORED]
    return ["failed without a message"]
