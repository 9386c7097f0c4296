"""Where self-hosting, which costs in steps of whole instances, meets a price per token."""

from __future__ import annotations

import math
from dataclasses import dataclass

MOST_WINDOWS = 8


@dataclass(frozen=True, slots=True)
class Steps:
    """A month of self-hosting: each group of instances costs `usd` and holds `tokens`; `spare` groups serve nothing. Both above 0."""

    tokens: float
    usd: float
    spare: int = 0
    most: int = 1000

    def groups(self, tokens: float) -> int:
        """That serve so many tokens a month, without the spare ones; at least one."""
        return max(math.ceil(tokens / self.tokens * (1 - 1e-12)), 1)

    def cost(self, tokens: float) -> float:
        """USD a month of so many tokens."""
        return (self.groups(tokens) + self.spare) * self.usd


@dataclass(frozen=True, slots=True)
class Stretch:
    """Tokens a month between which self-hosting costs no more, with how many groups; `end` None: for ever."""

    begin: float
    end: float | None
    groups: int


def stretches(steps: Steps, usd_per_mtok: float) -> tuple[Stretch, ...]:
    """Return the volumes at which self-hosting costs less, from the smallest on. Empty where a full group never earns its price, or only
    beyond `most` groups.

    n groups cost (n + spare) x usd and hold n x tokens: they win from (n + spare) x usd / price on, if that is not beyond what they
    hold. A later step costs more than the API again until its own break-even, so there may be several stretches before the last one.
    """
    price = usd_per_mtok / 1e6
    gain = price * steps.tokens - steps.usd
    if gain <= 0 and not (gain == 0 and steps.spare == 0):
        return ()
    if gain == 0:
        return (Stretch(steps.tokens, steps.tokens, 1),)
    first = max(math.ceil(steps.spare * steps.usd / gain * (1 - 1e-12)), 1)
    if first > steps.most:
        return ()
    whole = max(math.ceil((price * steps.tokens + steps.spare * steps.usd) / gain * (1 - 1e-12)), first + 1)
    found = [_stretch(steps, price, n) for n in range(first, min(whole, first + MOST_WINDOWS, steps.most + 1))]
    return _joined(found, last=_stretch(steps, price, whole - 1), endless=whole - 1 <= steps.most)


def _stretch(steps: Steps, price: float, groups: int) -> Stretch:
    begin = max((groups + steps.spare) * steps.usd / price, (groups - 1) * steps.tokens)
    return Stretch(begin, groups * steps.tokens, groups)


def _joined(found: list[Stretch], *, last: Stretch, endless: bool) -> tuple[Stretch, ...]:
    """Those that touch are one; the last one has no end."""
    joined: list[Stretch] = []
    for one in found:
        before = joined[-1] if joined else None
        if before and before.end is not None and one.begin <= before.end * (1 + 1e-12):
            joined[-1] = Stretch(before.begin, one.end, before.groups)
        else:
            joined.append(one)
    if not endless:
        return tuple(joined)
    if joined[-1].end is not None and joined[-1].end >= (last.end or 0) * (1 - 1e-12):
        return (*joined[:-1], Stretch(joined[-1].begin, None, joined[-1].groups))
    return (*joined, Stretch(last.begin, None, last.groups))
