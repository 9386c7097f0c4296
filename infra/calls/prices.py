"""Reads today's prices of one region from AWS and appends them to the user's own facts. What cannot be read leaves what stood before."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from datetime import UTC, date, datetime
from pathlib import Path
from typing import Any

from inferstack.pricing.rates import offers, own_prices, price_list, rates
from inferstack.pricing.rates.price_list import Readings, UnreadablePrice
from inferstack.pricing.rates.price_queries import INSTANCES, ON_DEMAND, SERVICES, Query
from inferstack.records.errors import CloudRefused, InputError
from inferstack.records.record import write_text
from infra.calls import price_calls
from infra.calls.aws import refused
from infra.calls.price_calls import Clients

SAYS = {
    "price-list": "AWS Price List Query API, GetProducts",
    "spot": "EC2 DescribeSpotPriceHistory, Linux/UNIX",
    "savings-plans": "Savings Plans DescribeSavingsPlansOfferingRates, nothing up front",
    "capacity-blocks": "EC2 DescribeCapacityBlockOfferings, 24 hours",
}
OTHER_PARTITIONS = ("cn-", "us-gov-", "us-iso", "eu-isoe-", "eusc-")
HOLDS_FOR_ALL = ("permission", "throttled", "timeout")


@dataclass
class Refreshed:
    """One region. `read` are the rates that AWS answered, `appended` how many of their readings are new in the file."""

    region: str
    path: Path
    rehearsal: bool
    read: tuple[str, ...] = ()
    appended: int = 0
    failed: dict[str, str] = field(default_factory=dict)
    absent: dict[str, str] = field(default_factory=dict)

    def as_json(self) -> dict[str, Any]:
        told = {"region": self.region, "file": str(self.path), "rehearsal": self.rehearsal, "appended": self.appended}
        return {**told, "read": list(self.read), "failed": self.failed, "absent": self.absent}


def checked(region: str) -> str:
    """A commercial region by its code. Raises InputError for another partition's, or what is none."""
    if not re.fullmatch(r"[a-z]{2,4}-(?:[a-z]+-)+[0-9]", region):
        raise InputError(f"--region {region!r:.60}: not an AWS region code", hint="for example eu-central-1")
    if region.startswith(OTHER_PARTITIONS):
        raise InputError(
            f"--region {region}: this region has a separate price list; only commercial regions priced in USD are read",
            hint="inferstack prices list --regions shows those that are known",
        )
    return region


def refresh(region: str, clients: Clients, *, now: datetime, note: Callable[[str], None] = lambda line: None) -> Refreshed:
    """Writes once, at the end. Raises CloudRefused when nothing at all could be read, InputError when the file is damaged."""
    rehearsal = clients(region).rehearsal
    path = own_prices.path_of(region, rehearsal=rehearsal)
    content = {**own_prices.read(path), "rehearsal": rehearsal}
    done, reader = Refreshed(region, path, rehearsal), _Reader(region, clients, now.astimezone(UTC).date(), _had(region, content))
    read: list[str] = []
    for name, ask in reader.questions():
        note(f"{region}: {SAYS[name]}")
        readings = ask()
        content, new = own_prices.appended(content, readings.records, source=_source(name, reader.today, rehearsal=rehearsal))
        done.appended += new
        done.failed |= readings.failed
        done.absent |= readings.absent
        read += [record["key"] for record in readings.records]
    done.read = tuple(dict.fromkeys(read))
    if not done.read:
        raise reader.refusal or CloudRefused(f"{region}: AWS returned no usable price", hint=_first(done.failed))
    if done.appended:
        write_text(path, own_prices.text_of(content))
    return done


@dataclass
class _Reader:
    """The questions of one region. `had` says whether a price was known before: one that is gone is told, another is not sold there."""

    region: str
    clients: Clients
    today: date
    had: Callable[[str], bool]
    sold: dict[str, float] = field(default_factory=dict)
    prefixes: frozenset[str] = frozenset()
    refusal: CloudRefused | None = None

    def questions(self) -> Iterator[tuple[str, Callable[[], Readings]]]:
        """Yield the questions in the order in which they are asked: what is sold on demand decides what the others are asked about."""
        yield "price-list", self._price_list
        yield "spot", lambda: self._guarded([f"{offers.SPOT}/*"], self._spot)
        yield "savings-plans", lambda: self._guarded([f"{prefix}/*" for prefix in offers.PLANS.values()], self._savings_plans)
        yield "capacity-blocks", lambda: self._guarded([f"{offers.BLOCK}/*"], self._capacity_blocks)

    def _price_list(self) -> Readings:
        """Read the price list; after a refusal that holds for every query no other is asked."""
        found = self._guarded([f"{ON_DEMAND}/*"], self._instances)
        for query in SERVICES:
            keys = [key for wanted in query.wanted for key in wanted.keys]
            if self.refusal is not None and self.refusal.kind in HOLDS_FOR_ALL:
                found.failed |= dict.fromkeys(keys, f"not queried: {self.refusal.message}")
            else:
                found.add(self._guarded(keys, self._asking(query)))
        return self._told_apart(found)

    def _asking(self, query: Query) -> Callable[[], Readings]:
        return lambda: price_list.read(
            query,
            price_calls.products(query, self.region, self.clients),
            region=self.region,
            today=self.today,
            prefixes=self.prefixes,
        )

    def _instances(self) -> Readings:
        products = price_calls.products(INSTANCES, self.region, self.clients)
        known = _types(ON_DEMAND)
        found = price_list.read_instances(products, region=self.region, today=self.today, known=known)
        self.prefixes = price_list.prefixes(products, region=self.region)
        told = {record["key"]: record["usd"] for record in found.records}
        self.sold = {key.rsplit("/", 1)[1]: usd for key, usd in told.items() if rates.accelerators(key.rsplit("/", 1)[1]) != 0}
        for key in (f"{ON_DEMAND}/{name}" for name in sorted(known)):
            if key not in told and key not in found.failed:
                found.absent[key] = f"no product of {INSTANCES.service} matches (instanceType {key.rsplit('/', 1)[1]})"
        return found

    def _told_apart(self, found: Readings) -> Readings:
        lost = {key: why for key, why in found.absent.items() if self.had(key)}
        absent = {key: why for key, why in found.absent.items() if key not in lost and not key.startswith(ON_DEMAND)}
        return Readings(found.records, found.failed | lost, absent)

    def _spot(self) -> Readings:
        ids = price_calls.zone_ids(self.region, self.clients)
        rows = price_calls.spot_prices(self.sold, self.region, self.clients) if self.sold else []
        return offers.spot(rows, region=self.region, today=self.today, zone_ids=ids, on_demand=self.sold)

    def _savings_plans(self) -> Readings:
        rows = price_calls.savings_plan_rates(self.sold, self.region, self.clients) if self.sold else []
        return offers.savings_plans(rows, region=self.region, today=self.today, wanted=frozenset(self.sold))

    def _capacity_blocks(self) -> Readings:
        by_type = {name: price_calls.capacity_blocks(name, self.region, self.clients) for name in sorted(_types(offers.BLOCK))}
        rows = [row for told in by_type.values() for row in told]
        found = offers.capacity_blocks(rows, region=self.region, today=self.today, accelerators=rates.accelerators)
        none = [f"{offers.BLOCK}/{name}" for name, told in by_type.items() if not told]
        found.absent |= dict.fromkeys(none, f"no block of {price_calls.BLOCK_HOURS} hours is offered now")
        return found

    def _guarded(self, keys: list[str], ask: Callable[[], Readings]) -> Readings:
        """A refusal or an answer that cannot be read becomes the reason of its keys. Without an identity nothing can be asked at all."""
        try:
            return ask()
        except UnreadablePrice as reason:
            return Readings(failed=dict.fromkeys(keys, str(reason)))
        except Exception as error:  # noqa: BLE001  refused() gives back what is not AWS's
            refusal = refused(error)
            if refusal.message.startswith("no usable AWS identity"):
                raise refusal from None
            self.refusal = self.refusal or refusal
            return Readings(failed=dict.fromkeys(keys, refusal.message))


def _had(region: str, content: dict[str, Any]) -> Callable[[str], bool]:
    """A rehearsal is compared with itself: its list is synthetic and shorter than the facts."""
    if content["rehearsal"]:
        before = {record["key"] for record in content["records"]}
        return lambda key: key in before
    return lambda key: rates.rate(key, region) is not None


def _types(prefix: str) -> frozenset[str]:
    return frozenset(key.rsplit("/", 1)[1] for key in rates.known_keys() if key.startswith(f"{prefix}/"))


def _source(name: str, today: date, *, rehearsal: bool) -> tuple[str, str]:
    mark = "SYNTHETIC, from the embedded AWS of a rehearsal: " if rehearsal else ""
    return f"{name}-{today}", f"{mark}{SAYS[name]}, read on {today}"


def _first(failed: dict[str, str]) -> str:
    key = next(iter(failed), "")
    return f"{key}: {failed[key]}" if key else ""
