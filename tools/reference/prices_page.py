"""docs/reference/prices.md: keys and units of rates, and what each is read from."""

from __future__ import annotations

from collections.abc import Iterator

from tools.reference.markdown import code, page, table

INTRODUCTION = """
A rate is found by its key and region; the newest date counts ([why](../adr/0021-prices-are-appended.md)). `inferstack prices
refresh` reads these from AWS into `.inferstack/facts.d/prices` ([how](../how-to/keep-prices-fresh.md)). Where a price comes from
stands beside it, in `prices list --json`, in each plan and in each line of a bill.
"""
BY_TYPE = (
    (
        "ec2/on-demand/TYPE",
        "instance-hour",
        "GetProducts: Linux, shared tenancy, no software, not reserved; every type with an accelerator",
    ),
    (
        "ec2/spot/TYPE",
        "instance-hour",
        "DescribeSpotPriceHistory: the newest of each zone, under its id; the dearest counts",
    ),
    ("ec2/savings-plan-1y/TYPE, -3y/", "instance-hour", "DescribeSavingsPlansOfferingRates: EC2 Instance plans, nothing up front"),
    ("ec2/compute-savings-plan-1y/TYPE, -3y/", "instance-hour", "the same, Compute plans"),
    (
        "ec2/capacity-block/TYPE",
        "accelerator-hour",
        "DescribeCapacityBlockOfferings, 24 hours: fee / hours / instances / accelerators, the dearest",
    ),
    ("ec2/reserved-1y/TYPE", "instance-hour", "facts alone: standard reserved instance, nothing up front"),
)
AFTER = """
A price in steps keeps all of them under `tiers`, counted in the unit of the rate; the rate is the first step above zero. Data out
is a rate for each step.

A usage type has a prefix outside us-east-1. It is taken from the region's own instances (`EUC1-BoxUsage:g6.xlarge`), so a new
region needs no table. **The names of FSx are not confirmed:** no answer of AWS could be read while this was written. Where they
differ the refresh says "no product of AmazonFSx matches", and the older rate counts on.
"""
RECORD = """
## A file of readings

One JSON file a region, one record a line: `key`, `region`, `zone` (spot), `usd`, `unit`, `as_of` (the day it was read), `effective`
(the day from which AWS asks it), `source`, `confidence`, `kind`, `tiers`, `accelerators`, `note`. Nothing in it is ever changed; of
several readings of one day the last counts. `"rehearsal": true` marks synthetic prices, which no plan takes.
"""


def text() -> str:
    return page(
        "Prices",
        INTRODUCTION,
        "## By instance type\n",
        table(("key", "unit", "read from"), [(code(key), unit, said) for key, unit, said in BY_TYPE]),
        "## Of services\n",
        table(("key", "unit", "service", "usage type", "unit in the list", "factor"), _services()),
        AFTER,
        RECORD,
    )


def _services() -> Iterator[tuple[object, ...]]:
    from inferstack.pricing.rates.price_queries import SERVICES

    for query in SERVICES:
        for wanted in query.wanted:
            told = wanted.usagetype or ", ".join(wanted.attributes.values())
            for key in wanted.keys:
                yield code(key), wanted.unit, query.service, code(told), " or ".join(wanted.list_units), f"{wanted.factor:g}"
