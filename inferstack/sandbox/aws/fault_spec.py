"""A fault as a person writes it: NAME or NAME@resource."""

from __future__ import annotations

import difflib
from dataclasses import dataclass

from inferstack.records.errors import InputError

FAULTS = {
    "InsufficientInstanceCapacity": "the group's launches fail for want of capacity",
    "VcpuLimitExceeded": "the group's launches fail at the vCPU quota",
    "UnauthorizedOperation": "matching calls are denied",
    "Throttling": "matching calls are throttled",
    "SlowCreate": "matching create calls take 5 s",
    "ProviderKilled": "the provider is killed once, in the middle of a matching create",
    "PriceMissing": "matching products are absent from the price list; that is no failure, what stood before counts on",
    "PriceUnit": "matching products are priced in another unit",
    "PriceCurrency": "matching products are priced in CNY",
    "PriceCutOff": "the page of a matching product comes cut off",
}


@dataclass(frozen=True)
class FaultSpec:
    """`resource` is part of an operation's, type's or resource's name; empty matches all.

    `stack` is the rehearsal that armed it, and only that one's calls and launches meet it; empty: everybody's.
    """

    name: str
    resource: str = ""
    stack: str = ""

    def meets(self, stack: str) -> bool:
        return self.stack in ("", stack)

    @classmethod
    def parse(cls, text: str) -> FaultSpec:
        """Raises InputError that names the allowed faults."""
        name, _, resource = text.partition("@")
        if name in FAULTS and not ("@" in text and not resource):
            return cls(name, resource)
        if name in FAULTS:
            raise InputError(f"fault {text!r}: nothing stands after the @", hint=f"write {name} or {name}@RESOURCE")
        near = difflib.get_close_matches(name, FAULTS, n=1)
        meant = f"; did you mean {near[0]}?" if near else ""
        raise InputError(f"fault {name!r} is not known{meant}", hint="allowed: " + ", ".join(FAULTS))

    def __str__(self) -> str:
        return f"{self.name}@{self.resource}" if self.resource else self.name
