"""Self-hosting in steps of instances against a price per token: break-even volumes, and the curve of both."""

from __future__ import annotations

import math
from dataclasses import dataclass

from inferstack.pricing.purchase.breakeven import Steps, Stretch, stretches
from inferstack.records.comparison import BreakEven, HostedCost, PurchaseCost, Span, VolumePoint, Window
from inferstack.records.plan import Plan
from sizing.compare.monthly_volume import Flow
from sizing.compare.replica_capacity import HeldLoad
from sizing.planning.demand import planning

POINTS = 17
EDGES = ("low", "value", "high")
OTHER_END = {"low": "high", "value": "value", "high": "low"}


@dataclass(frozen=True, slots=True)
class SelfHosted:
    """The plan bought in the chosen way. An edge of the cost takes the same edge of the price and the other of the capacity."""

    plan: Plan
    held: HeldLoad
    load: Flow
    best: PurchaseCost

    def steps(self, edge: str) -> Steps:
        """Return the steps of a month."""
        groups = self.best.instances / self.held.instances_per_group
        month = self.best.usd_per_month
        assert month is not None, "the chosen option has a price"
        extra = (self.best.instances - self.plan.instance_count) // self.held.instances_per_group
        return Steps(
            tokens=getattr(self.load.held_a_month(self.held.replicas_per_group), OTHER_END[edge]), usd=getattr(month, edge) / groups,
            spare=self.held.spare_groups + extra, most=planning("max_instances") // self.held.instances_per_group,
        )  # fmt: skip

    def usd_per_month(self) -> Span:
        """Return the monthly cost at the asked volume: the plan's instances, and at the edges of the bands what the load would need
        there. Where fewer tokens come because replicas are slower, the same edge holds for both."""
        month, tokens = self.best.usd_per_month, self.load.volume.tokens_per_month
        assert month is not None
        low, high = (self.steps(edge).cost(getattr(tokens, OTHER_END[edge])) for edge in ("low", "high"))
        return Span(value=month.value, low=min(low, month.low), high=max(high, month.high))

    def break_even(self, usd_per_mtok: float) -> BreakEven:
        """Tokens of an open day. Solved over the steps, at the predicted capacity and at both ends of its band."""
        steps, days = self.steps("value"), self.load.days_a_month
        found = stretches(steps, usd_per_mtok)
        if not found:
            return BreakEven(tokens_per_day=None, says=_never(steps, usd_per_mtok))
        first = found[0]
        ends = {edge: next(iter(stretches(self.steps(edge), usd_per_mtok)), None) for edge in ("low", "high")}
        used = first.begin / (first.groups * steps.tokens)
        return BreakEven(
            tokens_per_day=first.begin / days, low=_begin(ends["low"], days), high=_begin(ends["high"], days),
            instances=self._instances(first.groups), utilisation=used,
            windows=tuple(Window(from_tokens_per_day=one.begin / days, to_tokens_per_day=one.end / days if one.end else None,
                                 instances=self._instances(one.groups)) for one in found),
            always_from=found[-1].begin / days if found[-1].end is None else None, says=self._says(first, used, found),
        )  # fmt: skip

    def curve(self, apis: tuple[HostedCost, ...]) -> tuple[VolumePoint, ...]:
        """Volumes on a scale of ratios, around the asked one and the break-evens of what is sold now."""
        asked, days = self.load.volume.tokens_per_open_day.value, self.load.days_a_month
        turns = [one.break_even.tokens_per_day for one in apis if one.break_even and one.break_even.tokens_per_day]
        low, high = min(asked, *turns, asked) / 10, max(asked, self.steps("value").tokens / days * 2, *turns[:3]) * 2
        volumes = sorted({asked, *(low * (high / low) ** (n / (POINTS - 1)) for n in range(POINTS))})
        prices = [next((one.usd_per_mtok for one in apis if one.current and one.same_model == same), None) for same in (True, False)]
        return tuple(self._point(volume, volume * days, prices) for volume in volumes)

    def _point(self, a_day: float, a_month: float, prices: list[float | None]) -> VolumePoint:
        same, other = (None if usd is None else usd * a_month / 1e6 for usd in prices)
        steps = {edge: self.steps(edge) for edge in EDGES}
        cost = Span(**{edge: steps[edge].cost(a_month) for edge in EDGES})
        return VolumePoint(
            tokens_per_day=a_day,
            instances=self._instances(steps["value"].groups(a_month)),
            self_hosted=cost,
            same_model=same,
            other_model=other,
        )

    def _instances(self, groups: int) -> int:
        return (groups + self.steps("value").spare) * self.held.instances_per_group

    def _says(self, first: Stretch, used: float, found: tuple[Stretch, ...]) -> str:
        days, count = self.load.days_a_month, self._instances(first.groups)
        many = "" if len(found) == 1 else f"; above that it is temporarily more expensive again, until {_short(found[-1].begin / days)}"
        return (
            f"break-even at {_short(first.begin / days)} tokens a day on {count} x {self.plan.instance_type}, {used:.0%} utilisation{many}"
        )


def _never(steps: Steps, usd_per_mtok: float) -> str:
    full = steps.usd / steps.tokens * 1e6
    return f"no break-even: even at full capacity self-hosting costs ${full:.3f} per million tokens, against ${usd_per_mtok:.3f}"


def _begin(one: Stretch | None, days: float) -> float | None:
    return one.begin / days if one else None


def _short(tokens: float) -> str:
    for size, name in ((1e12, "T"), (1e9, "G"), (1e6, "M"), (1e3, "k")):
        if tokens >= size:
            return f"{tokens / size:.3g} {name}"
    return f"{math.ceil(tokens)}"
