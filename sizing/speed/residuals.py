"""What measured points near a question say of the formula: it ran 6 % faster there, so it will here, less with the distance.

A Gaussian process over the logarithms of predicted / measured: a sum of parts. In each part the points that share its key (the GPU under
an engine group, the model under an engine, its layout, ...) share a level, and a curve over load, prompt, answer and number of GPUs.
`tools.calibration.correction` makes the facts; a curve is written as a few bumps.
"""

from __future__ import annotations

import functools
import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any, Literal, cast

from inferstack.records.files.facts import load

if TYPE_CHECKING:
    from sizing.speed.replica import Replica
    from sizing.speed.traffic import Traffic

Kind = Literal["step", "ttft"]
PARTS = ("class_family", "group_gpu", "group_model", "engine_model", "model_layout", "own_layout")
"""All within one engine. group_gpu, group_model, engine_model and model_layout hold for one kind of load; own_layout is that of one
stratum: engine group, GPU, model, format and kind of load."""
# Natural logarithms of load, prompt, answer and number of GPUs: a measured point at this distance in one of them
# counts as exp(-1/2) = 0.6 near. They decide which point is the nearest, and what a plan says of it; the curves have
# lengths of their own, those of the highest marginal likelihood (tools/calibration/likeness.py).
NEAR_LENGTHS = (1.2, 1.4, 1.2, 1.1)
# Half of the squared distance from which a point counts as not near at all: exp(-3.5) = 0.03.
FAR = 3.5


@dataclass(frozen=True, slots=True)
class MeasuredPoint:
    """Where a question stands: the keys of its parts, of its stratum, of its family, and log of load, prompt, answer and GPUs."""

    keys: Mapping[str, str]
    stratum: str
    layout: str
    families: tuple[str, str]
    at: tuple[float, float, float, float]

    @property
    def engine(self) -> str:
        return self.keys["class_family"].partition("|")[0]

    @property
    def how(self) -> str:
        """Kind of load: offline, closed or open."""
        return self.stratum.rpartition("|")[2]


@functools.lru_cache(4096)
def point_of(r: Replica, t: Traffic) -> MeasuredPoint:
    """Return where one replica under its share of the traffic stands among measured points."""
    how = "offline" if r.offline else "closed" if t.concurrency is not None else "open"
    keys, stratum, layout, families = _named(r, how)
    return MeasuredPoint(keys, stratum, layout, families, _at(r, t))


@functools.lru_cache(65536)
def _named(r: Replica, how: str) -> tuple[Mapping[str, str], str, str, tuple[str, str]]:
    group, gpu, family, layout = r.group, r.gpu, r.shape.model_type, r.layout
    engine, model = r.engine.name, r.shape.signature
    text = f"{layout.tp}x{layout.pp}x{layout.ep}x{int(layout.attention_dp)}"
    stratum = f"{group}|{gpu.id}|{model}|{r.bits.format}|{how}"
    keys = {
        "class_family": f"{engine}|{gpu.calibration_class}|{family}",
        "group_gpu": f"{group}|{gpu.id}|{how}",
        "group_model": f"{group}|{model}|{r.bits.format}|{how}",
        "engine_model": f"{engine}|{model}|{how}",
        "model_layout": f"{engine}|{model}|{text}|{how}",
        "own_layout": f"{stratum}|{text}",
    }
    return keys, stratum, text, (f"{group}|{family}", f"{gpu.calibration_class}|{family}")


def advice(kind: Kind, point: MeasuredPoint) -> float:
    """Return the expected log(predicted / measured) of a time."""
    return advice_of(_facts()[kind], point)


def advice_of(facts: Mapping[str, Any], point: MeasuredPoint) -> float:
    """Return the expected log(predicted / measured) by the given points, in the form that a fit writes."""
    total, at = 0.0, point.at
    for name, part in facts["parts"].items():
        found = part["of"].get(point.keys[name])
        if found:
            total += found[0]
            if len(found) > 1:
                total += _curve(part["lengths"], found[1], at)
    return total


def _curve(lengths: tuple[float, ...], bumps: list[list[float]], at: tuple[float, ...]) -> float:
    """`bumps`: place of four in units of the lengths, and height."""
    u, v, w, x = at[0] / lengths[0], at[1] / lengths[1], at[2] / lengths[2], at[3] / lengths[3]
    exp = math.exp
    return sum([height * exp(-0.5 * ((a - u) ** 2 + (b - v) ** 2 + (c - w) ** 2 + (d - x) ** 2)) for a, b, c, d, height in bumps])


def nearest(kind: Kind, point: MeasuredPoint) -> float:
    """Return, in 0 to 1, how near the nearest measured point of the same stratum is; another layout counts as one length away."""
    return nearest_of(_facts()[kind], point)


def nearest_of(facts: Mapping[str, Any], point: MeasuredPoint) -> float:
    """Return how near the nearest of the given points is, as a fit writes them."""
    return _nearness(facts["measured"], point)


def _nearness(measured: Mapping[str, Any], point: MeasuredPoint) -> float:
    least = FAR * 2
    for *place, layout in measured.get(point.stratum, ()):
        distance = _distance(place, point.at)
        least = min(least, distance if layout == point.layout else distance + 1.0)
    return math.exp(-0.5 * least) if least < FAR * 2 else 0.0


@functools.lru_cache(4096)
def by_neighbours(kind: Kind, r: Replica, t: Traffic) -> float:
    """Return the factor on a time: below 1 where published runs nearby were faster than the formula."""
    return ResidualSource.factor(FACTS, kind, r, t)


class ResidualSource:
    """A source of measured points to ask for advice: the facts here, a fit in `tools.calibration.correction`."""

    def advice(self, kind: Kind, point: MeasuredPoint) -> float:
        """Return the expected log(predicted / measured) of a time."""
        return advice(kind, point)

    def measured(self, kind: Kind) -> Mapping[str, Any]:
        """Stratum -> places (log of load, prompt, answer and GPUs, and layout)."""
        return cast("Mapping[str, Any]", _facts()[kind]["measured"])

    def nearest(self, kind: Kind, point: MeasuredPoint) -> float:
        return _nearness(self.measured(kind), point)

    def factor(self, kind: Kind, r: Replica, t: Traffic) -> float:
        """Return the correction factor on a time of one replica under its traffic."""
        return math.exp(-self.advice(kind, self._nearest_alike(kind, r, t)))

    def factor_at_a_measured_load(self, kind: Kind, point: MeasuredPoint) -> float:
        """Return the factor at the measured load nearest to the question's, for a time that does not depend on the load."""
        places = self.measured(kind).get(point.stratum, ())
        if places:
            load_, *_ = min(places, key=lambda place: _distance(place[:4], point.at))
            point = replace(point, at=(load_, *point.at[1:]))
        return math.exp(-self.advice(kind, point))

    def _nearest_alike(self, kind: Kind, r: Replica, t: Traffic) -> MeasuredPoint:
        """Return the nearest equivalent point. Steps of a single request read its context, whichever part of it was the prompt, so a run
        that wrote as many tokens from an empty prompt counts as well."""
        point = point_of(r, t)
        if kind != "step" or t.concurrency != 1:
            return point
        written = point_of(r, replace(t, isl=1.0, osl=2 * t.context - 1))
        return max((point, written), key=lambda one: self.nearest(kind, one))


class _Facts(ResidualSource):
    def factor(self, kind: Kind, r: Replica, t: Traffic) -> float:
        return by_neighbours(kind, r, t)


FACTS = _Facts()


def _distance(place: Sequence[float], at: Sequence[float]) -> float:
    return sum([((a - b) / length) ** 2 for a, b, length in zip(place, at, NEAR_LENGTHS, strict=True)])


def level(kind: Kind, point: MeasuredPoint) -> Literal["near", "mid", "far"]:
    """Return how near the question is to measured points."""
    return level_of(_facts()[kind], point)


def level_of(facts: Mapping[str, Any], point: MeasuredPoint) -> Literal["near", "mid", "far"]:
    """Return the level beside given points, as a fit writes them."""
    if point.stratum in facts["measured"]:
        return "near"
    return "mid" if any(name in facts["families"] for name in point.families) else "far"


def _at(r: Replica, t: Traffic) -> tuple[float, float, float, float]:
    """Return the place of the question. The load is the requests in flight that it implies, before any formula."""
    limit = r.max_batch(t.isl + t.osl)
    if t.request_rate is not None:
        load_ = max(t.request_rate * t.osl / OPEN_TOKENS_PER_S, 1.0)
    else:
        load_ = max(min(t.concurrency or t.num_requests or limit, limit), 1.0)
    return math.log(load_), math.log(t.isl), math.log(t.osl), math.log(r.layout.gpus)


# Puts a rate on the scale of requests in flight before any formula has said how long a request takes: each is taken
# to write 50 tokens a second. Changing it moves all open rows alike, so neighbours must be refitted with it.
OPEN_TOKENS_PER_S = 50.0


@functools.cache
def _facts() -> dict[str, Any]:
    return dict(load("sizing")["calibration"]["neighbours"])
