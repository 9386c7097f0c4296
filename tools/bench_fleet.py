"""A fleet of 100 models on all GPU instance types: time to build the columns, time to solve, proven gap, saving over each model alone."""

from __future__ import annotations

import random
import sys
from datetime import UTC, datetime
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))

from records.fleet import FleetModel, FleetPlan, FleetRequest
from records.request import Request
from sizing import fleet

MODELS = (
    "Llama-3.2-1B-Instruct", "Llama-3.2-3B-Instruct", "Llama-3.1-8B-Instruct", "Llama-3.3-70B-Instruct", "gpt-oss-20b", "Qwen3-30B-A3B",
)  # fmt: skip
SIZE, SEEDS, GAP, SECONDS = 100, (1, 2, 3, 4, 5), 0.01, 2.0


def main() -> int:
    made = [_plan(seed) for seed in SEEDS]
    for seed, one in zip(SEEDS, made, strict=True):
        saved = 1 - one.usd_per_hour / one.alone_usd_per_hour
        print(
            f"seed {seed}: {len(one.served)} models, {one.columns} columns in {one.columns_s:.2f} s, solved in {one.solve_s:.2f} s, "
            f"gap {one.proven_gap:.4%}, ${one.usd_per_hour:.2f}/h on {len(one.nodes)} instances, {saved:.1%} below each model alone"
        )
    held = all(one.proven_gap <= GAP and one.solve_s <= SECONDS for one in made)
    print(f"goal: gap <= {GAP:.0%} within {SECONDS:g} s a solve: {'held' if held else 'MISSED'}")
    return 0 if held else 1


def _plan(seed: int) -> FleetPlan:
    """Loads between 0.05 and 5 requests a second, most of them small."""
    draw = random.Random(seed)
    members = tuple(
        FleetModel(
            name=f"model-{number}",
            request=Request(
                model=draw.choice(MODELS), request_rate=round(0.05 * 100 ** draw.random(), 3), isl=draw.choice((256, 512, 1024, 2048)),
                osl=draw.choice((32, 128, 256)),
            ),
        )
        for number in range(SIZE)
    )  # fmt: skip
    return fleet.plan(FleetRequest(models=members), now=datetime.now(UTC))


if __name__ == "__main__":
    sys.exit(main())
