"""Prices for people: one row each with its age, and what is missing by region."""

from __future__ import annotations

from collections.abc import Sequence

from inferstack.cli.screen import Screen
from inferstack.pricing.bill.caveats import STALE_AFTER_DAYS
from inferstack.pricing.rates.known import OPTIONS, Gaps, Known
from inferstack.show import tables
from inferstack.show.tables import name, number, words

HEADS = (name("key"), name("region", 1), number("USD"), name("unit"), name("read", 3), number("age", 2), name("", 1), words("source", 4))
SOURCE_WIDTH = 60


def table(screen: Screen, found: Sequence[Known]) -> None:
    rows = [_row(one) for one in found]
    tables.table(screen, HEADS, rows)
    stale, recalled = sum(one.stale for one in found), sum(one.rate.confidence == "recalled" for one in found)
    screen.say(f"{len(found)} prices; {stale} older than {STALE_AFTER_DAYS} days, {recalled} unverified")
    if stale:
        screen.say("Next: inferstack prices refresh --region REGION")


def gaps(screen: Screen, found: Sequence[Gaps], *, whole: bool) -> None:
    """`whole` names what is missing; else it is counted."""
    options = (number(f"no {option.removeprefix('ec2/')}", rank) for rank, option in enumerate(OPTIONS, 1))
    heads = (name("region"), number("types"), number("services without"), number("unverified"), number("old"), *options)
    rows = [
        (one.region, len(one.types), len(one.services), len(one.recalled), one.stale, *(one.without[option] for option in OPTIONS))
        for one in found
    ]
    tables.table(screen, heads, rows)
    for one in found if whole else ():
        _named(screen, "services without a price", one.services)
        _named(screen, "not verified", one.recalled)
        _named(screen, "instance types priced elsewhere, not sold or not known here", one.unpriced_types)
    screen.say("Next: inferstack prices refresh --region REGION reads them from AWS" if whole else "Next: add --region REGION to list them")


def _row(one: Known) -> tuple[object, ...]:
    rate = one.rate
    marks = ("old" if one.stale else "", "unverified" if rate.confidence == "recalled" else "")
    place = f"{rate.region} {rate.zone}" if rate.zone else rate.region
    short = rate.source if len(rate.source) <= SOURCE_WIDTH else f"{rate.source[: SOURCE_WIDTH - 1]}…"
    return rate.key, place, f"{rate.usd:.10g}", rate.unit, rate.as_of, f"{one.age_days} d", ", ".join(filter(None, marks)), short


def _named(screen: Screen, title: str, names: Sequence[str]) -> None:
    if names:
        screen.say(f"{title} ({len(names)}):")
        for name in names:
            screen.say(f"  {name}")
