"""Spot prices, savings-plan rates and capacity-block offerings into dated records. Pure; shapes of the EC2 and Savings Plans APIs."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from datetime import date
from typing import Any

from inferstack.pricing.rates.price_list import Readings, UnreadablePrice, figure

SPOT = "ec2/spot"
BLOCK = "ec2/capacity-block"
PLANS = {"EC2Instance": "ec2/savings-plan", "Compute": "ec2/compute-savings-plan"}
YEAR_S = 365 * 24 * 3600
CURRENCY = "USD"


def spot(
    rows: Iterable[Mapping[str, Any]], *, region: str, today: date, zone_ids: Mapping[str, str], on_demand: Mapping[str, float]
) -> Readings:
    """The newest price of each type and zone of Linux. One equal to the on-demand price says that AWS has no spare capacity there."""
    newest: dict[tuple[str, str], Mapping[str, Any]] = {}
    for row in rows:
        zone = str(row.get("AvailabilityZoneId") or zone_ids.get(str(row.get("AvailabilityZone")), ""))
        place = (str(row.get("InstanceType", "")), zone)
        if zone and row.get("ProductDescription") in LINUX and (place not in newest or row["Timestamp"] > newest[place]["Timestamp"]):
            newest[place] = row
    found = Readings()
    for (name, zone), row in sorted(newest.items()):
        key = f"{SPOT}/{name}"
        try:
            usd = _amount(row.get("SpotPrice"), "USD")
        except UnreadablePrice as reason:
            found.failed[key] = f"{zone}: {reason}"
            continue
        note = {"note": "equal to on demand: AWS has no spare capacity there"} if usd == on_demand.get(name) else {}
        found.records.append(_record(key, usd, "instance-hour", region=region, today=today, zone=zone, **note))
    return found


LINUX = ("Linux/UNIX", "Linux/UNIX (Amazon VPC)")


def savings_plans(rows: Iterable[Mapping[str, Any]], *, region: str, today: date, wanted: frozenset[str]) -> Readings:
    """Rates of plans with nothing up front, by type of plan and years. USD an instance-hour that the commitment pays."""
    told: dict[str, set[float]] = {}
    found = Readings()
    for row in rows:
        offering, properties = row.get("savingsPlanOffering", {}), _properties(row)
        prefix = PLANS.get(str(offering.get("planType")))
        years, rest = divmod(int(offering.get("durationSeconds") or 0), YEAR_S)
        name = properties.get("instanceType", "")
        if prefix is None or rest or name not in wanted or properties.get("region", region) != region or not _plain(properties):
            continue
        key = f"{prefix}-{years}y/{name}"
        try:
            if row.get("unit") != "Hrs":
                raise UnreadablePrice(f"its rate is per {row.get('unit') or 'nothing'}, expected Hrs")
            told.setdefault(key, set()).add(_amount(row.get("rate"), str(offering.get("currency"))))
        except UnreadablePrice as reason:
            found.failed[key] = str(reason)
    for key, amounts in sorted(told.items()):
        if len(amounts) > 1:
            found.failed[key] = f"{len(amounts)} rates differ ({', '.join(f'${usd:g}' for usd in sorted(amounts))})"
        elif key not in found.failed:
            found.records.append(_record(key, amounts.pop(), "instance-hour", region=region, today=today, note="nothing up front"))
    return found


def capacity_blocks(rows: Iterable[Mapping[str, Any]], *, region: str, today: date, accelerators: Callable[[str], int | None]) -> Readings:
    """USD an accelerator-hour: the fee over hours, instances and accelerators; of several offerings the dearest."""
    dearest: dict[str, tuple[float, int]] = {}
    found = Readings()
    for row in rows:
        name = str(row.get("InstanceType", ""))
        key, counted = f"{BLOCK}/{name}", accelerators(name)
        try:
            fee = _amount(row.get("UpfrontFee"), str(row.get("CurrencyCode")))
            hours = float(row.get("CapacityBlockDurationHours") or 0) * int(row.get("InstanceCount") or 0)
            if not hours or not counted:
                raise UnreadablePrice("the fee covers no hours" if not hours else "the number of accelerators of the type is not known")
        except UnreadablePrice as reason:
            found.failed[key] = str(reason)
            continue
        usd = figure(round(fee / hours / counted, 4))
        dearest[name] = (max(usd, dearest.get(name, (0.0, 0))[0]), counted)
    for name, (usd, counted) in sorted(dearest.items()):
        key = f"{BLOCK}/{name}"
        if key not in found.failed:
            found.records.append(_record(key, usd, "accelerator-hour", region=region, today=today, accelerators=counted))
    return found


def _properties(row: Mapping[str, Any]) -> dict[str, str]:
    return {str(one.get("name")): str(one.get("value")) for one in row.get("properties", ())}


def _plain(properties: Mapping[str, str]) -> bool:
    """Linux on shared hardware; a property that is not told does not speak against it."""
    return properties.get("productDescription", LINUX[0]) in LINUX and properties.get("tenancy", "shared") == "shared"


def _amount(text: Any, currency: str) -> float:
    if currency != CURRENCY:
        raise UnreadablePrice(f"its price is in {currency}, not in USD")
    try:
        usd = float(text)
    except (TypeError, ValueError):
        raise UnreadablePrice(f"its price {text!r:.40} is not a number") from None
    if not 0 < usd < float("inf"):
        raise UnreadablePrice(f"its price {text!r:.40} is not a price")
    return figure(usd)


def _record(key: str, usd: float, unit: str, *, region: str, today: date, **more: Any) -> dict[str, Any]:
    day = today.isoformat()
    return {"key": key, "usd": usd, "region": region, "unit": unit, "as_of": day, "confidence": "verified", "kind": "vendor", **more}
