"""`inferstack export`: a plan in the form that another tool takes, on stdout or in a file."""

from __future__ import annotations

import hashlib
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from inferstack.chain import flag_check, planning
from inferstack.cli import options, printable
from inferstack.cli.command import Command, begin
from inferstack.cli.options import DEFAULT_STACK, AllowFlag, Json, Stack, Verbose, Yes
from inferstack.exports import table
from inferstack.records.errors import InputError
from inferstack.records.plan import Plan
from inferstack.records.record import write_text

if TYPE_CHECKING:
    from inferstack.exports.export import Exported

DIGITS = 12
"""Of a plan's SHA-256, enough to know it again."""
NO = {"show_default": False}
File = Annotated[
    Path | None,
    typer.Argument(metavar="[PLAN.json|REQUEST.yaml]", help="What to export. Default: the plan of the stack's current run.", **NO),
]


def _targets(incomplete: str) -> list[str]:
    """Complete the name of a tool."""
    return [name for name in table.NAMES if name.startswith(incomplete)]


To = Annotated[str, typer.Option("--to", metavar="TOOL", help=f"The tool: {', '.join(table.NAMES)}.", autocompletion=_targets, **NO)]
Out = Annotated[
    Path | None, typer.Option("--out", metavar="FILE|DIR", help="Write it here; into a folder under the tool's own file name.", **NO)
]


def app() -> typer.Typer:
    return options.one(export)


def export(
    to: To,
    source: File = None,
    out: Out = None,
    allow_flag: AllowFlag = None,
    stack: Stack = DEFAULT_STACK,
    as_json: Json = False,
    yes: Yes = False,
    verbose: Verbose = False,
) -> int:
    """Write a plan as the file of another tool, with what that file does not carry."""
    at = begin("export", stack, as_json=as_json, yes=yes, verbose=verbose)
    return _export(at, to, source, out, tuple(allow_flag or ()))


def _export(command: Command, to: str, source: Path | None, out: Path | None, allowed: tuple[str, ...]) -> int:
    """Exit code 0. Raises InputError for a tool that cannot run the plan, and for a flag that runs code and that nobody allowed."""
    from inferstack.exports.export import exported

    target = table.target_named(to)
    plan, named = _chosen(command, source)
    flag_check.refuse_dangerous(plan, allowed=tuple(name.lstrip("-") for name in allowed))
    path = None if out is None else out / target.file_name if out.is_dir() else out
    made = exported(plan, target.name, source=named, file_name=None if path is None else path.name)
    _answer(command, made, path)
    return 0


def _answer(command: Command, made: Exported, path: Path | None) -> None:
    text = printable.block(made.text)
    if path is None:
        command.screen.answer({"target": made.target, "file_name": made.file_name, "text": text})
        if not command.screen.as_json:
            command.screen.say_block(text.rstrip("\n"))
        return
    try:
        write_text(path, text)
    except OSError as error:
        raise InputError(f"--out: {path}: {error.strerror}") from None
    command.screen.answer({"target": made.target, "file_name": made.file_name, "written": str(path)})
    command.screen.say(f"Written: {path}")


def _chosen(command: Command, source: Path | None) -> tuple[Plan, str]:
    """Return the plan, and which one it is: the file's path, and the beginning of its SHA-256."""
    if source is not None:
        plan = planning.from_file(command, source)[1]
        return plan, f"{source} (sha256 {_digest(source)})"
    run = command.run()
    path = run.path(Plan)
    return planning.read_plan(path), f"{Plan.file_name} of run {run.name} (sha256 {_digest(path)})"


def _digest(path: Path) -> str:
    return hashlib.sha256(path.read_bytes()).hexdigest()[:DIGITS]
