"""Diff: the old inputs beside the new ones, property by property, and which of the changes replace the resource."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Literal

from inferstack.sandbox.provider.properties.values import plain, same
from inferstack.sandbox.provider.resources.resource_type import ResourceType

Change = Literal["ADD", "DELETE", "UPDATE"]


@dataclass
class PropertyDifference:
    changes: dict[str, Change] = field(default_factory=dict)
    properties: list[str] = field(default_factory=list)
    replaces: list[str] = field(default_factory=list)
    delete_before_replace: bool = False


def diff(kind: ResourceType, olds: Mapping[str, Any], news: Mapping[str, Any]) -> PropertyDifference:
    """What AWS fills in by itself (`filled`) is no change when the program leaves it out."""
    found = PropertyDifference()
    for name in sorted(olds.keys() | news.keys()):
        before, after = olds.get(name), news.get(name)
        if name.startswith("__") or same(before, after) or (after is None and name in kind.filled):
            continue
        found.properties.append(name)
        found.changes |= paths(name, plain(before), plain(after))
        if name in kind.fixed or name == "region":
            found.replaces.append(name)
    found.delete_before_replace = bool(found.replaces) and _clashes(kind, olds, news)
    return found


def paths(path: str, before: Any, after: Any) -> dict[str, Change]:
    """The deepest paths that differ, as Pulumi writes them: a.b[0]["tag:key"]."""
    if before is None or after is None:
        return {path: "ADD" if before is None else "DELETE"}
    if isinstance(before, Mapping) and isinstance(after, Mapping):
        steps = {name: (before.get(name), after.get(name)) for name in sorted(before.keys() | after.keys())}
        return _deeper({_step(path, name): ends for name, ends in steps.items()})
    if isinstance(before, list) and isinstance(after, list):
        longest = max(len(before), len(after))
        pairs = ((_at(before, index), _at(after, index)) for index in range(longest))
        return _deeper({f"{path}[{index}]": ends for index, ends in enumerate(pairs)}) or {path: "UPDATE"}
    return {path: "UPDATE"}


def _deeper(steps: Mapping[str, tuple[Any, Any]]) -> dict[str, Change]:
    found: dict[str, Change] = {}
    for path, (before, after) in steps.items():
        if not same(before, after):
            found |= paths(path, before, after)
    return found


def _step(path: str, name: str) -> str:
    return f"{path}.{name}" if name.isidentifier() else f'{path}["{name}"]'


def _at(values: list[Any], index: int) -> Any:
    return values[index] if index < len(values) else None


def _clashes(kind: ResourceType, olds: Mapping[str, Any], news: Mapping[str, Any]) -> bool:
    """A name that the program chose cannot be taken twice: the old one goes first. A generated name changes with the replacement."""
    if not kind.name or kind.name.property in news.get("__defaults", ()):
        return False
    return same(olds.get(kind.name.property), news.get(kind.name.property))
