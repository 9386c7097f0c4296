"""Ways to buy the same instances beside each other, as far as rates are known. `up` buys on demand; the others are shown, not done."""

from __future__ import annotations

from dataclasses import replace

from inferstack.pricing.rates.rates import Rate, accelerators, on_demand, rate, spot_zones
from inferstack.records.plan import Option, PurchaseOption

NO_RATE = "no price known for this type in this region"
COMMITTED_1Y = ("ec2/savings-plan-1y", "ec2/reserved-1y")
"""Keys of the same commitment; an EC2 Instance Savings Plan and a standard reserved instance without payment up front cost the same."""
COMMITTED = "billed for every hour of one year, used or not"
RECLAIMED = "AWS can reclaim the instances with two minutes' notice"
UP_FRONT = "paid up front for the whole block (1 to 182 days), not cancellable"


def purchase_options(instance_type: str, region: str, count: int) -> tuple[PurchaseOption, ...]:
    """List the pricing options of these instances, on demand first. USD an hour of all instances; an option without a rate has none and
    says so."""
    return (
        _option("on-demand", on_demand(instance_type, region), count, note="", deployable=True),
        _spot(instance_type, region, count),
        _block(instance_type, region, count),
        _option("savings-plan", _committed(instance_type, region), count, note=COMMITTED),
    )


def _spot(instance_type: str, region: str, count: int) -> PurchaseOption:
    zones, left_out = spot_zones(instance_type, region)
    usd = [one.usd for one in zones]
    without = f" ({left_out} more have no spare capacity)" if left_out else ""
    prices = f"from ${min(usd) * count:,.2f}/h ({len(usd)} zones, up to ${max(usd) * count:,.2f}){without}" if usd else ""
    note = f"{prices}; spot prices vary; {RECLAIMED}" if usd else ""
    return _option("spot", rate(f"ec2/spot/{instance_type}", region), count, note=note)


def _block(instance_type: str, region: str, count: int) -> PurchaseOption:
    """The rate is of an accelerator-hour."""
    found, gpus = rate(f"ec2/capacity-block/{instance_type}", region), accelerators(instance_type)
    if found and found.unit == "accelerator-hour":
        found = replace(found, usd=found.usd * gpus) if gpus else None
    return _option("capacity-block", found, count, note=UP_FRONT)


def _committed(instance_type: str, region: str) -> Rate | None:
    return next((found for key in COMMITTED_1Y if (found := rate(f"{key}/{instance_type}", region))), None)


def _option(option: Option, found: Rate | None, count: int, *, note: str, deployable: bool = False) -> PurchaseOption:
    if found is None:
        return PurchaseOption(option=option, usd_per_hour=None, deployable=deployable, note=NO_RATE)
    usd = found.usd * count
    return PurchaseOption(option=option, usd_per_hour=usd, as_of=found.as_of, source=found.source, deployable=deployable, note=note)
