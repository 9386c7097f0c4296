"""A user's mistake in an invoke: a failure that names the argument, not an error of the provider."""

from __future__ import annotations


class Mistake(Exception):
    def __init__(self, property: str, reason: str) -> None:
        super().__init__(reason)
        self.property, self.reason = property, reason
