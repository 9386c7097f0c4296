"""What the cost outputs, and the policy pack, add to a preview of the cluster stack: interleaved, on the embedded AWS.

The bare preview is the same program without bill and outputs. Exit code 1 where the outputs cost more than 15 % of it.
"""

from __future__ import annotations

import contextlib
import os
import statistics
import sys
import tempfile
import time
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))

if TYPE_CHECKING:
    from inferstack.records.settings import StackConfig
    from stacks.engine.run import Engine

STACK = "bench-preview"
ROUNDS = 10
MOST = 1.15
"""Of the bare preview."""
BARE, OUTPUTS, PACK = "bare", "with cost outputs", "and policy pack"
POLICIES = str(Path(__file__).resolve().parent.parent / "stacks" / "policy")
ASKED = {"model": "meta-llama/Llama-3.1-8B-Instruct", "concurrency": 4, "isl": 512, "osl": 128}


def main() -> int:
    from inferstack.records.errors import InferstackError

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
    _said("the cost outputs add", seconds[OUTPUTS], seconds[BARE])
    _said("the policy pack adds", seconds[PACK], seconds[OUTPUTS])
    ratio = statistics.median(one / other for one, other in zip(seconds[OUTPUTS], seconds[BARE], strict=True))
    print(f"with the cost outputs a preview takes {ratio:.3f} x the bare one (median of the pairs; at most {MOST})")
    return 0 if ratio <= MOST else 1


def _said(what: str, longer: list[float], shorter: list[float], *, of: str = "a preview") -> None:
    low, middle, high = (1e3 * value for value in statistics.quantiles((a - b for a, b in zip(longer, shorter, strict=True)), n=4))
    print(f"{what} {middle:.0f} ms {of} (median of the pairs; half of them between {low:.0f} and {high:.0f} ms)")


def _measured() -> dict[str, list[float]]:
    from inferstack.chain import planning, stack_access, teardown
    from inferstack.cli import command
    from inferstack.records.request import Request
    from inferstack.stack.pulumi import Stacks

    at = command.begin("preview", STACK, as_json=True, yes=True, verbose=False)
    request = Request.model_validate({**ASKED, "region": at.loaded.settings.region})
    run, _ = planning.plan(at, request, rehearse=True)
    try:
        with stack_access.opened(at) as (work, here):
            stacks = Stacks(at, here, run)
            stacks.bind()
            stacks.base.select_or_create(stacks.base_config())
            stacks.base.up()
            config = stacks.cluster_config(stacks.expiry(work.command.now()))
            stacks.cluster.select_or_create(config)
            return _interleaved(
                {
                    BARE: lambda: _bare(stacks.cluster, config),
                    OUTPUTS: lambda: stacks.cluster.preview(config=config),
                    PACK: lambda: _packed(stacks.cluster, config),
                }
            )
    finally:
        teardown.down(at)


def _interleaved(previews: Mapping[str, Callable[[], object]]) -> dict[str, list[float]]:
    seconds: dict[str, list[float]] = {name: [] for name in previews}
    cpu: dict[str, list[float]] = {name: [] for name in previews}
    for number in range(ROUNDS + 1):
        for name in sorted(previews, reverse=bool(number % 2)):  # none is always the first of its round
            begun, begun_cpu = time.perf_counter(), time.process_time()
            previews[name]()
            if number:  # the first round warms modules and plug-ins
                seconds[name].append(time.perf_counter() - begun)
                cpu[name].append(time.process_time() - begun_cpu)
    _said("the cost outputs take", cpu[OUTPUTS], cpu[BARE], of="CPU of the program's process")
    return seconds


def _bare(engine: Engine, config: StackConfig) -> None:
    with without_cost():
        engine.preview(config=config)


def _packed(engine: Engine, config: StackConfig) -> None:
    """The engine starts a process for the pack; nothing of the verbs does so."""
    run = engine._run
    engine._run = lambda verb, on_event, **options: run(verb, on_event, policy_packs=[POLICIES], **options)  # type: ignore[method-assign]
    try:
        engine.preview(config=config)
    finally:
        del engine._run


@contextlib.contextmanager
def without_cost() -> Iterator[None]:
    """The program without them: no registrations read back, no bill, no outputs. An empty bill stands for the caller's."""
    from inferstack.pricing.bill.bill import bill
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
