"""CPU time of 10,000 simulated requests on one core, several plans and loads, beside stepping token by token."""

from __future__ import annotations

import itertools
import os
import random
import sys
import time
from dataclasses import replace
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))

from sizing.batch.question import parse
from sizing.simulation.sequence import Ask
from sizing.simulation.simulator import Outcome, Setup, simulate
from sizing.speed.operating_point import capacity_per_s
from sizing.speed.start_up import start_up

REQUESTS = 10_000
LIMIT_S = 2.0
MODELS = (
    {"model": "meta-llama/Llama-3.1-8B-Instruct", "gpu": "H100"},
    {"model": "meta-llama/Llama-3.3-70B-Instruct", "weight_quant": "fp8", "gpu": "H100", "tp": 4},
    {"model": "openai/gpt-oss-20b", "gpu": "L40S"},
    {"model": "deepseek-ai/DeepSeek-R1-0528", "gpu": "H200", "tp": 8},
)
LENGTHS = ((1024, 256), (512, 1024), (8192, 128))
LOADS = (0.5, 0.9, 1.2)


def main() -> int:
    if hasattr(os, "sched_setaffinity"):
        os.sched_setaffinity(0, {min(os.sched_getaffinity(0))})
    simulate(*_case(MODELS[0], 128, 128, load=0.5, requests=10))  # facts and modules are loaded now
    print(f"{REQUESTS:,} requests on one core, CPU time; gamma arrivals of burstiness 0.25, log-normal lengths")
    print(f"{'model':24} {'in/out':>10} {'load':>5} {'replicas':>8} {'s':>6} {'engine steps':>13} {'preempted':>9}")
    slowest = max(_row(model, lengths, load) for model, lengths, load in itertools.product(MODELS, LENGTHS, LOADS))
    _eight_replicas()
    print(f"slowest on one replica {slowest:.2f} s, limit {LIMIT_S:g} s")
    _stepping()
    return 1 if slowest > LIMIT_S else 0


def _row(model: dict[str, object], lengths: tuple[int, int], load: float) -> float:
    setup, asks = _case(model, *lengths, load=load, requests=REQUESTS)
    return _print(model, lengths, load, setup, asks)


def _eight_replicas() -> None:
    setup, asks = _case(MODELS[0], 1024, 256, load=0.8, requests=REQUESTS, replicas=8)
    _print(MODELS[0], (1024, 256), 0.8, setup, asks)


def _print(model: dict[str, object], lengths: tuple[int, int], load: float, setup: Setup, asks: list[Ask]) -> float:
    seconds, outcome = _timed(setup, asks)
    name = str(model["model"]).rpartition("/")[2]
    preempted = sum(one.preemptions for one in outcome.requests)
    size = f"{lengths[0]}/{lengths[1]}"
    print(f"{name[:24]:24} {size:>10} {load:5.1f} {setup.replicas:8} {seconds:6.2f} {outcome.steps:13,} {preempted:9,}")
    return seconds


def _stepping() -> None:
    setup, asks = _case(MODELS[0], 1024, 256, load=0.5, requests=1000)
    jumping, _ = _timed(setup, asks)
    stepping, _ = _timed(replace(setup, jump=False), asks)
    print(f"1,000 of the first row: {jumping:.3f} s with jumps, {stepping:.3f} s step by step")


def _case(model: dict[str, object], isl: int, osl: int, *, load: float, requests: int, replicas: int = 1) -> tuple[Setup, list[Ask]]:
    asked = parse({**model, "isl": isl, "osl": osl, "request_rate": 1, "max_model_len": 65536})
    assert asked.traffic is not None
    rate = capacity_per_s(asked.replica, asked.traffic) * load * replicas
    rng, now, asks = random.Random(0), 0.0, []
    for _ in range(requests):
        now += rng.gammavariate(0.25, 4 / rate)
        asks.append(Ask(now, _length(isl, rng), _length(osl, rng)))
    startup = start_up(asked.replica, replace(asked.traffic, request_rate=rate / replicas))
    return Setup(asked.replica, replicas, "least-in-flight" if replicas > 1 else "round-robin", startup=startup), asks


def _length(mean: int, rng: random.Random) -> int:
    return max(min(round(mean * rng.lognormvariate(-0.125, 0.5)), 4 * mean), 1)


def _timed(setup: Setup, asks: list[Ask]) -> tuple[float, Outcome]:
    begun = time.process_time()  # of this process: what else the machine does is left out
    outcome = simulate(setup, asks)
    return time.process_time() - begun, outcome


if __name__ == "__main__":
    sys.exit(main())
