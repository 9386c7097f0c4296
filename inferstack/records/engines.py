"""The table of engines: one facts file for each, `sizing/facts/engines/<name>.yaml`; other spellings, and what is said of an engine that is
not sized."""

from __future__ import annotations

import functools
from typing import Annotated, Any

from pydantic import GetCoreSchemaHandler, GetJsonSchemaHandler
from pydantic.json_schema import JsonSchemaValue
from pydantic_core import PydanticKnownError, core_schema

from inferstack.records.files.facts import load


@functools.cache
def table() -> dict[str, dict[str, Any]]:
    """Return name -> facts of each sized engine, in the order in which engines are listed and chosen; `file` is the facts file's stem."""
    files = load("sizing")["engines"]
    engines = [{**facts, "file": stem} for stem, facts in files.items() if "default_version" in facts]
    return {str(facts["id"]): facts for facts in sorted(engines, key=lambda facts: int(facts["order"]))}


def sized() -> tuple[str, ...]:
    """Return the names of the engines."""
    return tuple(table())


def deployed() -> tuple[str, ...]:
    """Return the engines that a plan can start."""
    return tuple(name for name, facts in table().items() if facts["deployed"])


def roles() -> dict[str, dict[str, Any]]:
    """Return name -> role of the playbooks, of the engines that have one."""
    return {name: facts["role"] for name, facts in table().items() if "role" in facts}


def gpu_roles() -> dict[str, dict[str, Any]]:
    """Return name -> role of the engines that are served on GPUs."""
    return {name: role for name, role in roles().items() if not role.get("rehearsals")}


def rehearsed() -> str:
    """Return the engine that stands for every other one in a rehearsal."""
    return next(name for name, role in roles().items() if role.get("rehearsals"))


def default() -> str:
    """Return the engine that is meant where none is named."""
    return sized()[0]


def options(name: str) -> list[dict[str, Any]]:
    """Return the rows of the frozen option table: in the engine's own facts file, or in `flags/` beside it."""
    facts = table()[name]
    rows: list[dict[str, Any]] = facts["options"] if "options" in facts else load("sizing")["engines"]["flags"][facts["file"]]["records"]
    return rows


def listed(names: tuple[str, ...], *, mark: str = "") -> str:
    """Return the names as a sentence has them: a, b or c."""
    *others, last = (f"{mark}{name}{mark}" for name in names)
    return f"{', '.join(others)} or {last}" if others else last


class OfTheTable:
    """Holds a field to the names of the table, which are read when a record is made and not when its class is."""

    @property
    def words(self) -> str:
        """What such a field must be."""
        return listed(sized(), mark="'")

    def __get_pydantic_core_schema__(self, source: Any, handler: GetCoreSchemaHandler) -> core_schema.CoreSchema:
        return core_schema.no_info_plain_validator_function(_sized)

    def __get_pydantic_json_schema__(self, schema: core_schema.CoreSchema, handler: GetJsonSchemaHandler) -> JsonSchemaValue:
        return {"enum": list(sized()), "type": "string"}


EngineName = Annotated[str, OfTheTable()]


def _sized(name: Any) -> str:
    if isinstance(name, str) and name in table():
        return name
    raise PydanticKnownError("literal_error", {"expected": OfTheTable().words})


def named(name: str) -> str:
    """Return the engine's own name. Raises ValueError with the reason and the way out for an engine that is not sized, and with all names
    for what is none."""
    plain = name.strip().lower().replace(" ", "-")
    if plain in table():
        return plain
    facts: dict[str, Any] = load("sizing")["engines"]["unsized"]
    for engine, spellings in facts["spellings"].items():
        if plain in spellings:
            return str(engine)
    for record in facts["records"].values():
        if plain in record["names"]:
            raise ValueError(f"{name!r:.60}: {record['says']}; plan with --engine {record['runs']}")
    raise ValueError(f"must be {OfTheTable().words} (given: {name[:60]})")
