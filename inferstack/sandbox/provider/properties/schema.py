"""Is this argument one that pulumi_aws has, and is its value of the right type? Reads schema.json, which schema_writer.py writes."""

from __future__ import annotations

import functools
import json
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from inferstack.sandbox.provider.properties.wire import UNKNOWN, Secret

SCALARS: Mapping[str, str] = {"string": "a string", "integer": "a whole number", "number": "a number", "boolean": "true or false"}


@functools.cache
def loaded() -> dict[str, Any]:
    document: dict[str, Any] = json.loads(Path(__file__).with_name("schema.json").read_text())
    return document


def outputs(token: str) -> frozenset[str]:
    return frozenset(loaded()["resources"][token]["outputs"])


@dataclass
class Reading:
    """Coerces inputs to their types, as the real provider does, and collects (property path, reason) for what cannot be."""

    token: str
    allowed: Iterable[str]
    problems: list[tuple[str, str]] = field(default_factory=list)

    def inputs(self, tree: Mapping[str, Any]) -> dict[str, Any]:
        row = loaded()["resources"][self.token]
        served = set(self.allowed)
        self._missing(row["required"], tree, "")
        return {name: self._argument(name, value, row["inputs"], served) for name, value in tree.items()}

    def _argument(self, name: str, value: Any, known: Mapping[str, Any], served: set[str]) -> Any:
        if name.startswith("__") or name == "tagsAll":
            return value
        if name not in known:
            self._refuse(name, f"{self.token} has no argument {name}; it has {_listed(known)}")
        elif name not in served:
            self._refuse(name, f"the rehearsal does not serve {name} of {self.token}; it serves {_listed(served & set(known))}")
        else:
            return self._value(value, known[name], name)
        return value

    def _value(self, value: Any, kind: Any, path: str) -> Any:
        if isinstance(value, Secret):
            return Secret(self._value(value.value, kind, path))
        if value is None or value == UNKNOWN or kind == "any":
            return value
        if isinstance(kind, str):
            return self._scalar(value, kind, path)
        return {"list": self._list, "map": self._map, "ref": self._block}[next(iter(kind))](value, next(iter(kind.values())), path)

    def _list(self, value: Any, kind: Any, path: str) -> Any:
        if not isinstance(value, list):
            return self._refuse(path, f"must be a list, not {_said(value)}")
        return [self._value(each, kind, f"{path}[{index}]") for index, each in enumerate(value)]

    def _map(self, value: Any, kind: Any, path: str) -> Any:
        if not isinstance(value, Mapping):
            return self._refuse(path, f"must be a map, not {_said(value)}")
        return {name: self._value(each, kind, f'{path}["{name}"]') for name, each in value.items()}

    def _block(self, value: Any, reference: str, path: str) -> Any:
        if not isinstance(value, Mapping):
            return self._refuse(path, f"must be a block of {_listed(loaded()['types'][reference]['properties'])}, not {_said(value)}")
        block = loaded()["types"][reference]
        self._missing(block["required"], value, f"{path}.")
        return {name: self._member(name, each, block["properties"], path) for name, each in value.items()}

    def _member(self, name: str, value: Any, known: Mapping[str, Any], path: str) -> Any:
        if name.startswith("__"):
            return value
        if name not in known:
            return self._refuse(f"{path}.{name}", f"{path} has no argument {name}; it has {_listed(known)}")
        return self._value(value, known[name], f"{path}.{name}")

    def _scalar(self, value: Any, kind: str, path: str) -> Any:
        try:
            return COERCIONS[kind](value)
        except (ValueError, TypeError, KeyError):
            return self._refuse(path, f"must be {SCALARS[kind]}, not {_said(value)}")

    def _missing(self, required: Iterable[str], tree: Mapping[str, Any], prefix: str) -> None:
        for name in required:
            if tree.get(name) is None:
                self._refuse(prefix + name, f"{prefix + name} is required")

    def _refuse(self, path: str, reason: str) -> None:
        self.problems.append((path, reason))


def _string(value: Any) -> str:
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, (Mapping, list)):
        raise TypeError
    return str(value)


def _integer(value: Any) -> int:
    if isinstance(value, bool) or float(value) != int(float(value)):
        raise ValueError
    return int(float(value))


def _number(value: Any) -> float:
    if isinstance(value, bool):
        raise TypeError
    number = float(value)
    return int(number) if number.is_integer() else number


def _boolean(value: Any) -> bool:
    return {True: True, False: False, "true": True, "false": False}[value]


COERCIONS: Mapping[str, Callable[[Any], Any]] = {"string": _string, "integer": _integer, "number": _number, "boolean": _boolean}


def _listed(found: Iterable[str]) -> str:
    return ", ".join(sorted(found))


def _said(value: Any) -> str:
    return "a block" if isinstance(value, Mapping) else "a list" if isinstance(value, list) else repr(value)
