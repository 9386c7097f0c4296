"""The command line of an engine from the plan's flags, held against the frozen option table of its pinned version.

The tables are those of the planner, in `sizing/facts/engines/flags/`; each says in its head where and when it was read.
"""

from __future__ import annotations

import difflib
import json
from dataclasses import dataclass
from functools import cache
from typing import Any

from inferstack.records import engines
from inferstack.records.errors import InputError

Value = str | int | float | bool

OWNED = frozenset(
    {"host", "port", "api-key", "api-key-file", "api_key", "uds", "ssl-keyfile", "ssl-certfile", "model", "path", "prefix", "api-prefix"}
)
"""What the roles alone set: where the engine listens, what guards it, what it loads."""


@dataclass(frozen=True)
class EngineOption:
    """`spellings` with dashes; the first is the positive one. `kind`: value, flag (no value), bool (has a negative).
    `many`: takes several words, which the plan writes with spaces between them."""

    spellings: tuple[str, ...]
    kind: str
    type: str
    choices: tuple[str, ...]
    stable: bool = True
    many: bool = False


def argv(engine: str, flags: dict[str, Value]) -> list[str]:
    """Raises InputError that names the option: unknown, owned by the role, wrong type, value not allowed."""
    known = options(engine)
    words: list[str] = []
    for name, value in flags.items():
        if name in OWNED:
            raise InputError(f"engine flag --{name}: is set by the role, not by the plan")
        words += _words(engine, _option(engine, known, name), name, value)
    return words


@cache
def options(engine: str) -> dict[str, EngineOption]:
    """Return the engine's options by their spelling without dashes. Raises InputError for an engine without a table."""
    if engine not in engines.roles():
        raise InputError(f"engine {engine}: no role deploys it", hint=f"plan with one of: {', '.join(engines.roles())}")
    rows = [row for row in engines.options(engine) if row["options"][0].startswith("-")]  # positional arguments are the role's
    read = {"argparse": _of_argparse, "click": _of_click, "help": _of_help}[engines.table()[engine]["option_rows"]]
    return {spelling.lstrip("-"): option for option in map(read, rows) for spelling in option.spellings}


def _of_argparse(row: dict[str, Any]) -> EngineOption:
    """Read a row that was made of the actions of a parser."""
    kind = row.get("kind")
    choices = tuple(row["choices"].split("|")) if "choices" in row else ()
    value = kind if kind in ("bool", "flag") else "value"
    return EngineOption(tuple(row["options"]), value, row.get("type", "-"), choices, many=row.get("nargs") == "+")


def _of_click(row: dict[str, Any]) -> EngineOption:
    """Read a row that was made of the declarations of two versions."""
    where = row["where"]
    long_name_is_new = "long name: main" in where or "short name: main" in where or "--config: main" in where
    spellings = tuple(row["options"][:1] if long_name_is_new else row["options"])
    return EngineOption(
        spellings, row["kind"].split(",")[0], row.get("type or choices", "-").split()[0], (), stable=where.startswith("both")
    )


def _of_help(row: dict[str, Any]) -> EngineOption:
    """Read a row that was made of a line of --help."""
    argument = row.get("argument", "-")
    kind = "flag" if argument == "-" else "value"
    choices = (
        tuple(argument.strip("<>[]").split("|"))
        if "|" in argument and argument[0] in "<[" and ":" not in argument and "/" not in argument
        else ()
    )
    return EngineOption(tuple(row["options"]), kind, {"N": "int", "PORT": "int", "P": "float"}.get(argument, "str"), choices)


def _option(engine: str, known: dict[str, EngineOption], name: str) -> EngineOption:
    option = known.get(name)
    if option is None:
        near = difflib.get_close_matches(name, list(known), n=1)
        raise InputError(
            f"engine flag --{name}: {engine} has no such option",
            hint=f"did you mean --{near[0]}?" if near else f"see sizing/facts/engines/flags/{engines.table()[engine]['file']}.yaml",
        )
    if not option.stable:
        raise InputError(
            f"engine flag --{name}: not known in the versions around the pinned {engine}", hint="put it into the engine's options file"
        )
    return option


def _words(engine: str, option: EngineOption, name: str, value: Value) -> list[str]:
    if option.kind in ("flag", "bool"):
        return _switch(option, name, value)
    if isinstance(value, bool):
        raise InputError(f"engine flag --{name}: takes a value, not {str(value).lower()}")
    text = str(value)
    if not _fits(option.type, value):
        raise InputError(f"engine flag --{name}: must be {option.type} (given: {text!r})")
    allowed = engines.table()[engine].get("option_values", {}).get(name, option.choices)
    if allowed and text not in allowed:
        raise InputError(f"engine flag --{name}: {text!r} is not allowed", hint=f"one of: {', '.join(allowed)}")
    words = text.split() if option.many else [text]
    if option.many and any(word.startswith("-") and not _is_number(word) for word in words):
        raise InputError(f"engine flag --{name}: {text!r:.60} holds a word that would be read as another option")
    return [f"--{name}", *words]


def _switch(option: EngineOption, name: str, value: Value) -> list[str]:
    if not isinstance(value, bool):
        raise InputError(f"engine flag --{name}: takes no value (given: {value!r})")
    if value:
        return [f"--{name}"]
    if option.kind == "flag":
        return []
    negative = next((s for s in option.spellings if s.startswith(("--no-", "--disable-"))), None)
    if negative is None:
        raise InputError(f"engine flag --{name}: cannot be switched off")
    return [negative]


def _fits(type_: str, value: Value) -> bool:
    text = str(value)
    if type_ == "int":
        return text.lstrip("-").isdigit()
    if type_ == "float":
        return _is_number(text)
    if type_.startswith("human_readable_int"):
        return (
            text.lstrip("-").isdigit()
            or (type_.endswith("auto") and text == "auto")
            or (text[:-1].replace(".", "", 1).isdigit() and text[-1] in "kKmMgG")
        )
    return _is_json(text) if type_ == "json" else True


def _is_number(text: str) -> bool:
    try:
        float(text)
    except ValueError:
        return False
    return True


def _is_json(text: str) -> bool:
    try:
        json.loads(text)
    except ValueError:
        return False
    return True
