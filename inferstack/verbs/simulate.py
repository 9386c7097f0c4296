"""`inferstack simulate`: a plan under bursts and mixed lengths, request by request."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Literal

import typer

from inferstack.cli import options
from inferstack.cli.options import DEFAULT_STACK, Json, Stack, Verbose, Yes

NO = {"show_default": False}
File = Annotated[
    Path | None, typer.Argument(metavar="[REQUEST.yaml|PLAN.json]", help="What to simulate. Default: the stack's newest plan.", **NO)
]
Arrivals = Annotated[
    str | None,
    typer.Option("--arrivals", metavar="KIND", help="poisson, gamma:BURSTINESS, trace:FILE or closed. Default: the plan's load.", **NO),
]
Requests = Annotated[
    Path | None, typer.Option("--requests", metavar="FILE", help="requests.jsonl: arrivals and lengths as they were.", **NO)
]
Spread = Annotated[
    float | None,
    typer.Option(
        "--length-spread",
        metavar="CV",
        help="How lengths vary: standard deviation over the mean; 0 is all alike. Default: 0.2.",
        min=0,
        max=5,
        **NO,
    ),
]
Count = Annotated[
    int | None,
    typer.Option("--requests-count", metavar="N", help="How many requests. Default: by rate and length.", min=1, max=1_000_000, **NO),
]
Seed = Annotated[int, typer.Option("--seed", metavar="N", help="The same seed gives the same simulation.")]
Router = Annotated[
    Literal["round-robin", "least-in-flight"],
    typer.Option("--router", metavar="round-robin|least-in-flight", help="How requests are spread over the replicas."),
]
Svg = Annotated[Path | None, typer.Option("--svg", metavar="FILE", help="Write the picture there.", **NO)]


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
    """Run a plan's load through its replicas, step by step; of the stack's own plan write simulation.json beside it."""
    from inferstack.actions import simulate as simulating
    from inferstack.cli import command

    at = command.begin("simulate", stack, as_json=as_json, yes=yes, verbose=verbose)
    asked = simulating.Asked(arrivals, requests, length_spread, requests_count, seed, router)
    return simulating.simulate(at, source, asked, svg=svg)
