"""The address plan of a network: one public and one private subnet in each zone. Pure."""

from __future__ import annotations

from dataclasses import dataclass

NETWORK = "10.80.0.0/16"
ZONES = 2


@dataclass(frozen=True)
class Subnet:
    """`index` says in which of the chosen zones it lies."""

    name: str
    cidr: str
    index: int
    public: bool


def layout(zones: int = ZONES) -> tuple[Subnet, ...]:
    """Public /24 for gateways; private /20, because one node with EFA takes up to 32 addresses."""
    public = (Subnet(f"public-{_letter(i)}", f"10.80.{i}.0/24", i, True) for i in range(zones))
    private = (Subnet(f"private-{_letter(i)}", f"10.80.{16 * (i + 1)}.0/20", i, False) for i in range(zones))
    return (*public, *private)


def _letter(index: int) -> str:
    return "abcdefghijklmno"[index]
