"""`inferstack bench`: load on the cluster's endpoint, and the prediction judged by it."""

from __future__ import annotations

from typing import Annotated

import typer

from inferstack.chain import benchmark, stack_access
from inferstack.cli import options
from inferstack.cli.command import begin
from inferstack.cli.options import DEFAULT_STACK, Backend, Json, Profile, Stack, Verbose, Yes

Concurrency = Annotated[
    int | None,
    typer.Option(
        "--concurrency", min=1, metavar="N", help="Closed loop with N requests in flight, instead of the plan's load.", show_default=False
    ),
]
RequestRate = Annotated[
    float | None,
    typer.Option(
        "--request-rate",
        min=1e-6,
        max=1e7,
        metavar="R",
        help="Poisson arrivals at R per second, instead of the plan's load.",
        show_default=False,
    ),
]
Burstiness = Annotated[
    float | None,
    typer.Option(
        "--burstiness",
        min=0.001,
        max=1000,
        metavar="B",
        help="Burstiness of arrivals: 1 is Poisson, less is burstier.",
        show_default=False,
    ),
]
Number = Annotated[int | None, typer.Option("--num-requests", min=1, metavar="N", help="Number of requests.", show_default=False)]
Seed = Annotated[
    int | None,
    typer.Option(
        "--seed",
        min=0,
        max=2**32 - 1,
        metavar="N",
        help="Seed of the prompts, to repeat an earlier run. Default: a new seed.",
        show_default=False,
    ),
]


def app() -> typer.Typer:
    return options.one(bench)


def bench(
    concurrency: Concurrency = None,
    request_rate: RequestRate = None,
    burstiness: Burstiness = None,
    num_requests: Number = None,
    seed: Seed = None,
    profile: Profile = None,
    backend: Backend = None,
    stack: Stack = DEFAULT_STACK,
    as_json: Json = False,
    yes: Yes = False,
    verbose: Verbose = False,
) -> int:
    """Send the plan's load to the endpoint and compare TTFT, ITL and throughput with the prediction; exit 1 if one is worse."""
    at = begin("bench", stack, as_json=as_json, yes=yes, verbose=verbose, profile=profile, backend=backend)
    run = stack_access.built(at)
    with stack_access.opened_cluster(at) as (work, here):
        wished = benchmark.Wished(concurrency, request_rate, burstiness, num_requests, seed)
        measurement, verdict = benchmark.bench(work, here, run, wished=wished)
    from inferstack.show import records

    at.screen.answer({"measurement": measurement.model_dump(mode="json"), "verdict": verdict.model_dump(mode="json")})
    records.measured(at.screen, measurement, verdict)
    return 0 if verdict.passed else 1
