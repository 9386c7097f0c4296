"""Asking EC2 for one thing."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any


def one(found: Sequence[dict[str, Any]]) -> dict[str, Any] | None:
    return found[0] if found else None


def by_filter(ec2: Any, plural: str, wanted: Mapping[str, str]) -> dict[str, Any]:
    """The first match of describe_<plural>, or an empty answer."""
    filters = [{"Name": name, "Values": [value]} for name, value in wanted.items()]
    answer = getattr(ec2, f"describe_{plural}")(Filters=filters)
    key = "".join(part.capitalize() for part in plural.split("_"))
    return one(answer[key]) or {}
