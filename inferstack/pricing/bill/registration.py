"""What the bill reads of a resource: its Pulumi type, its inputs and what they depend on. Shapes as the engine shows them in a preview."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

UNKNOWN = "04da6b54-80e4-46f7-96ec-b56ff0331ba9"
"""Pulumi's own wire form of a value that is known only after `up`."""


@dataclass(frozen=True)
class Registration:
    """One resource of the program. `refs` says for each input which resources (urns) its value was taken from.

    `region` is that of its provider, where that is not the program's own; None where it is. A `component` groups other resources.
    """

    type: str
    name: str
    urn: str
    inputs: Mapping[str, Any]
    refs: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    region: str | None = None
    component: bool = False

    def refers_to(self, urn: str) -> bool:
        return any(urn in urns for urns in self.refs.values())


def number(inputs: Mapping[str, Any], name: str, *, default: float | None = None) -> float | None:
    """The input as a number of things; the default where it was left out; None where it is unknown or cannot be counted."""
    value = inputs.get(name)
    if value is None:
        return default
    if isinstance(value, bool) or value == UNKNOWN:
        return None
    try:
        found = float(value)
    except (TypeError, ValueError, OverflowError):
        return None
    return found if math.isfinite(found) and found >= 0 else None


def word(inputs: Mapping[str, Any], name: str, *, default: str) -> str:
    """The input as text; the default where it was left out. What is no text is written as one, so that no table knows it."""
    value = inputs.get(name)
    return default if value is None or value == "" else str(value)


def switched_on(value: Any) -> bool:
    """Pulumi's aws provider takes some switches as text: associatePublicIpAddress is "true" in a launch template."""
    return value is True or str(value).lower() == "true"


def mapping(value: Any) -> Mapping[str, Any]:
    return value if isinstance(value, Mapping) else {}


def rows(value: Any) -> tuple[Mapping[str, Any], ...]:
    return tuple(mapping(one) for one in value) if isinstance(value, list | tuple) else ()
