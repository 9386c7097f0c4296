"""Bytes that leave: to the internet in the steps of its price, to another zone billed at both ends."""

from __future__ import annotations

from collections.abc import Iterator

from pricing.lines import Component, Pricer, usage_based, used
from pricing.registration import Registration, Whole
from pricing.tiers import Tier, parts
from records.preview import BillLine

TB = 1024.0
INTERNET = (
    Tier("transfer/internet/first-10tb", 10 * TB),
    Tier("transfer/internet/next-40tb", 50 * TB),
    Tier("transfer/internet/next-100tb", 150 * TB),
    Tier("transfer/internet/over-150tb", None),
)
BOTH_ENDS = 2
TWICE = "each GB is billed where it leaves and where it arrives"
OUT, ACROSS = "data out to the internet", "data to another zone"


def of_instances(one: Registration, whole: Whole) -> Iterator[BillLine]:
    yield from out(one, whole)
    yield cross_zone(one, whole)


def out(one: Registration, whole: Whole) -> Iterator[BillLine]:
    """The 100 GB a month that an account has free are not taken off: others of the account may use them."""
    taken = whole.usage.of(one, "data_out_gb")
    assert taken is not None
    for tier, quantity in parts(float(taken.value), INTERNET):
        name = OUT if tier is INTERNET[0] else f"{OUT}, {tier.key.rsplit('/', 1)[-1].replace('-', ' ')}"
        yield used(one, Component(name, tier.key), taken, quantity=quantity, whole=whole)


def cross_zone(one: Registration, whole: Whole) -> BillLine:
    part = Component(ACROSS, "transfer/cross-zone")
    return usage_based(one, part, "cross_zone_gb", whole=whole, times=BOTH_ENDS, note=TWICE)


PRICERS: dict[str, Pricer] = {}
