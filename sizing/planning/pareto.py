"""The Pareto front of the ways to serve a load: no other is cheaper, faster and roomier at once."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple


class Worth(NamedTuple):
    """What is weighed: dollars an hour and seconds an answer (less is better), requests a second that can be served (more is better)."""

    usd_per_hour: float
    answer_s: float
    capacity_per_s: float

    def dominates(self, other: Worth) -> bool:
        """Say whether this is at least as good in all three, and better in one."""
        no_worse = (
            self.usd_per_hour <= other.usd_per_hour and self.answer_s <= other.answer_s and self.capacity_per_s >= other.capacity_per_s
        )
        return no_worse and self != other


def front(ways: Sequence[Worth]) -> tuple[bool, ...]:
    """Whether each is on the front, in the order given."""
    return tuple(not any(other.dominates(one) for other in ways) for one in ways)
