"""`inferstack simulate`: a plan under bursts and mixed lengths, request by request."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Literal, NamedTuple

import typer

from inferstack.chain import planning
from inferstack.cli import options
from inferstack.cli.command import Command, begin
from inferstack.cli.options import DEFAULT_STACK, Json, Stack, Verbose, Yes
from inferstack.records.errors import InputError
from inferstack.records.plan import Plan
from inferstack.records.record import write_text

if TYPE_CHECKING:
    from inferstack.records.simulation import Simulation
    from sizing.simulation.run import Choices

NO = {"show_default": False}
File = Annotated[
    Path | None, typer.Argument(metavar="[REQUEST.yaml|PLAN.json]", help="What to simulate. Default: the stack's newest plan.", **NO)
]
Arrivals = Annotated[
    str | None,
    typer.Option("--arrivals", metavar="KIND", help="poisson, gamma:BURSTINESS, trace:FILE or closed. Default: the plan's load.", **NO),
]
Requests = Annotated[
    Path | None, typer.Option("--requests", metavar="FILE", help="Replay recorded arrivals and lengths from a requests.jsonl.", **NO)
]
Spread = Annotated[
    float | None,
    typer.Option(
        "--length-spread",
        metavar="CV",
        help="Spread of lengths: standard deviation over the mean; 0 means all equal. Default: 0.2.",
        min=0,
        max=5,
        **NO,
    ),
]
Count = Annotated[
    int | None,
    typer.Option(
        "--requests-count", metavar="N", help="Number of requests. Default: depends on rate and length.", min=1, max=1_000_000, **NO
    ),
]
Seed = Annotated[int, typer.Option("--seed", metavar="N", help="Random seed; the same seed gives the same simulation.")]
Router = Annotated[
    Literal["round-robin", "least-in-flight"],
    typer.Option("--router", metavar="round-robin|least-in-flight", help="How requests are distributed over the replicas."),
]
Svg = Annotated[Path | None, typer.Option("--svg", metavar="FILE", help="Write the chart to this file.", **NO)]


def app() -> typer.Typer:
    return options.one(simulate)


def simulate(
    source: File = None,
    arrivals: Arrivals = None,
    requests: Requests = None,
    length_spread: Spread = None,
    requests_count: Count = None,
    seed: Seed = 0,
    router: Router = "least-in-flight",
    svg: Svg = None,
    stack: Stack = DEFAULT_STACK,
    as_json: Json = False,
    yes: Yes = False,
    verbose: Verbose = False,
) -> int:
    """Simulate a plan's load on its replicas, step by step; for the stack's own plan, write simulation.json beside it."""
    at = begin("simulate", stack, as_json=as_json, yes=yes, verbose=verbose)
    asked = Asked(arrivals, requests, length_spread, requests_count, seed, router)
    return _simulate(at, source, asked, svg=svg)


class Asked(NamedTuple):
    """The options of the command line, as they were given."""

    arrivals: str | None
    requests: Path | None
    spread: float | None
    how_many: int | None
    seed: int
    router: Literal["round-robin", "least-in-flight"]


def _simulate(command: Command, source: Path | None, asked: Asked, *, svg: Path | None) -> int:
    """Exit code 0. Writes only what was asked for, and simulation.json beside the stack's own plan."""
    from sizing.simulation.run import simulation

    planned = planning.from_file(command, source)[1] if source else planning.read_plan(command.run().path(Plan))
    made = simulation(planned, _choices(asked))
    written = [] if svg is None else [_drawn(svg, made)]
    if source is None:
        written.append(command.run().write(made))
    command.screen.answer(made)
    from inferstack.show import simulation as render_simulation

    render_simulation.show(command.screen, made)
    for path in written:
        command.screen.say(f"Written: {path}")
    return 0


def _choices(asked: Asked) -> Choices:
    from sizing.simulation import arrivals
    from sizing.simulation.run import VARIED, Choices

    if asked.requests is None:
        kind = arrivals.parse(asked.arrivals) if asked.arrivals else None
        spread = VARIED if asked.spread is None else asked.spread
        return Choices(kind, spread, asked.how_many, asked.seed, asked.router)
    if asked.arrivals or asked.spread is not None:
        option = "--arrivals" if asked.arrivals else "--length-spread"
        raise InputError(f"{option} and --requests: the file already gives it", hint="give one of them")
    asks = tuple(arrivals.requests(asked.requests)[: asked.how_many])
    return Choices(seed=asked.seed, router=asked.router, asks=asks, source=asked.requests.name)


def _drawn(path: Path, made: Simulation) -> Path:
    from inferstack.show import simulation_svg

    if path.is_dir():
        raise InputError(f"--svg: {path}: is a folder; give a file")
    try:
        return write_text(path, simulation_svg.text(made))
    except OSError as error:
        raise InputError(f"--svg: {path}: {error.strerror}") from None
