"""From a JSON or YAML file to a record; every failure is one line that names file, line and field."""

from __future__ import annotations

import functools
import json
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypeVar, get_args

from pydantic import BaseModel, ValidationError

from inferstack.records.errors import InputError
from inferstack.records.files import keys, plain_values, text_files
from inferstack.records.record import Record

MAX_FILE_BYTES = 4 * 2**20
MAX_DEPTH = 40
IN_OWN_WORDS = ("value_error", "assertion_error")
"""Mistakes that a validator of ours found: what it says is whole."""

R = TypeVar("R", bound=Record)
M = TypeVar("M", bound=BaseModel)
Lines = Mapping[tuple[str, ...], int]
"""The line of each field by its path."""


def read_record(path: Path, kind: type[R]) -> R:
    """Raises InputError: missing, too large, not text, not JSON or YAML, aliases, a future version, or wrong fields."""
    content, lines = read_mapping(path)
    _refuse_other_versions(path, content, kind)
    refuse_other_record(path, content, kind)
    return validated(content, kind, where=str(path), lines=lines)


def read_mapping(path: Path) -> tuple[dict[str, Any], Lines]:
    """The file's mapping, and the line of each of its fields by path."""
    text = _text(path)
    if path.suffix == ".json" and (plain := _plain_json(text)) is not None:
        return plain, _Lines(text)
    return _by_yaml(path, text)


def validated(content: dict[str, Any], kind: type[M], *, where: str, lines: Lines | None = None) -> M:
    """Raises InputError with the first wrong field; further ones are counted. `lines` are given for what a file holds."""
    try:
        made = kind.model_validate(content)
        loose = plain_values.first_loose(content, kind) if lines is not None else None
    except ValidationError as error:
        wrong = first_wrong(error, kind)
        named = f"{'.'.join(wrong.at)}: " if wrong.at else ""
        raise InputError(f"{place(wrong.at, where, lines or {})}: {named}{wrong.says}", hint=wrong.hint) from None
    if loose is not None and lines is not None:
        raise InputError(f"{place(loose[0], where, lines)}: {'.'.join(loose[0])}: {loose[1]}")
    return made


def _by_yaml(path: Path, text: str) -> tuple[dict[str, Any], Lines]:
    import yaml

    from inferstack.records.files import marked_yaml

    try:
        lines = marked_yaml.lines(text)
        content = json.loads(text, parse_constant=_no_constant) if path.suffix == ".json" else marked_yaml.content(text)
    except yaml.MarkedYAMLError as error:
        line = error.problem_mark.line + 1 if error.problem_mark else 1
        raise InputError(
            f"{path}:{line}: {error.problem or 'not readable'}", hint="write plain YAML or JSON, without anchors and aliases"
        ) from None
    except yaml.YAMLError as error:
        raise InputError(f"{path}: {_first_line(error)}", hint="write plain YAML or JSON") from None
    except json.JSONDecodeError as error:
        raise InputError(
            f"{path}:{error.lineno}: not JSON: {error.msg}", hint="the file may be cut off; make it again with the command that wrote it"
        ) from None
    except (RecursionError, ValueError) as error:
        raise InputError(f"{path}: {_first_line(error)}", hint="write plain YAML or JSON") from None
    if not isinstance(content, dict):
        raise InputError(f"{path}:1: contains {_kind(content)}, but must be a mapping of fields")
    return content, lines


def _plain_json(text: str) -> dict[str, Any] | None:
    """None for whatever is not a flat enough mapping: YAML's reader then tells where it is wrong."""
    try:
        content = json.loads(text, parse_constant=_no_constant)
        return content if isinstance(content, dict) and _depth(content) <= MAX_DEPTH else None
    except (ValueError, RecursionError):
        return None


def _depth(content: Any) -> int:
    inner = content.values() if isinstance(content, dict) else content if isinstance(content, list) else ()
    return 1 + max(map(_depth, inner), default=0)


class _Lines(Mapping[tuple[str, ...], int]):
    """The lines of a JSON text, looked for when a field is wrong."""

    def __init__(self, text: str) -> None:
        self._text = text

    def __getitem__(self, field: tuple[str, ...]) -> int:
        return self._found[field]

    def __iter__(self) -> Iterator[tuple[str, ...]]:
        return iter(self._found)

    def __len__(self) -> int:
        return len(self._found)

    @functools.cached_property
    def _found(self) -> dict[tuple[str, ...], int]:
        import yaml

        from inferstack.records.files import marked_yaml

        try:
            return marked_yaml.lines(self._text)
        except yaml.YAMLError:  # JSON may hold characters that YAML does not allow
            return {}


def _text(path: Path) -> str:
    text = text_files.read(path, most_bytes=MAX_FILE_BYTES)
    if not text.strip():
        raise InputError(f"{path}:1: is empty")
    return text


def refuse_other_record(path: Path, content: Mapping[str, Any], kind: type[Record]) -> None:
    """Raises InputError for a record of another kind: its wrong fields, forty of them, would tell nobody what it is."""
    from inferstack.records.files import registry

    other = registry.kind_of(content)
    if other is not None and other is not kind:
        raise InputError(f"{path}: this is a {other.file_name}; a {kind.file_name} is needed", hint=f"give the {kind.file_name}")


def _refuse_other_versions(path: Path, content: dict[str, Any], kind: type[Record]) -> None:
    default = kind.model_fields["schema_version"].annotation
    known = get_args(default)[0]
    version = content.get("schema_version", known)
    if version == known and not isinstance(version, bool):
        return
    if isinstance(version, int) and not isinstance(version, bool) and version > known:
        raise InputError(
            f"{path}: schema_version: {version} is newer than this inferstack reads ({known})",
            hint="update inferstack, or make the file again",
        )
    raise InputError(f"{path}: schema_version: {version!r} is not a version of this record; allowed: {known}", hint="inferstack migrate")


@dataclass(frozen=True)
class Wrong:
    """The first mistake in a record: the path of its field (empty for one of the whole), what is wrong, and how many more there are."""

    at: tuple[str, ...]
    says: str
    hint: str


def first_wrong(error: ValidationError, kind: type[BaseModel]) -> Wrong:
    """Return the first mistake in words that name no place: whoever read the record says whether it was a file, a flag or a line."""
    first = error.errors(include_url=False)[0]
    at = tuple(str(part) for part in first["loc"])
    return Wrong(at, _reason(first, kind, at), _count(error))


def place(at: tuple[str, ...], where: str, lines: Lines) -> str:
    """The file, with the line of the field or of the nearest part above it that the file holds."""
    line = next((lines[at[:n]] for n in range(len(at), 0, -1) if at[:n] in lines), None)
    return f"{where}:{line}" if line else where


def _reason(problem: Any, kind: type[BaseModel], at: tuple[str, ...]) -> str:
    if problem["type"] == "extra_forbidden":
        return unknown(at[-1], kind.model_fields if len(at) == 1 else ())
    if problem["type"] == "missing":
        return "is missing"
    if problem["type"] == "too_short":
        return f"must have at least {problem['ctx']['min_length']} (given: {problem['ctx']['actual_length']})"
    field = keys.field_at(kind, at)
    words = keys.allowed(field) if field is not None and problem["type"] not in IN_OWN_WORDS else None
    message = str(problem["msg"]).removeprefix("Value error, ").replace("Input should be", "must be")
    message = message[0].lower() + message[1:] if not message[:2].isupper() else message
    return _with_given(f"must be {words}" if words else message, problem.get("input"))


def unknown(name: str, known: Iterable[str], *, kind: str = "field") -> str:
    """Say that a name is none of the known ones, and which of them is nearest."""
    import difflib

    near = difflib.get_close_matches(name, list(known), n=1)
    return f"unknown {kind}" + (f"; did you mean {near[0]}?" if near else "")


def _with_given(message: str, value: Any) -> str:
    """Append what was given, unless the message quotes it already."""
    shown = str(value).lower() if isinstance(value, bool) else str(value)[:60]
    told = (
        isinstance(value, dict | list | None) or f"(given: {shown}" in message or (isinstance(value, str) and repr(value)[:60] in message)
    )
    return message if told else f"{message} (given: {shown})"


def _count(error: ValidationError) -> str:
    """A list whose only entries are wrong counts as too short as well: that is no other mistake."""
    first, *others = error.errors(include_url=False)
    more = sum(one["type"] != "too_short" or first["loc"][: len(one["loc"])] != one["loc"] for one in others)
    return f"{more} more field{'s are' if more > 1 else ' is'} wrong" if more else ""


def _first_line(error: BaseException) -> str:
    return (str(error).splitlines() or [type(error).__name__])[0]


def _kind(content: Any) -> str:
    return {list: "a list", str: "a text", int: "a number", float: "a number", type(None): "nothing"}.get(type(content), "something else")


def _no_constant(name: str) -> float:
    raise ValueError(f"{name} is not a number that a record may contain")
