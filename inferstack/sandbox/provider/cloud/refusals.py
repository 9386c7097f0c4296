"""Errors: AWS's told apart (gone, still in use) and said in one line ("<Code>: <Message>"), and a user's own in an invoke."""

from __future__ import annotations

import re

GONE = re.compile(r"NotFound|NoSuch|^404$")
IN_USE = (
    "DependencyViolation",
    "DeleteConflict",
    "ResourceInUse",
    "ResourceInUseException",
    "InvalidGroup.InUse",
    "ScalingActivityInProgress",
    "InvalidIPAddress.InUse",
    "AuthFailure.InUse",
    "OperationAborted",
)


class Mistake(Exception):
    """A user's mistake in an invoke: a failure that names the argument, not an error of the provider."""

    def __init__(self, property: str, reason: str) -> None:
        super().__init__(reason)
        self.property, self.reason = property, reason


def code(error: Exception) -> str:
    response = getattr(error, "response", None) or {}
    return str(response.get("Error", {}).get("Code", ""))


def is_gone(error: Exception) -> bool:
    """Say whether the error means that the thing is gone; for a missing group AutoScaling says ValidationError with the words "not
    found"."""
    return bool(GONE.search(code(error))) or (code(error) == "ValidationError" and "not found" in str(error))


def is_in_use(error: Exception) -> bool:
    return code(error) in IN_USE


def line(error: BaseException) -> str:
    """One line, whatever the error holds."""
    response = getattr(error, "response", None) or {}
    said = response.get("Error", {})
    text = f"{said['Code']}: {said.get('Message', '')}" if said.get("Code") else _named(error)
    return " ".join(text.split())


def _named(error: BaseException) -> str:
    own = type(error).__module__.startswith("inferstack.sandbox.")
    return str(error) if own else f"{type(error).__name__}: {error}"
