"""sizing.planning.constraints: each constraint at its boundary, on a replica whose figures are given."""

from __future__ import annotations

from dataclasses import dataclass, field
from types import SimpleNamespace
from typing import Any

import pytest

from sizing.catalog import GIB
from sizing.engines.layouts import ReplicaLayout
from sizing.planning import constraints
from sizing.planning.constraints import broken, does_not_start, fewest, late, replicas_for_capacity
from sizing.planning.demand import Demand
from sizing.speed.traffic import Traffic


@dataclass
class Point:
    """Seconds, as an operating point says them."""

    ttft_s: float = 0.5
    itl_s: float = 0.025

    def e2e_s(self, osl: float) -> float:
        return self.ttft_s + osl * self.itl_s


@dataclass
class Question:
    """What constraints ask of a search. `seen` notes the traffic of which a point was asked."""

    demand: Demand
    headroom: float = 0.75
    reserve_gib: float = 2.0
    max_model_len: int = 4096
    capacity: float = 4.0
    targets: dict[str, float] = field(default_factory=dict)
    point_of: Any = lambda traffic: Point()
    seen: list[Traffic] = field(default_factory=list)

    request = SimpleNamespace(osl=100)

    def capacity_per_s(self, r: Any) -> float:
        return self.capacity

    def point(self, r: Any, traffic: Traffic) -> Point:
        self.seen.append(traffic)
        return self.point_of(traffic)


def demand(traffic: Traffic, says: str) -> Demand:
    """Constraints read the traffic alone, not the load that it was made from."""
    nobodys: Any = None
    return Demand(load=nobodys, traffic=traffic, says=says)


def rate(value: float, **more: Any) -> Any:
    return Question(demand(Traffic(isl=900, osl=100, request_rate=value), f"{value:g} requests/s"), **more)


def loop(value: float, **more: Any) -> Any:
    return Question(demand(Traffic(isl=900, osl=100, concurrency=value), f"{value:g} requests in flight"), **more)


def replica(*, batch: float = 8.0, why_not: str | None = None, kv_gib: float = 10.0, need_gib: float = 1.0, **layout: int) -> Any:
    kv = SimpleNamespace(sequence_bytes=lambda tokens: need_gib * GIB * tokens / 4096)
    sizes = {"layout": ReplicaLayout(**layout), "why_not": why_not, "budget": SimpleNamespace(kv_gib=kv_gib), "kv": kv}
    return SimpleNamespace(**sizes, max_batch=lambda length: batch * 1000 / length)


@pytest.mark.parametrize(
    ("load", "replicas", "kept"), [(3.0, 1, True), (3.01, 1, False), (6.0, 2, True), (6.02, 2, False), (6.02, 3, True)]
)
def test_a_load_at_the_headroom_is_held(load: float, replicas: int, kept: bool) -> None:
    """4 requests/s each at 75 %: 3 are within it."""
    assert kept is (broken(rate(load), replica(), replicas) is None)


def test_a_load_above_the_headroom_is_told_with_its_figures() -> None:
    """How loaded, by what, of how much, and above which share."""
    one, two = broken(rate(4.0), replica(), 1), broken(rate(8.0), replica(), 2)
    assert one and ("capacity", 1.0) == (one.constraint, one.excess)
    assert "4 requests/s would load one replica (4.00 requests/s each) to 100%; the limit is 75%" == one.reason
    assert two and "8 requests/s would load 2 replicas (4.00 requests/s each) to 100%; the limit is 75%" == two.reason
    closed = broken(loop(8.0), replica(), 1)
    assert closed and "8 requests in flight would load one replica (8 requests at once each) to 100%; the limit is 75%" == closed.reason


@pytest.mark.parametrize(
    ("load", "batch", "replicas", "used"),
    [
        (6.0, 8.0, 1, 0.75),
        (12.0, 8.0, 2, 0.75),
        (2.0, 8.0, 4, 1 / 8),
        (1.0, 1.0, 1, 1 / 1.25),
        (1.0, 1.3, 1, 1 / 1.3),
    ],
)
def test_a_closed_loop_uses_what_fits_at_once(load: float, batch: float, replicas: int, used: float) -> None:
    """Never less than one request a replica; one that holds a single request is not full by it."""
    breach = broken(loop(load, headroom=0.0), replica(batch=batch), replicas)
    assert breach and used == pytest.approx(breach.excess)


@pytest.mark.parametrize(("load", "least"), [(0.0, 1), (0.001, 1), (3.0, 1), (3.01, 2), (6.0, 2), (6.01, 3)])
def test_capacity_asks_for_whole_replicas(load: float, least: int) -> None:
    """At least one, and never one more than the headroom needs."""
    assert least == replicas_for_capacity(rate(load), replica())


@pytest.mark.parametrize(
    ("need", "most", "found"),
    [(1, 100, 1), (2, 100, 2), (3, 100, 3), (7, 100, 7), (8, 8, 8), (9, 8, None), (5, 5, 5), (6, 7, 6), (100, 100, 100), (101, 100, None)],
)
def test_the_fewest_replicas_that_keep_a_target_are_found(need: int, most: int, found: int | None) -> None:
    """A target that `need` replicas keep and one fewer misses; `most` itself may still be taken."""
    search = rate(
        1.0, targets={"ttft_ms": 400.0}, point_of=lambda t: Point(ttft_s=0.4 if (t.request_rate or 0) <= 1.0 / need + 1e-12 else 0.5)
    )
    assert found == fewest(search, replica(), most=most)


@pytest.mark.parametrize(("load", "most", "found"), [(30.0, 10, 10), (30.1, 10, None), (33.0, 11, 11), (3.0, 0, None)])
def test_a_load_that_most_replicas_do_not_hold_has_no_fewest(load: float, most: int, found: int | None) -> None:
    """By capacity alone; no point is asked for where it is hopeless."""
    search = rate(load)
    assert found == fewest(search, replica(), most=most)
    assert [] == search.seen


@pytest.mark.parametrize(
    ("need", "most", "looks"),
    [
        (1, 100, [1]),
        (5, 100, [1, 2, 4, 8, 6, 5]),
        (7, 100, [1, 2, 4, 8, 6, 7]),
        (7, 7, [1, 2, 4, 7, 6]),
        (9, 8, [1, 2, 4, 8]),
        (1000, 8000, [1, 2, 4, 8, 16, 32, 64, 128, 256, 512, 1024, 768, 896, 960, 992, 1008, 1000, 996, 998, 999]),
    ],
)
def test_the_search_for_the_fewest_doubles_and_halves(need: int, most: int, looks: list[int]) -> None:
    """No count is looked at twice: each look costs an operating point."""
    search = rate(
        1.0, targets={"ttft_ms": 400.0}, point_of=lambda t: Point(ttft_s=0.4 if (t.request_rate or 0) <= 1.0 / need + 1e-12 else 0.5)
    )
    fewest(search, replica(), most=most)
    assert looks == [round(1 / (one.request_rate or 1)) for one in search.seen]


@pytest.mark.parametrize(("name", "value"), [("ttft", 500.0), ("itl", 25.0), ("e2e", 3000.0)])
@pytest.mark.parametrize(("share", "kept"), [(1.0, True), (1.001, True), (0.999, False), (0.985, False)])
def test_a_target_is_missed_as_soon_as_the_mean_is_above_it(name: str, value: float, share: float, kept: bool) -> None:
    """At the target is within it; a thousandth more is not: there is no tolerance."""
    breach = late(rate(1.0, targets={f"{name}_ms": value * share}), replica(), 1, "now")
    assert kept is (breach is None)
    if breach:
        assert (name, pytest.approx(1 / share)) == (breach.constraint, breach.excess)
        assert f"tp=1: {name.upper()} {value:.0f} ms now; the target is {value * share:g} ms" == breach.reason


@pytest.mark.parametrize(("share", "kept"), [(1.0, True), (1.001, True), (0.999, False), (0.985, False)])
@pytest.mark.parametrize(("name", "value"), [("ttft", 2000.0), ("itl", 50.0), ("e2e", 9000.0)])
def test_a_p99_target_is_missed_as_soon_as_the_p99_is_above_it(
    monkeypatch: pytest.MonkeyPatch, name: str, value: float, share: float, kept: bool
) -> None:
    """Beside means that keep theirs; a target of one figure is nothing to the others."""
    monkeypatch.setattr(constraints.percentiles, "p99_s", lambda r, t, point: {"ttft": 2.0, "itl": 0.05, "e2e": 9.0})
    breach = late(rate(1.0, targets={f"{name}_p99_ms": value * share, "ttft_ms": 500.0}), replica(tp=2, pp=2, ep=2), 1, "now")
    assert kept is (breach is None)
    if breach:
        assert (name, pytest.approx(1 / share)) == (breach.constraint, breach.excess)
        assert f"tp=2 pp=2 ep=2: {name.upper()} p99 {value:.0f} ms now; the target is {value * share:g} ms" == breach.reason


def test_the_first_target_that_breaks_is_told() -> None:
    """Means before the p99, the first token before the others, capacity before all."""
    all_broken = {"ttft_ms": 1.0, "itl_ms": 1.0, "e2e_ms": 1.0, "ttft_p99_ms": 1.0}
    breach = late(rate(1.0, targets=all_broken), replica(), 1, "now")
    assert breach and "TTFT 500 ms" in breach.reason
    full = broken(rate(100.0, targets=all_broken), replica(), 1)
    assert full and "capacity" == full.constraint


def test_without_targets_nothing_is_late_and_no_percentile_is_computed(monkeypatch: pytest.MonkeyPatch) -> None:
    """A point costs time; so do percentiles where no p99 is limited."""
    monkeypatch.setattr(constraints.percentiles, "p99_s", lambda *_: pytest.fail("computed"))
    search = rate(1.0)
    assert late(search, replica(), 1, "now") is None and [] == search.seen
    assert late(rate(1.0, targets={"ttft_ms": 500.0}), replica(), 1, "now") is None


@pytest.mark.parametrize(("replicas", "each"), [(1, 8.0), (2, 4.0), (8, 1.0)])
def test_lateness_is_of_one_replicas_share(replicas: int, each: float) -> None:
    """So many replicas share the load; without a number it is hardly any."""
    search = rate(8.0, targets={"ttft_ms": 500.0})
    assert late(search, replica(), replicas, "now") is None
    assert late(search, replica(), None, "now") is None
    assert [each, 1e-3] == [one.request_rate for one in search.seen]


def test_what_breaks_under_the_load_says_so() -> None:
    """With the load and the replicas."""
    breach = broken(rate(2.0, targets={"ttft_ms": 100.0}), replica(tp=4), 2)
    assert breach and "tp=4: TTFT 500 ms at 2 requests/s on 2 replicas; the target is 100 ms" == breach.reason


@pytest.mark.parametrize(("need", "starts"), [(9.99, True), (10.0, True), (10.01, False)])
def test_one_whole_sequence_has_to_fit(need: float, starts: bool) -> None:
    """Of the longest context: at what is left it does."""
    breach = does_not_start(rate(1.0), replica(need_gib=need, tp=2))
    assert starts is (breach is None)
    if breach:
        assert ("context", pytest.approx(need - 10.0)) == (breach.constraint, breach.excess)
        assert "tp=2: one sequence of 4096 tokens needs 10.01 GiB of KV cache per GPU; 10.00 GiB are free" == breach.reason


def test_what_does_not_start_is_told_with_what_is_kept_back() -> None:
    """And by how much it misses."""
    breach = does_not_start(rate(1.0), replica(why_not="needs 90 GiB of 80", kv_gib=-10.0, pp=2))
    assert breach and ("memory", 10.0) == (breach.constraint, breach.excess)
    assert "tp=1 pp=2: needs 90 GiB of 80, of which 2 GiB are held in reserve" == breach.reason
