"""Network interfaces of a node: one, or one for each network card with EFA where a replica spans nodes. Pure."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass


@dataclass(frozen=True)
class Interface:
    """`kind` is AWS's interface type; None is an ordinary one, which alone has an address."""

    card: int
    device: int
    kind: str | None


PRIMARY = Interface(0, 0, None)


def table(efa_cards: Sequence[int], *, across_nodes: bool) -> tuple[Interface, ...]:
    """The ordinary interface on card 0, device 0; EFA without an address on each card of `efa_cards`.

    EFA is device 1 on card 0, where the ordinary interface is device 0, and device 0 on every other card.
    Source: https://docs.aws.amazon.com/AWSEC2/latest/UserGuide/efa-acc-inst-types.html (read 2026-11-30); for P6-B300, whose card 0
    carries no EFA, also aws/aws-parallelcluster#7143. A node takes one address, so that a small subnet holds many.
    """
    if not across_nodes:
        return (PRIMARY,)
    return (PRIMARY, *(Interface(card, 1 if card == 0 else 0, "efa-only") for card in efa_cards))
