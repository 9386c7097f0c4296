"""Prices that fall in steps: how much of a quantity lies in each."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from inferstack.records.files.facts import load


@dataclass(frozen=True)
class Tier:
    """A step by the key of its rate; `up_to` is its upper end, None for the last."""

    key: str
    up_to: float | None


def steps(key: str) -> tuple[Tier, ...]:
    """The steps of a rate as `facts/steps.yaml` lists them; one without an end for a rate that has none."""
    listed = load("pricing")["steps"]["steps"].get(key)
    return tuple(Tier(one["key"], one.get("up_to")) for one in listed) if listed else (Tier(key, None),)


def parts(quantity: float, tiers: Sequence[Tier]) -> Iterator[tuple[Tier, float]]:
    """The first step always, every further one that holds something."""
    low = 0.0
    for number, tier in enumerate(tiers):
        within = max(0.0, min(quantity, tier.up_to if tier.up_to is not None else quantity) - low)
        if within or not number:
            yield tier, within
        low = tier.up_to or low
