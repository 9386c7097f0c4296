"""`inferstack report`: the decision as one HTML file that opens anywhere, offline."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, TypeVar

import typer

from inferstack.chain import planning
from inferstack.cli import options, printable
from inferstack.cli.command import Command, begin
from inferstack.cli.options import DEFAULT_STACK, Json, Stack, Verbose, Yes
from inferstack.records.errors import InferstackError, InputError
from inferstack.records.plan import Plan
from inferstack.records.record import Record, write_text
from inferstack.stack.workdir import Run

if TYPE_CHECKING:
    from inferstack.records.comparison import Comparison
    from inferstack.records.curve import Curve
    from inferstack.report.contents import Contents

FILE = "report.html"
R = TypeVar("R", bound=Record)
NO = {"show_default": False}
File = Annotated[
    Path | None, typer.Argument(metavar="[REQUEST.yaml|PLAN.json]", help="What to report. Default: the stack's current run.", **NO)
]
Out = Annotated[
    Path | None, typer.Option("--out", metavar="FILE", help="Write the report here. Default: report.html beside the records.", **NO)
]


def app() -> typer.Typer:
    return options.one(report)


def report(
    source: File = None,
    out: Out = None,
    stack: Stack = DEFAULT_STACK,
    as_json: Json = False,
    yes: Yes = False,
    verbose: Verbose = False,
) -> int:
    """Write decision, cost, reasons and results as HTML: one self-contained file."""
    at = begin("report", stack, as_json=as_json, yes=yes, verbose=verbose)
    return _report(at, source, out)


def _report(command: Command, source: Path | None, out: Path | None) -> int:
    """Exit code 0. Of the stack's current run: report.html beside its records; of a file: in the working folder, or where --out says."""
    from inferstack.report.page import page

    contents, beside = _of_file(command, source) if source else _of_run(command)
    path = _written(out or beside / FILE, page(contents))
    command.screen.answer({"report": str(path), "bytes": path.stat().st_size})
    command.screen.say(f"Written: {path}")
    return 0


def _of_file(command: Command, source: Path) -> tuple[Contents, Path]:
    from inferstack.report.contents import Contents

    plan = planning.from_file(command, source)[1]
    return Contents(plan=plan, made_at=command.now(), curve=_curve(plan), comparison=_comparison(command, plan)), Path.cwd()


def of_run(command: Command, run: Run) -> Path:
    """report.html beside the records of a run; the same words as `report` without a file."""
    from inferstack.report.page import page

    return write_text(run.folder / FILE, printable.block(page(_contents(command, run))))


def _of_run(command: Command) -> tuple[Contents, Path]:
    run = command.run()
    return _contents(command, run), run.folder


def _contents(command: Command, run: Run) -> Contents:
    from inferstack.records.comparison import Comparison
    from inferstack.records.measurement import Measurement, Verdict
    from inferstack.records.preview import Preview
    from inferstack.records.receipt import Receipt
    from inferstack.report.contents import Contents

    plan = planning.read_plan(run.path(Plan))
    preview = _if_there(run, Preview)
    return Contents(
        plan=plan,
        made_at=command.now(),
        stack=command.name,
        run=run.name,
        rehearsal=command.known.record().rehearsal,
        bill=preview.bill if preview else None,
        curve=_curve(plan),
        comparison=_if_there(run, Comparison) or _comparison(command, plan),
        measurement=_if_there(run, Measurement),
        verdict=_if_there(run, Verdict),
        receipt=_if_there(run, Receipt),
    )


def _curve(plan: Plan) -> Curve | None:
    """None where the facts no longer know what an older plan names: the section is left out."""
    from sizing.planning.load_curve import curve

    try:
        return curve(plan)
    except InputError:
        return None


def _comparison(command: Command, plan: Plan) -> Comparison | None:
    """Compare as `compare` without flags does: always on, for its default of months. None where nothing can be said of an older plan."""
    from inferstack.pricing.purchase.schedule import ALWAYS
    from sizing.compare.comparison import WantedComparison, comparison

    try:
        return comparison(plan, WantedComparison(schedule=ALWAYS), now=command.now())
    except InferstackError:
        return None


def _if_there(run: Run, kind: type[R]) -> R | None:
    return run.read(kind) if run.has(kind) else None


def _written(path: Path, text: str) -> Path:
    if path.is_dir():
        raise InputError(f"--out: {path}: is a folder; give a file")
    try:
        return write_text(path, printable.block(text))
    except OSError as error:
        raise InputError(f"--out: {path}: {error.strerror}") from None
