"""What AWS asks for a thing, where, since when and by whose word. A price that is not in the facts for a region is None, never a guess."""

from __future__ import annotations

from functools import lru_cache

from pricing import own_prices, rate_records
from pricing.rate_records import Confidence, Rate

__all__ = ["EVERYWHERE", "HOURS_PER_MONTH", "Confidence", "Rate", "accelerators", "history", "known_keys", "on_demand", "rate", "regions"]

HOURS_PER_MONTH = 730
EVERYWHERE = "global"
ON_DEMAND = "ec2/on-demand/"


def on_demand(instance_type: str, region: str) -> Rate | None:
    """USD per instance-hour: Linux, shared tenancy, no software in the price."""
    return rate(f"{ON_DEMAND}{instance_type}", region)


def rate(key: str, region: str) -> Rate | None:
    """The newest record of the key in the region, or of the key everywhere; of several zones the dearest."""
    known = [found for found in history(key, region) if found.region in (region, EVERYWHERE)]
    if not known:
        return None
    newest = max(found.as_of for found in known)
    return max((found for found in known if found.as_of == newest), key=lambda found: found.usd)


def history(key: str, region: str | None = None) -> tuple[Rate, ...]:
    """Every dated record of the key, oldest first: of the facts, and what the user read for the region (for all, if none is named)."""
    own = own_prices.of_key(key, region)
    known = rate_records.built_in(key)
    return tuple(sorted((*known, *own), key=lambda one: one.as_of)) if own else known


def known_keys() -> tuple[str, ...]:
    """Everything that has a price anywhere, sorted."""
    return tuple(sorted(rate_records.built_in_keys() | own_prices.keys()))


def regions() -> tuple[str, ...]:
    """The regions where at least one on-demand instance price is known."""
    return tuple(sorted(_regions() | own_prices.regions(ON_DEMAND)))


def accelerators(instance_type: str) -> int | None:
    """GPUs or Neuron devices of the type; 0 where a fact says that it has none, None where nothing is known."""
    known = rate_records.accelerators().get(instance_type)
    return own_prices.accelerators(instance_type) if known is None else known


@lru_cache(maxsize=1)
def _regions() -> frozenset[str]:
    on_sale = (key for key in rate_records.built_in_keys() if key.startswith(ON_DEMAND))
    return frozenset(found.region for key in on_sale for found in rate_records.built_in(key))
