"""A simulation over time: the samples of all replicas gathered into stretches that a picture can show."""

from __future__ import annotations

from inferstack.records.simulation import Moment
from sizing.simulation.simulator import Outcome

STRETCHES = 96


def moments(o: Outcome) -> tuple[Moment, ...]:
    """Equal stretches from 0 to the last step's end; none where nothing ran."""
    end = max((one[-1].end_s for one in o.samples if one), default=0.0)
    if not end:
        return ()
    width = end / STRETCHES
    waiting, running, kv = _levels(o, width)
    first: list[list[float]] = [[] for _ in range(STRETCHES)]
    for s in o.finished:
        first[_stretch(s.first_s, width)].append(s.ttft_s * 1e3)
    return tuple(
        Moment(
            begin_s=_rounded(i * width), end_s=_rounded((i + 1) * width), waiting=waiting[i], running=_rounded(running[i] / width),
            kv_share=_rounded(kv[i]), ttft_ms=_rounded(sum(first[i]) / len(first[i])) if first[i] else None,
        )
        for i in range(STRETCHES)
    )  # fmt: skip


def busy_s(o: Outcome) -> float:
    """Seconds in which the replicas ran steps, added up."""
    return sum(sample.end_s - sample.begin_s for one in o.samples for sample in one)


def running_mean(o: Outcome) -> float:
    """Requests in the batch of one replica over its busy time."""
    busy = busy_s(o)
    return sum(sample.running * (sample.end_s - sample.begin_s) for one in o.samples for sample in one) / busy if busy else 0.0


def _levels(o: Outcome, width: float) -> tuple[list[int], list[float], list[float]]:
    """Return the levels of each stretch: most waiting of all replicas together, request-seconds running, highest KV share of one
    replica."""
    waiting, running, kv = [0] * STRETCHES, [0.0] * STRETCHES, [0.0] * STRETCHES
    for one in o.samples:
        mine = [0] * STRETCHES
        for sample in one:
            low, high = _stretch(sample.begin_s, width), _stretch(sample.end_s, width)
            for i in range(low, high + 1):
                inside = min(sample.end_s, (i + 1) * width) - max(sample.begin_s, i * width)
                running[i] += sample.running * max(inside, 0.0)
                kv[i] = max(kv[i], sample.kv_share)
                mine[i] = max(mine[i], sample.waiting)
        waiting = [a + b for a, b in zip(waiting, mine, strict=True)]
    return waiting, running, kv


def _stretch(at_s: float, width: float) -> int:
    return min(int(at_s / width), STRETCHES - 1)


def _rounded(value: float) -> float:
    return float(f"{value:.6g}")
