"""docs/reference/records.md: every record of a run, field by field, from the pydantic models."""

from __future__ import annotations

import types
import typing
from collections.abc import Iterator
from datetime import date, datetime
from typing import Annotated, Any, Literal, Union, get_args, get_origin

from pydantic import BaseModel

from inferstack.records import engines
from tools.reference.markdown import code, page, table

INTRODUCTION = """
Each stage reads records and writes records: one file each in `.inferstack/<stack>/runs/<utc>-<id>/`.
`.inferstack/<stack>/current` leads to the newest run. A record is closed (an unknown field is refused) and carries
`schema_version`; a JSON schema of each lies in [schemas](schemas). Times are UTC. Units stand in the names. A file that was cut
off, comes from a later version or holds what cannot be is refused with file, line and field (exit code 2).
"""


def text() -> str:
    from inferstack.records.files.registry import RECORDS
    from inferstack.stack.workdir import StackRecord

    whole = [*RECORDS, StackRecord]
    parts = [part for record in whole for part in _record(record)]
    return page("Records", INTRODUCTION, _contents(whole), *parts)


def _contents(whole: list[Any]) -> str:
    written = {
        "request.yaml": "plan", "plan.json": "plan", "preview.json": "preview", "outputs.json": "up, extend",
        "inventory.json": "up, configure",
        "configured.json": "up, configure", "measurement.json": "bench", "verdict.json": "bench", "receipt.json": "down",
        "simulation.json": "simulate, where no file is named",
        "registrations.json": "you, or tools/write_bills.py", "bill.json": "bill --json",
        "fleet.yaml": "you", "fleet-plan.json": "fleet --json",
        "comparison.json": "compare, where no file and no flag of a request is given", "owned.yaml": "you",
        "difference.json": "diff --json; a part of preview.json where the stack exists",
        "stack.json": "the verb that makes the stack; in the stack's folder, not the run's",
    }  # fmt: skip
    return table(("file", "record", "written by"), [(code(one.file_name), code(one.__name__), written[one.file_name]) for one in whole])


def _record(record: Any) -> Iterator[str]:
    yield f"## {record.file_name}\n"
    yield _doc(record)
    yield _fields(record)
    for part in _parts(record):
        yield f"### {part.__name__} ({record.file_name})\n"
        yield _doc(part)
        yield _fields(part)


def _doc(kind: Any) -> str:
    from inferstack.records.record import Part, Record

    text = kind.__dict__.get("__doc__") or ""
    return "" if kind in (Part, Record) else " ".join(text.split()).removeprefix(f"`{getattr(kind, 'file_name', '')}`.").strip()


def _fields(kind: Any) -> str:
    return table(("field", "type", "default", "meaning"), [_row(name, field) for name, field in kind.model_fields.items()])


def _row(name: str, field: Any) -> tuple[str, ...]:
    default = "required" if field.is_required() else code(_plain(field.get_default(call_default_factory=True)))
    return (code(name), _type(field.annotation, *field.metadata), default, "; ".join(filter(None, (field.description, _limits(field)))))


def _plain(value: Any) -> str:
    if value is None or isinstance(value, bool):
        return {None: "null", True: "true", False: "false"}[value]
    return {"()": "[]"}.get(str(value), str(value))


def _limits(field: Any) -> str:
    signs = {"gt": ">", "ge": ">=", "lt": "<", "le": "<=", "pattern": "matches"}
    found = [(sign, getattr(one, name, None)) for one in field.metadata for name, sign in signs.items()]
    return ", ".join(f"{sign} {code(value) if sign == 'matches' else value}" for sign, value in found if value is not None)


def _type(annotation: Any, *metadata: Any) -> str:
    origin, inner = get_origin(annotation), get_args(annotation)
    if any(isinstance(one, engines.OfTheTable) for one in metadata):
        return " or ".join(map(code, engines.sized()))
    if origin is Annotated:
        return _type(*inner)
    if origin in (Union, types.UnionType):
        return " or ".join(_type(one) for one in inner)
    if origin is Literal:
        return " or ".join(map(code, inner))
    if origin is tuple:
        return f"list of {_type(inner[0])}"
    if origin is dict:
        return f"{_type(inner[0])} -> {_type(inner[1])}"
    names = {
        type(None): "null",
        str: "text",
        int: "whole number",
        float: "number",
        bool: "true or false",
        typing.Any: "anything",
        datetime: "time",
        date: "day",
    }
    return names.get(annotation) or getattr(annotation, "__name__", str(annotation))


def _parts(kind: Any) -> list[Any]:
    """Parts of a record that are no records themselves, each once, in the order of the fields."""
    from inferstack.records.record import Record

    found: list[Any] = []
    for field in kind.model_fields.values():
        for part in _models(field.annotation):
            if not issubclass(part, Record) and part not in found:
                found += [part, *(one for one in _parts(part) if one not in found)]
    return list(dict.fromkeys(found))


def _models(annotation: Any) -> Iterator[Any]:
    if isinstance(annotation, type) and issubclass(annotation, BaseModel):
        yield annotation
    for one in get_args(annotation):
        yield from _models(one)
