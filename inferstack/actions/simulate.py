"""The work of `simulate`: which plan, which requests, and where the answer goes."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Literal, NamedTuple

from inferstack.chain import planning
from inferstack.cli.command import Command
from inferstack.records.errors import InputError
from inferstack.records.plan import Plan
from inferstack.records.record import write_text

if TYPE_CHECKING:
    from inferstack.records.simulation import Simulation
    from sizing.simulation.run import Choices


class Asked(NamedTuple):
    """As it stands on the command line."""

    arrivals: str | None
    requests: Path | None
    spread: float | None
    how_many: int | None
    seed: int
    router: Literal["round-robin", "least-in-flight"]


def simulate(command: Command, source: Path | None, asked: Asked, *, svg: Path | None) -> int:
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
        raise InputError(f"{option} and --requests: the file says it already", hint="give one of them")
    asks = tuple(arrivals.requests(asked.requests)[: asked.how_many])
    return Choices(seed=asked.seed, router=asked.router, asks=asks, source=asked.requests.name)


def _drawn(path: Path, made: Simulation) -> Path:
    from inferstack.show import simulation_svg

    if path.is_dir():
        raise InputError(f"--svg: {path}: is a folder, a file is needed")
    try:
        return write_text(path, simulation_svg.text(made))
    except OSError as error:
        raise InputError(f"--svg: {path}: {error.strerror}") from None
