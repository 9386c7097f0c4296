"""What AWS asks for a thing, where, since when and by whose word. A price that is not in the facts for a region is None, never a guess."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from functools import lru_cache

from inferstack.pricing.rates import own_prices, rate_records
from inferstack.pricing.rates.rate_records import EVERYWHERE, Confidence, Rate

__all__ = [
    "EVERYWHERE", "HOURS_PER_MONTH", "Confidence", "OnDemand", "Rate", "accelerators", "all_on_demand", "history", "known_keys",
    "on_demand", "rate", "regions", "spot_zones",
]  # fmt: skip

HOURS_PER_MONTH = 730
ON_DEMAND = "ec2/on-demand/"
SPOT = "ec2/spot/"
NO_CAPACITY = 0.999
"""Share of the on-demand price from which a spot reading says that a zone has no spare capacity: nothing is started there at that price."""


@dataclass(frozen=True)
class OnDemand:
    """The on-demand prices of one region as they stand at one moment; `own` is what the user read."""

    region: str
    own: Mapping[str, tuple[Rate, ...]]

    def rate(self, instance_type: str) -> Rate | None:
        """Return what `on_demand` says of the type."""
        key = f"{ON_DEMAND}{instance_type}"
        return _newest(_merged(rate_records.built_in(key, self.region), self.own.get(key, ())), self.region)


def all_on_demand(region: str) -> OnDemand:
    """Return the on-demand rates of a region, for callers that need many: the user's file is read once. Raises InputError where it is
    damaged."""
    return OnDemand(region, own_prices.of_region(region))


def on_demand(instance_type: str, region: str) -> Rate | None:
    """USD per instance-hour: Linux, shared tenancy, no software in the price."""
    return rate(f"{ON_DEMAND}{instance_type}", region)


def rate(key: str, region: str) -> Rate | None:
    """The newest record of the key in the region, or of the key everywhere; of several zones the dearest.

    Zones whose spot price is the on-demand price have no capacity to sell; they count only where no other is known.
    """
    if key.startswith(SPOT):
        counted, _ = spot_zones(key.removeprefix(SPOT), region)
        return max(counted, key=lambda found: found.usd, default=None)
    return _newest(history(key, region), region)


def spot_zones(instance_type: str, region: str) -> tuple[tuple[Rate, ...], int]:
    """The newest spot reading of each zone that has capacity, and how many zones are left out because they have none.

    Where all zones stand at the on-demand price they all count, and none is left out.
    """
    known = [found for found in history(f"{SPOT}{instance_type}", region) if found.region in (region, EVERYWHERE)]
    newest = [found for found in known if found.as_of == max(one.as_of for one in known)]
    full = rate(f"{ON_DEMAND}{instance_type}", region)
    sold = tuple(found for found in newest if full is None or found.usd < full.usd * NO_CAPACITY)
    return (sold, len(newest) - len(sold)) if sold else (tuple(newest), 0)


def history(key: str, region: str | None = None) -> tuple[Rate, ...]:
    """Every dated record of the key, oldest first: of the facts, and what the user read for the region (for all, if none is named)."""
    return _merged(rate_records.built_in(key), own_prices.of_key(key, region))


def known_keys() -> tuple[str, ...]:
    """Everything that has a price anywhere, sorted."""
    return tuple(sorted(rate_records.built_in_keys() | own_prices.keys()))


def regions() -> tuple[str, ...]:
    """The regions where at least one on-demand instance price is known."""
    return tuple(sorted(_regions() | own_prices.regions(ON_DEMAND)))


def accelerators(instance_type: str) -> int | None:
    """GPUs or Neuron devices of the type; 0 where a fact says that it has none, None where nothing is known."""
    known = rate_records.accelerators().get(instance_type)
    if known is None and instance_type.partition(".")[0] in rate_records.families_without_accelerator():
        return 0
    return own_prices.accelerators(instance_type) if known is None else known


def _merged(known: tuple[Rate, ...], own: tuple[Rate, ...]) -> tuple[Rate, ...]:
    return tuple(sorted((*known, *own), key=lambda one: one.as_of)) if own else known


def _newest(rates: tuple[Rate, ...], region: str) -> Rate | None:
    known = [found for found in rates if found.region in (region, EVERYWHERE)]
    if not known:
        return None
    newest = max(found.as_of for found in known)
    return max((found for found in known if found.as_of == newest), key=lambda found: found.usd)


@lru_cache(maxsize=1)
def _regions() -> frozenset[str]:
    on_sale = (key for key in rate_records.built_in_keys() if key.startswith(ON_DEMAND))
    return frozenset(found.region for key in on_sale for found in rate_records.built_in(key))
