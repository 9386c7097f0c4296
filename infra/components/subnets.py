"""The address plan of a network: one public and one private subnet in each zone. Pure.

A zone's addresses follow from the letter of its name, so a zone that AWS adds to a region moves no other subnet.
"""

from __future__ import annotations

import string
from collections.abc import Sequence
from dataclasses import dataclass

from inferstack.records.errors import InputError

NETWORK = "10.80.0.0/16"
LETTERS = string.ascii_lowercase[:15]
"""Fifteen private /20 networks stand beside the sixteen /24 networks of the first /20."""


@dataclass(frozen=True)
class Subnet:
    """`zone` is the name of the availability zone that it lies in."""

    name: str
    cidr: str
    zone: str
    public: bool


def layout(zones: Sequence[str]) -> tuple[Subnet, ...]:
    """Public /24 for gateways; private /20 for the nodes. Raises InputError for a name without a letter."""
    public = [Subnet(f"public-{_letter(zone)}", f"10.80.{_index(zone)}.0/24", zone, True) for zone in sorted(zones)]
    private = [Subnet(f"private-{_letter(zone)}", f"10.80.{16 * (_index(zone) + 1)}.0/20", zone, False) for zone in sorted(zones)]
    return (*public, *private)


def _letter(zone: str) -> str:
    if zone[-1:] not in LETTERS or not zone[:-1]:
        raise InputError(f"zone {zone!r:.40}: its name ends in no letter from a to {LETTERS[-1]}", hint="zones are named like us-east-1a")
    return zone[-1]


def _index(zone: str) -> int:
    return LETTERS.index(_letter(zone))
