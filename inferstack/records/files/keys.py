"""A key that people write: its flag, its place in the estimate, how its value is read, and in words what it may hold."""

from __future__ import annotations

import functools
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from enum import IntEnum
from types import UnionType
from typing import Annotated, Any, Literal, Union, get_args, get_origin

from pydantic import BaseModel, model_validator
from pydantic.fields import FieldInfo

from inferstack.records import engines
from inferstack.records.files import plain_values
from inferstack.records.record import Part


class Section(IntEnum):
    """Groups of flags, in the order of `inferstack plan --help`. Within a group the flags stand as the keys do in the record."""

    MODEL = 1
    LENGTHS = 2
    LOAD = 3
    PEOPLE = 4
    RUN = 5
    TARGETS = 6
    CONTEXT = 7
    LAYOUT = 8
    MACHINES = 9
    SERVICE = 10
    SPECIAL = 11
    LIMITS = 12


@dataclass(frozen=True)
class Flag:
    """The flag of a key: its section of the help, what stands there for the value, and its name where that is not the key's own.

    `help` replaces the key's description where the command line takes something else than the record holds.
    """

    section: Section
    metavar: str = ""
    name: str = ""
    help: str | Callable[[], str] = ""


@dataclass(frozen=True)
class Form:
    """How a text is written that a pattern checks: what follows "must be"."""

    words: str


@dataclass(frozen=True)
class Estimated:
    """Marks a key that a question of `python -m sizing.estimate` may hold too."""


ESTIMATED = Estimated()


class Keys(Part):
    """A record that people write. A value is what it looks like: `true` is no number, and a plain number in quotes is one. Null says that
    the key is left out."""

    @model_validator(mode="before")
    @classmethod
    def _read_plainly(cls, content: Any) -> Any:
        if not isinstance(content, dict):
            return content
        kinds = _kinds(cls)
        return {
            name: plain_values.read(value, kinds[name], name) if name in kinds else value
            for name, value in content.items()
            if value is not None or name not in kinds
        }


@functools.cache
def _kinds(record: type[BaseModel]) -> dict[str, frozenset[type]]:
    return {name: plain_values.kinds(field.annotation) for name, field in record.model_fields.items()}


def flag(field: FieldInfo) -> Flag | None:
    """Return the flag of a key; None where the command line does not take it."""
    return next((one for one in field.metadata if isinstance(one, Flag)), None)


def flags(record: type[BaseModel]) -> dict[str, Flag]:
    """Return the keys that the command line takes, in the order of its help."""
    found = {name: one for name, field in record.model_fields.items() if (one := flag(field)) is not None}
    return dict(sorted(found.items(), key=lambda item: item[1].section))


def is_estimated(field: FieldInfo) -> bool:
    """Return whether a question of the estimate may hold the key."""
    return ESTIMATED in field.metadata


def field_at(record: type[BaseModel], at: tuple[str, ...]) -> FieldInfo | None:
    """Return the field that a path leads to, or that of an item of a list; None where no record of `Keys` holds it."""
    members: list[Any] = [record]
    field, is_key = None, False
    for name in at:
        owner = next((one for one in members if isinstance(one, type) and issubclass(one, BaseModel)), None)
        items = next((get_args(one)[0] for one in members if get_origin(one) is tuple), None)
        if owner is not None and name in owner.model_fields:
            field, is_key = owner.model_fields[name], issubclass(owner, Keys)
        elif items is not None and name.isdigit():
            field = FieldInfo.from_annotation(items)
        else:
            return None
        members = list(plain_values.members(field.annotation))
    return field if is_key else None


def allowed(field: FieldInfo) -> str | None:
    """Return what the field may hold, as it follows "must be"; None for a kind that has no such words."""
    own = next((one.words for one in (*field.metadata, *_inner(field.annotation)) if hasattr(one, "words")), None)
    if own is not None:
        return str(own)
    members = [one for one in plain_values.members(field.annotation) if one is not type(None)]
    return _words(members[0], field) if len(members) == 1 else None


def _inner(annotation: Any) -> Iterator[Any]:
    """Yield what is annotated to a member of a union."""
    if get_origin(annotation) is Annotated:
        yield from annotation.__metadata__
    for one in get_args(annotation) if get_origin(annotation) in (Union, UnionType) else ():
        yield from _inner(one)


def _words(kind: Any, field: FieldInfo) -> str | None:
    if get_origin(kind) is Literal:
        return _listed(kind)
    if get_origin(kind) is tuple:
        inner = get_args(kind)[0]
        return f"a list of {_listed(inner) if get_origin(inner) is Literal else 'texts'}"
    if get_origin(kind) is dict:
        return "a mapping"
    if isinstance(kind, type) and issubclass(kind, BaseModel):
        return f"a mapping of {', '.join(kind.model_fields)}"
    if kind is str:
        return None if _limit(field, "pattern") else f"a text{_length(field)}"
    nouns = {bool: "true or false", int: f"a whole number{_range(field)}", float: f"a number{_range(field)}"}
    return nouns.get(kind)


def _listed(literal: Any) -> str:
    return engines.listed(tuple(repr(value) for value in get_args(literal)))


def _length(field: FieldInfo) -> str:
    least, most = _limit(field, "min_length"), _limit(field, "max_length")
    if most is not None:
        return f" of {least or 0} to {most} characters"
    return " that is not empty" if least else ""


def _range(field: FieldInfo) -> str:
    least, above, most = (_limit(field, name) for name in ("ge", "gt", "le"))
    if least is not None:
        return f" from {number(least)} to {number(most)}" if most is not None else f" of at least {number(least)}"
    top = f"at most {number(most)}" if most is not None else ""
    if above is not None:
        return f" above {number(above)}{', ' if top else ''}{top}"
    return f" of {top}" if top else ""


def _limit(field: FieldInfo, name: str) -> Any:
    return next((getattr(one, name) for one in field.metadata if getattr(one, name, None) is not None), None)


def bounds(field: FieldInfo) -> tuple[float, float] | None:
    """Return the least and the most of a number; None where one of the two is not set."""
    least, most = _limit(field, "ge"), _limit(field, "le")
    return None if least is None or most is None else (least, most)


def number(value: float) -> str:
    """Write a bound for people: `20,000,000`, `0.000001`."""
    return f"{value:,.6f}".rstrip("0").rstrip(".")


def estimated(record: type[BaseModel]) -> Iterator[tuple[str, FieldInfo]]:
    """Yield the keys of a record that a question of the estimate may hold, in their order."""
    yield from ((name, field) for name, field in record.model_fields.items() if is_estimated(field))
