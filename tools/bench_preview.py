"""What the cost outputs add to a preview of the cluster stack: with and without them, interleaved, on the embedded AWS."""

from __future__ import annotations

import contextlib
import os
import statistics
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))

STACK = "bench-preview"
ROUNDS = 10
ASKED = {"model": "meta-llama/Llama-3.1-8B-Instruct", "concurrency": 4, "isl": 512, "osl": 128}


def main() -> int:
    from records.errors import InferstackError

    with tempfile.TemporaryDirectory(prefix="bench-preview-") as folder:
        os.environ |= {"INFERSTACK_DIR": folder, "INFERSTACK_HOSTS": "none", "NO_COLOR": "1"}
        try:
            seconds = _measured()
        except InferstackError as error:
            print(f"{error.message}\n{error.hint}", file=sys.stderr)
            return error.code
    for name, values in seconds.items():
        print(
            f"preview {name:22} median {statistics.median(values):.3f} s   min {min(values):.3f}   max {max(values):.3f}   ({ROUNDS} runs)"
        )
    added = [one - other for one, other in zip(*seconds.values(), strict=True)]
    low, middle, high = (value * 1e3 for value in statistics.quantiles(added, n=4))
    print(f"the cost outputs add {middle:.0f} ms a preview (median of the pairs; half of them between {low:.0f} and {high:.0f} ms)")
    return 0


def _measured() -> dict[str, list[float]]:
    from inferstack import chain, command, planning, teardown
    from inferstack.pulumi_stacks import Stacks
    from records.request import Request

    at = command.begin("preview", STACK, as_json=True, yes=True, verbose=False)
    request = Request.model_validate({**ASKED, "region": at.loaded.settings.region})
    run, _ = planning.plan(at, request, rehearse=True)
    try:
        with chain.opened(at) as (work, here):
            stacks = Stacks(at, here, run)
            stacks.bind()
            stacks.base.select_or_create(stacks.base_config())
            stacks.base.up()
            config = stacks.cluster_config(stacks.expiry(work.command.now()))
            stacks.cluster.select_or_create(config)
            return _interleaved(lambda: stacks.cluster.preview(config=config))
    finally:
        teardown.down(at)


def _interleaved(preview: Callable[[], Any]) -> dict[str, list[float]]:
    seconds: dict[str, list[float]] = {"with cost outputs": [], "without": []}
    for number in range(ROUNDS + 1):
        for name, values in sorted(seconds.items(), reverse=bool(number % 2)):  # neither is always the first of its pair
            with without_cost() if name == "without" else contextlib.nullcontext():
                begun = time.perf_counter()
                preview()
            if number:  # the first round warms modules and plug-ins
                values.append(time.perf_counter() - begun)
    return seconds


@contextlib.contextmanager
def without_cost() -> Iterator[None]:
    """The program as it would be without them: no registrations read back, no bill, no outputs. An empty bill stands for the caller's."""
    from pricing.bill import bill
    from stacks import program

    async def nothing(registered: Any, config: Any, hours: float | None, around: Any, usage: Any) -> dict[str, Any]:
        if around.on_bill:
            around.on_bill(bill((), region=config.region, hours_until_expiry=None), ())
        return {}

    real, names = program._cost, program.COST
    program._cost, program.COST = nothing, ()  # type: ignore[assignment]
    try:
        yield
    finally:
        program._cost, program.COST = real, names


if __name__ == "__main__":
    sys.exit(main())
