"""The error tree. Every class is one exit code; `inferstack/cli/edge.py` prints it as one line and a hint.

InferstackError
├── Finding          1  the work was done and found something: infeasible, drift, verdict failed, something left
├── InputError       2  wrong use or wrong input: where (file, line, field), what is wrong, what is allowed
├── MissingTool      3  a thing is missing on this machine (`inferstack doctor` says how to get it), or the machine refuses
├── CloudRefused     4  the cloud or a host refused; `kind` tells quota, capacity, permission ... apart
└── Interrupted    130  stopped by the user; the state is safe, the hint names the next command
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Literal

RefusalKind = Literal["quota", "capacity", "permission", "unsupported", "throttled", "timeout", "provider", "host", "other"]


class InferstackError(Exception):
    """`message` is one line without a full stop at the end; `hint` names the next step. `document` is what was done all the same."""

    code = 1

    def __init__(self, message: str, *, hint: str = "", document: Mapping[str, Any] | None = None) -> None:
        super().__init__(message)
        self.message = message
        self.hint = hint
        self.document = dict(document or {})


class Finding(InferstackError):
    code = 1


class InputError(InferstackError):
    code = 2


class MissingTool(InferstackError):
    code = 3


class CloudRefused(InferstackError):
    code = 4

    def __init__(self, message: str, *, kind: RefusalKind = "other", hint: str = "", document: Mapping[str, Any] | None = None) -> None:
        super().__init__(message, hint=hint, document=document)
        self.kind = kind


class Interrupted(InferstackError):
    code = 130
