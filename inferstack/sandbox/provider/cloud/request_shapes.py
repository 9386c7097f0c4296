"""A request against botocore's own model of the call: members, required members, enums and ranges; AWS's word on what is legal."""

from __future__ import annotations

import functools
from collections.abc import Mapping
from typing import Any

from inferstack.sandbox.provider.cloud import service_models


@functools.cache
def _input(service: str, operation: str) -> Any:
    from botocore import xform_name

    model = service_models.service(service)
    name = next(each for each in model.operation_names if xform_name(each) == operation)
    return model.operation_model(name).input_shape


def fit(service: str, operation: str, params: Mapping[str, Any], *, complete: bool = True) -> tuple[dict[str, Any], list[tuple[str, str]]]:
    """The parameters as the call takes them ("true" -> True where it wants a boolean, no nulls) and (path, reason) for what is illegal.

    `complete` is False while some values are not known yet: then nothing is missed.
    """
    shape = _input(service, operation)
    problems: list[tuple[str, str]] = []
    fitted = _fitted(shape, params, "", problems) or {}
    if complete:
        _required(shape, fitted, "", problems)
    return fitted, problems


def _fitted(shape: Any, value: Any, path: str, problems: list[tuple[str, str]]) -> Any:
    if value is None:
        return None
    match shape.type_name:
        case "structure":
            return _structure(shape, value, path, problems)
        case "list":
            found = (_fitted(shape.member, each, f"{path}[{index}]", problems) for index, each in enumerate(value))
            return [each for each in found if each is not None]
        case "map":
            return {name: _fitted(shape.value, each, f"{path}.{name}", problems) for name, each in value.items()}
    return _scalar(shape, value, path, problems)


def _structure(shape: Any, value: Mapping[str, Any], path: str, problems: list[tuple[str, str]]) -> dict[str, Any] | None:
    fitted = {}
    for name, each in value.items():
        below = f"{path}.{name}" if path else name
        if name not in shape.members:
            problems.append((below, f"the rehearsal does not know {name} here; AWS has {', '.join(sorted(shape.members))}"))
        elif (inner := _fitted(shape.members[name], each, below, problems)) is not None:
            fitted[name] = inner
    return fitted


def _required(shape: Any, value: Any, path: str, problems: list[tuple[str, str]]) -> None:
    if isinstance(value, list):
        for index, each in enumerate(value):
            _required(shape.member, each, f"{path}[{index}]", problems)
    if shape.type_name != "structure":
        return
    for name in shape.required_members:
        if name not in value and not shape.members[name].metadata.get("idempotencyToken"):
            problems.append((f"{path}.{name}" if path else name, f"AWS requires {name}"))
    for name, each in value.items():
        if name in shape.members:
            _required(shape.members[name], each, f"{path}.{name}" if path else name, problems)


def _scalar(shape: Any, value: Any, path: str, problems: list[tuple[str, str]]) -> Any:
    if shape.type_name == "boolean" and isinstance(value, str):
        value = value == "true"
    if shape.type_name in ("integer", "long") and isinstance(value, str) and value.lstrip("-").isdigit():
        value = int(value)
    allowed = getattr(shape, "enum", None)
    if allowed and value not in allowed:
        problems.append((path, f"{value!r} is not allowed: {_some(value, allowed)}"))
    _ranged(shape, value, path, problems)
    return value


def _ranged(shape: Any, value: Any, path: str, problems: list[tuple[str, str]]) -> None:
    least, most = shape.metadata.get("min"), shape.metadata.get("max")
    size = len(value) if isinstance(value, str) else value
    if not isinstance(size, (int, float)) or isinstance(size, bool):
        return
    what = "length" if isinstance(value, str) else "value"
    if least is not None and size < least:
        problems.append((path, f"{what} {size} is below AWS's minimum of {least}"))
    if most is not None and size > most:
        problems.append((path, f"{what} {size} is above AWS's maximum of {most}"))


def _some(value: Any, allowed: list[str]) -> str:
    """All of a short list; of a long one the nearest."""
    import difflib

    if len(allowed) <= 12:
        return "one of " + ", ".join(allowed)
    near = difflib.get_close_matches(str(value), allowed, n=5, cutoff=0.3)
    return f"one of {len(allowed)} values, the nearest are {', '.join(near)}" if near else f"none of the {len(allowed)} legal values"
