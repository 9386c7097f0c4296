"""Values that only a lenient reader takes for what a field asks: `true` for a count, `"0100"` for a number, 1 for a truth value."""

from __future__ import annotations

import re
import types
from collections.abc import Iterator, Mapping
from typing import Annotated, Any, Literal, Union, get_args, get_origin

from pydantic import BaseModel

from inferstack.records.files import quantities

NUMBER = re.compile(r"[-+]?(0|[1-9][0-9]*)(\.[0-9]+)?([eE][-+]?[0-9]+)?")
PLAIN = (bool, int, float, str)
SHOWN = 60

At = tuple[str, ...]


class Unreadable:
    """A value that only a lenient reader would take: no field takes it, and it is shown as it was given."""

    def __init__(self, shown: str) -> None:
        self._shown = shown

    def __str__(self) -> str:
        return self._shown


def kinds(annotation: Any) -> frozenset[type]:
    """Return the types of Python's that a field takes as they are, where `read` has something to say of the others; else none."""
    plain = {_plain(option) for option in _options(annotation)} - {type(None)}
    if object in plain:
        return frozenset()
    return frozenset(plain | ({int, float} if plain & {int, float} else set()))


def read(value: Any, allowed: frozenset[type], key: str = "") -> Any:
    """Return the value that a field of these kinds is given: a number for a plain number in quotes or with a unit of
    the key (`2k`, `1s`); `Unreadable` for a value of another kind that would be taken for one."""
    if not allowed or type(value) in allowed or not isinstance(value, PLAIN):
        return value
    if isinstance(value, str) and int in allowed and NUMBER.fullmatch(value):
        return _number(value)
    if isinstance(value, str) and int in allowed and (number := quantities.read(key, value)) is not None:
        return number
    return Unreadable(str(value).lower() if isinstance(value, bool) else str(value))


def _number(text: str) -> float:
    try:
        return int(text)
    except ValueError:  # a fraction, or more digits than Python reads
        return float(text)


def first_loose(content: Any, annotation: Any, at: At = ()) -> tuple[At, str] | None:
    """Return the place of the first such value and what is wrong with it; None where there is none."""
    return next(_loose(content, annotation, at), None)


def _loose(value: Any, annotation: Any, at: At) -> Iterator[tuple[At, str]]:
    options = list(_options(annotation))
    if isinstance(value, Mapping):
        for option in options:
            yield from _of_mapping(value, option, at)
    elif isinstance(value, list | tuple):
        of_items = [get_args(option)[0] for option in options if get_origin(option) in (tuple, list, frozenset, set) and get_args(option)]
        for number, item in enumerate(value):
            for kind in of_items:
                yield from _loose(item, kind, (*at, str(number)))
    elif (wrong := _wrong(value, {_plain(option) for option in options}, at[-1] if at else "")) is not None:
        yield at, wrong


def _of_mapping(value: Mapping[Any, Any], option: Any, at: At) -> Iterator[tuple[At, str]]:
    if isinstance(option, type) and issubclass(option, BaseModel):
        for name, field in option.model_fields.items():
            if name in value:
                yield from _loose(value[name], field.annotation, (*at, name))
    elif get_origin(option) in (dict, Mapping) and len(get_args(option)) == 2:
        for name, item in value.items():
            yield from _loose(item, get_args(option)[1], (*at, str(name)))


def members(annotation: Any) -> Iterator[Any]:
    """Yield the members of a union, one by one."""
    origin = get_origin(annotation)
    if origin in (Union, types.UnionType):
        for option in get_args(annotation):
            yield from members(option)
    elif origin is Annotated:
        yield from members(get_args(annotation)[0])
    else:
        yield annotation


def _options(annotation: Any) -> Iterator[Any]:
    """The members of a union, one by one; a literal is the types of its values."""
    for member in members(annotation):
        if get_origin(member) is Literal:
            yield from (type(one) for one in get_args(member))
        else:
            yield member


def _plain(option: Any) -> Any:
    return option if option in (bool, int, float, type(None)) else object


def _wrong(value: Any, allowed: set[Any], key: str) -> str | None:
    if object in allowed:  # a text, a date, anything: not ours to say
        return None
    if isinstance(value, bool):
        return None if bool in allowed else f"must be a number, not {str(value).lower()}"
    if isinstance(value, int | float):
        return None if allowed & {int, float} else f"must be true or false (given: {value})"
    if isinstance(value, str) and bool in allowed and not allowed & {int, float}:
        return f"must be true or false (given: {value[:SHOWN]})"
    if (
        isinstance(value, str)
        and any(char.isdigit() for char in value)
        and not NUMBER.fullmatch(value)
        and not _quantity(value, allowed, key)
    ):
        return f"must be a valid number, written in decimals (given: {value[:SHOWN]})"
    return None


def _quantity(value: str, allowed: set[Any], key: str) -> bool:
    return bool(allowed & {int, float}) and quantities.read(key, value) is not None
