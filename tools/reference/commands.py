"""docs/reference/command-line.md: every verb, argument and option of the typer tree."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from tools.reference.markdown import code, page, table

EVERYWHERE = ("stack", "as_json", "yes", "verbose")
INTRODUCTION = """
Options that every verb takes may stand before the verb too: `inferstack --stack demo --json status`. With `--json` stdout holds
exactly one JSON document and everything for people goes to stderr; an error is the document `{"error": {"code", "message",
"hint"}}`. Colours obey `NO_COLOR`, `TERM=dumb` and a stderr that is no terminal. `python -m inferstack` is the same command.
"""


def text() -> str:
    from inferstack.cli import verbs_table

    whole = verbs_table.command()
    verbs = [(name, verbs_table.load(name)) for name in verbs_table.VERBS]
    return page(
        "The command line",
        whole.help,
        INTRODUCTION,
        "## Every verb takes\n",
        _options(parameter for parameter in verbs[0][1].params if parameter.name in EVERYWHERE),
        "## The command alone takes\n",
        _options(parameter for parameter in whole.params if parameter.name not in EVERYWHERE),
        *(part for name, verb in verbs for part in _verb(f"inferstack {name}", verb)),
    )


def _verb(called: str, verb: Any) -> Iterator[str]:
    children = getattr(verb, "commands", None)
    if children:
        for name, child in children.items():
            yield from _verb(f"{called} {name}", child)
        return
    own = [parameter for parameter in verb.params if parameter.name not in EVERYWHERE and parameter.name != "help"]
    arguments = [parameter for parameter in own if parameter.param_type_name == "argument"]
    needed = [f"{parameter.opts[0]} {parameter.metavar}" for parameter in own if parameter.required and parameter not in arguments]
    yield f"## {called}\n"
    usage = " ".join([called, *map(_metavar, arguments), *needed, "[OPTIONS]"])
    yield f"    {usage}\n"
    yield _prose(verb.help)
    if own:
        yield _options(own)


def _options(parameters: Any) -> str:
    return table(("option", "value", "meaning", "default", "environment"), map(_row, parameters))


def _row(parameter: Any) -> tuple[str, ...]:
    if parameter.param_type_name == "argument":
        return (code(_metavar(parameter)), "", parameter.help or "", "", "")
    names = ", ".join(map(code, [*parameter.opts, *parameter.secondary_opts]))
    value = "" if parameter.is_flag else code(parameter.metavar or parameter.type.name)
    meaning = _prose(parameter.help or "")
    return (names, value, meaning, _default(parameter), code(parameter.envvar))


def _default(parameter: Any) -> str:
    if parameter.required:
        return "required"
    return "" if parameter.default in (None, False, ()) or parameter.is_flag else code(parameter.default)


def _metavar(parameter: Any) -> str:
    return str(parameter.metavar or parameter.name.upper())


def _prose(help_text: str) -> str:
    return " ".join(help_text.split())
