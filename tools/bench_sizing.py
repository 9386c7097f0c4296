"""Answers a second of `sizing.estimate` on one core, and a whole plan in a warm process beside a bare loop over its operating points."""

from __future__ import annotations

import itertools
import os
import statistics
import sys
import time
from collections.abc import Callable, Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))

from inferstack.records.errors import InferstackError
from inferstack.records.request import Request
from sizing import estimate
from sizing.planning import planner, search
from sizing.speed import operating_point

ROUNDS = 10
MODELS = (
    ("meta-llama/Llama-3.1-8B-Instruct", "bf16"),
    ("meta-llama/Llama-3.3-70B-Instruct", "fp8"),
    ("meta-llama/Llama-4-Scout-17B-16E-Instruct", "fp8"),
    ("Qwen/Qwen3-32B", "bf16"),
    ("mistralai/Mixtral-8x7B-Instruct-v0.1", "bf16"),
)
GPUS = ("H100-SXM-80", "H200-SXM-141", "A100-SXM-80", "L40S", "B200-HGX-180")
LOADS: tuple[dict[str, float], ...] = ({}, {"concurrency": 8}, {"concurrency": 128}, {"request_rate": 2}, {"request_rate": 20})
LENGTHS = ((128, 128), (1024, 256), (8192, 512), (2048, 2048))
LOAD = {"request_rate": 4, "isl": 1024, "osl": 256}
PLANS = {
    "format given": Request.model_validate({"model": MODELS[1][0], "weight_quant": "fp8", "ttft_ms": 1000, "itl_ms": 40, **LOAD}),
    "formats and engines open, dense": Request.model_validate({"model": MODELS[3][0], "any_quant": 4, **LOAD}),
    "formats and engines open, MoE": Request.model_validate({"model": "Qwen/Qwen3-235B-A22B", "any_quant": 4, **LOAD}),
}


def main() -> int:
    if hasattr(os, "sched_setaffinity"):
        os.sched_setaffinity(0, {min(os.sched_getaffinity(0))})
    asked = list(questions())
    estimate.answer(asked[0])  # facts and modules are loaded now
    first, answers = _timed(lambda: [estimate.answer(one) for one in asked])
    again = [_timed(lambda: [estimate.answer(one) for one in asked])[0] for _ in range(3)]
    failed, fitting = sum("error" in one for one in answers), sum(bool(one.get("fits")) for one in answers)
    print(f"sizing.estimate, {len(asked)} different questions on one core, CPU time ({fitting} fit, {failed} errors)")
    print(f"  first time  {len(asked) / first:8,.0f} answers/s")
    print(f"  again       {len(asked) / statistics.median(again):8,.0f} answers/s (median of {len(again)}; replicas are remembered)")
    for says, request in PLANS.items():
        _plan(says, request)
    return 1 if failed else 0


def questions() -> Iterator[dict[str, Any]]:
    """Every combination; a layout of one, two and eight GPUs, with and without room for the weights."""
    for (model, quant), gpu, tp, more, (isl, osl) in itertools.product(MODELS, GPUS, (1, 2, 8), LOADS, LENGTHS):
        yield {"model": model, "weight_quant": quant, "gpu": gpu, "tp": tp, "isl": isl, "osl": osl, **more}


def _plan(says: str, request: Request) -> None:
    def whole() -> Any:
        return planner.plan(request, now=datetime.now(UTC))

    points, plan = _evaluated(whole)
    planned, bare = [], []
    for _ in range(ROUNDS):
        planned.append(_timed(whole)[0])
        bare.append(_timed(lambda: [operating_point.operating_point(*one) for one in points])[0])
    ways = len(plan.candidates) + len(plan.rejected)
    pairs = max(len(plan.searched), 1)
    print(f"a whole plan in a warm process, {says}: {pairs} of format x engine, {ways} candidates kept or rejected,")
    print(f"  {len(points)} operating points; median of {ROUNDS}")
    print(f"  plan                              {statistics.median(planned) * 1e3:8.2f} ms")
    print(f"  bare loop over the same points    {statistics.median(bare) * 1e3:8.2f} ms")


def _evaluated(plan: Callable[[], Any]) -> tuple[list[tuple[Any, Any]], Any]:
    """The operating points that the planner evaluates, and the plan."""
    points: list[tuple[Any, Any]] = []
    real = search.operating_point

    def kept(replica: Any, traffic: Any, **known: Any) -> Any:
        points.append((replica, traffic))
        return real(replica, traffic, **known)

    search.operating_point = kept
    try:
        return points, plan()
    finally:
        search.operating_point = real


def _timed(work: Callable[[], Any]) -> tuple[float, Any]:
    begun = time.process_time()  # of this process: what else the machine does is left out
    done = work()
    return time.process_time() - begun, done


if __name__ == "__main__":
    try:
        sys.exit(main())
    except InferstackError as error:
        sys.exit(f"{error.message}\n{error.hint}")
