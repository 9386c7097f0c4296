"""Products of the AWS Price List Query API into dated records. Pure: what cannot be read is a reason in words, never a guess.

Shape of a product: `product.attributes` (usagetype, regionCode ...), `terms.OnDemand.*.priceDimensions.*.pricePerUnit`, and each term's
`effectiveDate` (AWS Price List documentation, format aws_v1).
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from datetime import date
from typing import Any

from inferstack.pricing.rates.price_queries import HOURS, INSTANCES, ON_DEMAND, PricedRate, Query

SIGNIFICANT_DIGITS = 10
ANY_PREFIX = r"(?:EU-|[A-Z]{3}\d{1,2}-|[a-z]{2}-[a-z]+-\d-)?"
UNPREFIXED = "us-east-1"
BOX = "BoxUsage:"
ACCELERATED = ("GPU instance", "Machine Learning ASIC Instances")


@dataclass
class Readings:
    """`records` in the order of the questions; `failed` says of each rate that could not be read why; `absent` are those not sold."""

    records: list[dict[str, Any]] = field(default_factory=list)
    failed: dict[str, str] = field(default_factory=dict)
    absent: dict[str, str] = field(default_factory=dict)

    def add(self, other: Readings) -> None:
        self.records += other.records
        self.failed |= other.failed
        self.absent |= other.absent


class UnreadablePrice(Exception):
    """A price that is there and cannot be used; its text says why."""


@dataclass(frozen=True)
class Step:
    """One step of a price: `usd` for each unit from `begins` on."""

    begins: float
    usd: float
    unit: str


@dataclass(frozen=True)
class Price:
    steps: tuple[Step, ...]
    effective: date


def parsed(texts: Iterable[Any]) -> list[dict[str, Any]]:
    """The products of a page. Raises Unreadable for one that came cut off."""
    found = []
    for text in texts:
        try:
            product = json.loads(text)
        except (TypeError, ValueError):
            raise UnreadablePrice("a product is incomplete JSON: the page was cut off") from None
        if not isinstance(product, dict) or not isinstance(product.get("product"), dict):
            raise UnreadablePrice("a product has no attributes: the page was cut off")
        found.append(product)
    return found


def prefixes(products: Iterable[Mapping[str, Any]], *, region: str) -> frozenset[str]:
    """What the region's usage types may begin with, as its own instances say it: EUC1- in eu-central-1, nothing in us-east-1."""
    usages = (str(one["product"].get("attributes", {}).get("usagetype", "")) for one in products)
    told = {usage.split(BOX)[0] for usage in usages if BOX in usage and re.fullmatch(ANY_PREFIX, usage.split(BOX)[0])}
    if region == UNPREFIXED:
        told |= {"", "USE1-"}
    return frozenset(told | {f"{region}-"}) if told else frozenset()


def read(
    query: Query, products: Iterable[Mapping[str, Any]], *, region: str, today: date, prefixes: frozenset[str] = frozenset()
) -> Readings:
    """The rates that the query is for. Without `prefixes` any region's prefix is taken, and two prices that differ are no answer."""
    listed, found = list(products), Readings()
    for wanted in query.wanted:
        matching = [one for one in listed if _is(one, wanted, region=region, field=query.region_field, prefixes=prefixes)]
        if not matching:
            where = found.absent if wanted.optional else found.failed
            where.update(dict.fromkeys(wanted.keys, f"no product of {query.service} matches{_looked_for(wanted)}"))
            continue
        try:
            found.records += _records(wanted, _one(_price(one, today) for one in matching), region=region, today=today)
        except UnreadablePrice as reason:
            found.failed |= dict.fromkeys(wanted.keys, str(reason))
    return found


def read_instances(products: Iterable[Mapping[str, Any]], *, region: str, today: date, known: frozenset[str]) -> Readings:
    """Read the on-demand rates of every type that bears an accelerator, and of those in `known`. $0.00 is a capacity block's, not a
    price."""
    by_type: dict[str, list[Mapping[str, Any]]] = {}
    for product in products:
        attributes = product["product"].get("attributes", {})
        name = str(attributes.get("instanceType", ""))
        if name and attributes.get(INSTANCES.region_field) == region and (name in known or _is_accelerated(attributes)):
            by_type.setdefault(name, []).append(product)
    found = Readings()
    for name, same in sorted(by_type.items()):
        wanted = PricedRate(f"{ON_DEMAND}/{name}", "instance-hour", "", HOURS)
        try:
            price = _one(_prices_above_zero(same, today))
        except UnreadablePrice as reason:
            found.failed[wanted.key] = str(reason)
            continue
        counted = {"accelerators": count} if (count := _accelerators(same[0]["product"]["attributes"])) else {}
        found.records += [{**record, **counted} for record in _records(wanted, price, region=region, today=today)]
    return found


def figure(usd: float) -> float:
    """Return the amount without the noise of binary division."""
    return float(f"{usd:.{SIGNIFICANT_DIGITS}g}")


def _is(product: Mapping[str, Any], wanted: PricedRate, *, region: str, field: str, prefixes: frozenset[str]) -> bool:
    """The region's own product: local zones have codes of their own."""
    attributes = product["product"].get("attributes", {})
    if attributes.get(field) != region:
        return False
    prefix = "(?:" + "|".join(map(re.escape, sorted(prefixes))) + ")" if prefixes else ANY_PREFIX
    if wanted.usagetype and not re.fullmatch(prefix + re.escape(wanted.usagetype), str(attributes.get("usagetype", ""))):
        return False
    return all(_alike(str(attributes.get(name, "")), value) for name, value in wanted.attributes.items())


def _alike(said: str, value: str) -> bool:
    """Persistent_2 is PERSISTENT-2, 125 is 125 MB/s."""
    plain = [re.sub(r"[^a-z0-9]", "", text.lower()) for text in (said, value)]
    return plain[0] == plain[1] or (value.isdigit() and re.match(rf"{value}(?!\d)", said) is not None)


def _looked_for(wanted: PricedRate) -> str:
    told = [f"usage type {wanted.usagetype}"] if wanted.usagetype else []
    told += [f"{name} {value}" for name, value in wanted.attributes.items()]
    return f" ({', '.join(told)})" if told else ""


def _prices_above_zero(products: Iterable[Mapping[str, Any]], today: date) -> Iterator[Price]:
    for product in products:
        price = _price(product, today)
        if any(step.usd > 0 for step in price.steps):
            yield price


def _price(product: Mapping[str, Any], today: date) -> Price:
    """Return the price of the newest term that is in effect."""
    terms = []
    for term in dict(product.get("terms", {}).get("OnDemand", {})).values():
        effective = _day(term.get("effectiveDate"))
        if effective <= today:
            terms.append((effective, term))
    if not terms:
        raise UnreadablePrice("the product has no on-demand price in effect")
    effective, newest = max(terms, key=lambda one: one[0])
    steps = sorted((_step(one) for one in newest.get("priceDimensions", {}).values()), key=lambda step: step.begins)
    if not steps:
        raise UnreadablePrice("its term has no price: the answer was cut off")
    return Price(tuple(steps), effective)


def _step(dimension: Mapping[str, Any]) -> Step:
    prices = dimension.get("pricePerUnit", {})
    if "USD" not in prices:
        raise UnreadablePrice(f"its price is in {', '.join(sorted(prices)) or 'no currency'}, not in USD")
    try:
        usd, begins = float(prices["USD"]), float(dimension.get("beginRange") or 0)
    except (TypeError, ValueError):
        raise UnreadablePrice(f"its price {prices['USD']!r:.40} is not a number") from None
    if not 0 <= usd < float("inf"):
        raise UnreadablePrice(f"its price {prices['USD']!r:.40} is not a price")
    return Step(begins, usd, str(dimension.get("unit", "")))


def _one(prices: Iterable[Price]) -> Price:
    """Several products may say the same; two that differ are no answer."""
    listed = list(prices)
    told = {price.steps for price in listed}
    if not told:
        raise UnreadablePrice("every one of its prices is $0.00, which marks a capacity block and is not a price")
    if len(told) > 1:
        usd = sorted(f"${price.steps[0].usd:g}" for price in listed)
        raise UnreadablePrice(f"{len(told)} products match and their prices differ ({', '.join(dict.fromkeys(usd))})")
    return max(listed, key=lambda price: price.effective)


def _records(wanted: PricedRate, price: Price, *, region: str, today: date) -> list[dict[str, Any]]:
    units = {step.unit for step in price.steps}
    if not units <= set(wanted.list_units):
        other = ", ".join(sorted(units - set(wanted.list_units)))
        raise UnreadablePrice(f"its price is per {other or 'nothing'}, expected {' or '.join(wanted.list_units)}")
    steps = [{"from": figure(step.begins / wanted.factor), "usd": figure(step.usd * wanted.factor)} for step in price.steps]
    shared = _shared(wanted.unit, region=region, today=today, effective=price.effective)
    if wanted.tiers:
        return _by_step(wanted, steps, shared)
    charged = next((step["usd"] for step in steps if step["usd"] > 0), None)
    if charged is None:
        raise UnreadablePrice("every one of its prices is $0.00")
    more = {"tiers": steps} if len(steps) > 1 else {}
    return [{"key": wanted.key, "usd": charged, **shared, **more}]


def _by_step(wanted: PricedRate, steps: list[dict[str, float]], shared: Mapping[str, Any]) -> list[dict[str, Any]]:
    """One rate for each step that is charged."""
    charged = [step for step in steps if step["usd"] > 0]
    if len(charged) != len(wanted.tiers):
        raise UnreadablePrice(f"its price has {len(charged)} steps, expected {len(wanted.tiers)}")
    return [{"key": key, "usd": step["usd"], **shared} for key, step in zip(wanted.tiers, charged, strict=True)]


def _shared(unit: str, *, region: str, today: date, effective: date | None = None) -> dict[str, Any]:
    told = {"effective": effective.isoformat()} if effective else {}
    return {"region": region, "unit": unit, "as_of": today.isoformat(), "confidence": "verified", "kind": "vendor", **told}


def _is_accelerated(attributes: Mapping[str, Any]) -> bool:
    return attributes.get("instanceFamily") in ACCELERATED or str(attributes.get("gpu", "NA")) not in ("NA", "0", "")


def _accelerators(attributes: Mapping[str, Any]) -> int | None:
    """`gpu` counts GPUs; Neuron devices are not counted in the list."""
    told = str(attributes.get("gpu", ""))
    return int(told) if told.isdigit() and told != "0" else None


def _day(text: Any) -> date:
    try:
        return date.fromisoformat(str(text)[:10])
    except ValueError:
        raise UnreadablePrice(f"its effective date {text!r:.40} is not a date") from None
