"""Bytes that leave: to the internet in the steps of its price, to another zone billed at both ends."""

from __future__ import annotations

from collections.abc import Iterator

from inferstack.pricing.bill.lines import Component, Pricer, usage_based
from inferstack.pricing.bill.registration import Registration
from inferstack.pricing.bill.whole import Whole
from inferstack.records.preview import BillLine

BOTH_ENDS = 2
TWICE = "each GB is billed at both ends"
OUT = Component("data out to the internet", "transfer/internet/first-10tb")
ACROSS = Component("data to another zone", "transfer/cross-zone")


def of_instances(one: Registration, whole: Whole) -> Iterator[BillLine]:
    yield from out(one, whole)
    yield from cross_zone(one, whole)


def out(one: Registration, whole: Whole) -> Iterator[BillLine]:
    """The 100 GB a month that an account has free are not taken off: others of the account may use them."""
    yield from usage_based(one, OUT, "data_out_gb", whole=whole)


def cross_zone(one: Registration, whole: Whole) -> Iterator[BillLine]:
    yield from usage_based(one, ACROSS, "cross_zone_gb", whole=whole, times=BOTH_ENDS, note=TWICE)


PRICERS: dict[str, Pricer] = {}
