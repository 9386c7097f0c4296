"""Everything that is billed together: the resources, their region, what is assumed of their use, and the rates that hold for them."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime

from inferstack.pricing.bill.registration import UNKNOWN, Registration
from inferstack.pricing.bill.usage import Usage
from inferstack.pricing.rates import rates
from inferstack.pricing.rates.rates import Rate


@dataclass(frozen=True)
class Whole:
    """All resources that are billed together, so that one can be priced by another (a group by its launch template).

    `region` is the program's; `now` is when the bill is made, None where nobody knows.
    """

    region: str
    registrations: tuple[Registration, ...]
    usage: Usage
    now: datetime | None = None

    def region_of(self, one: Registration) -> str | None:
        """Return the region that the resource names, else its provider's, else the program's; None where it is known only after `up`."""
        found = one.inputs.get("region") or one.region or self.region
        return found if isinstance(found, str) and found != UNKNOWN else None

    def rate(self, key: str, one: Registration) -> Rate | None:
        """Return the user's own rate of a usage.yaml for the resource's region, else that of the facts."""
        region = self.region_of(one)
        return None if region is None else self.usage.rate(key, region) or rates.rate(key, region)

    def referred(self, one: Registration, *, by: Iterable[str], kind: str) -> Registration | None:
        """The first resource of the type that one of these inputs was taken from."""
        urns = {urn for name in by for urn in one.refs.get(name, ())}
        return next((found for found in self.registrations if found.urn in urns and found.type == kind), None)

    def referring(self, one: Registration, *, kind: str) -> tuple[Registration, ...]:
        return tuple(found for found in self.registrations if found.type == kind and found.refers_to(one.urn))
