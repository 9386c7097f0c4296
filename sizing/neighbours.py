"""What measured points near a question say of the formula: it ran 6 % faster there, so it will here, less with the distance.

A Gaussian process over the logarithms of predicted / measured. Points that share a key (engine group, GPU class, family of model) share
a level; points of the same engine group, GPU, model and format weigh by their distance in load, lengths and layout.
"""

from __future__ import annotations

import functools
import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Literal

from records.facts import load

if TYPE_CHECKING:
    from sizing.load import Traffic
    from sizing.replica import Replica

Kind = Literal["step", "ttft"]
LEVELS = ("group_class_family", "group_family", "class_family", "group_gpu")
FAR = 3.5
"""Squared distance, beyond which a point says nothing."""


@dataclass(frozen=True, slots=True)
class Point:
    """Where a question stands: the keys of its levels, of its stratum and layout, and log of load, prompt, answer and GPUs."""

    keys: Mapping[str, str]
    stratum: str
    layout: str
    at: tuple[float, float, float, float]


@dataclass(frozen=True, slots=True)
class Advice:
    """`log_ratio` = expected log(predicted / measured) of a time; `nearest` in 0 to 1: how near the nearest measured point is."""

    log_ratio: float
    nearest: float


NONE = Advice(0.0, 0.0)


@functools.lru_cache(4096)
def point_of(r: Replica, t: Traffic) -> Point:
    """One replica under its share of the traffic."""
    how = "offline" if r.offline else "closed" if t.concurrency is not None else "open"
    keys, stratum, layout = _named(r, how)
    return Point(keys, stratum, layout, _at(r, t))


@functools.lru_cache(65536)
def _named(r: Replica, how: str) -> tuple[Mapping[str, str], str, str]:
    group, gpu, family, layout = r.group, r.gpu, r.shape.model_type, r.layout
    keys = {
        "group_class_family": f"{group}|{gpu.calibration_class}|{family}",
        "group_family": f"{group}|{family}",
        "class_family": f"{gpu.calibration_class}|{family}",
        "group_gpu": f"{group}|{gpu.id}",
    }
    stratum = f"{group}|{gpu.id}|{r.shape.signature}|{r.bits.format}|{how}"
    return keys, stratum, f"{layout.tp}x{layout.pp}x{layout.ep}x{int(layout.attention_dp)}"


def advice(kind: Kind, point: Point) -> Advice:
    """What the facts' points say; nothing where no key is shared."""
    return advice_of(_facts()[kind], point)


def advice_of(facts: Mapping[str, Any], point: Point) -> Advice:
    """What given points say, as a fit writes them."""
    total = 0.0
    for level in LEVELS:
        total += facts["levels"][level].get(point.keys[level], 0.0)
    anchors = facts["anchors"].get(point.stratum)
    if not anchors:
        return Advice(total, 0.0)
    return _near(facts, point, anchors, total)


@functools.lru_cache(4096)
def by_neighbours(kind: Kind, r: Replica, t: Traffic) -> float:
    """The factor on a time: below 1 where published runs near it were faster than the formula."""
    return math.exp(-advice(kind, point_of(r, t)).log_ratio)


def level(kind: Kind, point: Point) -> Literal["near", "mid", "far"]:
    """near: its own stratum was measured. mid: its family, with this engine group or on this class of GPU. far: neither."""
    facts = _facts()[kind]
    if point.stratum in facts["anchors"]:
        return "near"
    seen = any(point.keys[name] in facts["levels"][name] for name in LEVELS if name != "group_gpu")
    return "mid" if seen else "far"


def _near(facts: Mapping[str, Any], point: Point, anchors: dict[str, Any], total: float) -> Advice:
    """`anchors`: the constant of the stratum and of each layout, and rows of [position of four, layout, weight]."""
    u, v, w, x = (a / b for a, b in zip(point.at, facts["lengths"], strict=True))
    wide, narrow = facts["stratum_curve"], facts["layout_curve"]
    total += anchors["level"] + anchors["layouts"].get(point.layout, 0.0)
    nearest = FAR * 2
    for a, b, c, d, layout, weight in anchors["points"]:
        distance = (a - u) ** 2 + (b - v) ** 2 + (c - w) ** 2 + (d - x) ** 2
        if distance < FAR * 2:
            same = layout == point.layout
            total += weight * math.exp(-0.5 * distance) * (wide + narrow if same else wide)
            nearest = min(nearest, distance if same else distance + 1.0)
    return Advice(total, math.exp(-0.5 * nearest) if nearest < FAR * 2 else 0.0)


def _at(r: Replica, t: Traffic) -> tuple[float, float, float, float]:
    """Load as the requests in flight that the question implies, before any formula."""
    limit = r.max_batch(t.isl + t.osl)
    if t.request_rate is not None:
        load_ = max(t.request_rate * t.osl / OPEN_TOKENS_PER_S, 1.0)
    else:
        load_ = max(min(t.concurrency or t.num_requests or limit, limit), 1.0)
    return math.log(load_), math.log(t.isl), math.log(t.osl), math.log(r.layout.gpus)


OPEN_TOKENS_PER_S = 50.0
"""A request in flight is taken to print so many tokens a second, to put an open loop beside others."""


@functools.cache
def _facts() -> dict[str, Any]:
    return dict(load("sizing")["calibration"]["neighbours"])
