"""Network interfaces of a node: one, or the EFA table where one replica spans nodes. Pure."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class Interface:
    """`kind` is AWS's interface type; None is an ordinary one."""

    card: int
    device: int
    kind: str | None


def table(cards: int, *, across_nodes: bool) -> tuple[Interface, ...]:
    """`cards` is the number of network cards with EFA. Card 0 carries IP; every fourth of the others too, the rest carry EFA only.

    Source: EC2 user guide, "Maximize network bandwidth on accelerated instances" (p5: 32 cards, EFA with IP on 0, 4, 8 ...).
    """
    if not across_nodes or not cards:
        return (Interface(0, 0, None),)
    rest = (Interface(card, 1, "efa" if card % 4 == 0 else "efa-only") for card in range(1, cards))
    return (Interface(0, 0, "efa"), *rest)
