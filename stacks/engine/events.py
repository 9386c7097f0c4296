"""Engine events as this project's own small records: progress for people, changes for the preview, errors each once."""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any, Literal

from inferstack.records.preview import Change

STACK_TYPE = "pulumi:pulumi:Stack"
COLOUR = re.compile(r"<\{%[^%]*%\}>")
SUMMARIES = ("update failed", "preview failed", "refresh failed", "destroy failed")


@dataclass(frozen=True)
class EngineProgress:
    """One step of one resource. `op` as the engine names it; `message` only where a step failed."""

    urn: str
    type: str
    name: str
    op: str
    status: Literal["started", "done", "failed"]
    message: str = ""


@dataclass
class Listener:
    """Fed with every event of one command. Never raises: an exception here would end the SDK's reading thread unseen."""

    on_event: Callable[[EngineProgress], object] | None = None
    changes: list[Change] = field(default_factory=list)
    errors: list[str] = field(default_factory=list)
    broken: BaseException | None = None
    result: Any = None

    def __call__(self, event: Any) -> None:
        try:
            self._hear(event)
        except Exception as error:  # noqa: BLE001  told by the command that listens
            self.broken = self.broken or error

    def _hear(self, event: Any) -> None:
        if event.resource_pre_event:
            metadata = event.resource_pre_event.metadata
            self.changes.append(_change(metadata))
            self._tell(metadata, "started")
        elif event.res_outputs_event:
            self._tell(event.res_outputs_event.metadata, "done")
        elif event.res_op_failed_event:
            self._tell(event.res_op_failed_event.metadata, "failed")
        elif event.diagnostic_event and event.diagnostic_event.severity == "error":
            self._error(COLOUR.sub("", event.diagnostic_event.message).strip())

    def _tell(self, metadata: Any, status: Literal["started", "done", "failed"]) -> None:
        if self.on_event is None or metadata.type == STACK_TYPE:
            return
        self.on_event(EngineProgress(metadata.urn, metadata.type, name_of(metadata.urn), str(metadata.op.value), status))

    def _error(self, text: str) -> None:
        if text and text not in self.errors and text not in SUMMARIES:
            self.errors.append(text)


def name_of(urn: str) -> str:
    return urn.rsplit("::", 1)[-1]


def _change(metadata: Any) -> Change:
    names = sorted(set(metadata.diffs or ()) | set(metadata.detailed_diff or {}))
    return Change(op=str(metadata.op.value), urn=metadata.urn, type=metadata.type, name=name_of(metadata.urn), diff=tuple(names))
