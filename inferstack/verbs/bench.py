"""`inferstack bench`: load on the cluster's endpoint, and the prediction judged by it."""

from __future__ import annotations

from typing import Annotated

import typer

from inferstack.cli import options
from inferstack.cli.options import DEFAULT_STACK, Json, Stack, Verbose, Yes

Concurrency = Annotated[int | None, typer.Option("--concurrency", min=1, metavar="N", help="Requests in flight.", show_default=False)]
Number = Annotated[int | None, typer.Option("--num-requests", min=1, metavar="N", help="How many requests.", show_default=False)]
Seed = Annotated[
    int | None,
    typer.Option(
        "--seed", min=0, max=2**32 - 1, metavar="N", help="Send the prompts of an earlier run; a fresh seed without it.", show_default=False
    ),
]


def app() -> typer.Typer:
    return options.one(bench)


def bench(
    concurrency: Concurrency = None,
    num_requests: Number = None,
    seed: Seed = None,
    stack: Stack = DEFAULT_STACK,
    as_json: Json = False,
    yes: Yes = False,
    verbose: Verbose = False,
) -> int:
    """Measure TTFT, ITL and throughput through TLS and key; exit 1 when the verdict is that the plan was missed."""
    from inferstack.chain import sequence
    from inferstack.cli import command

    at = command.begin("bench", stack, as_json=as_json, yes=yes, verbose=verbose)
    return sequence.bench(at, concurrency=concurrency, num_requests=num_requests, seed=seed)
