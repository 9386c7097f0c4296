"""What a run cost: each part of the bill from its own begin to its own end, whichever of deletion, expiry and now came first."""

from __future__ import annotations

import math
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime, timedelta

from inferstack.chain.removal import Removal
from inferstack.records.errors import InferstackError
from inferstack.records.outputs import ClusterOutputs
from inferstack.records.plan import Plan
from inferstack.records.preview import Bill, Preview
from inferstack.records.receipt import NodeLife, Receipt, RunCost
from inferstack.stack.workdir import Run, StackRecord
from infra.components.reaper_times import DUE_AFTER
from infra.leftovers.services import GROUP

REHEARSED = "a rehearsal costs nothing; on AWS the same would have cost this: "
BASIS = "list prices; nodes from start to end, other parts from their creation to their deletion or the reaper's schedule"
BY_USE = "; usage-based charges are not included"
ACTIVITIES = "; start and end of nodes as AWS reported them"
UNTOLD = "; AWS did not report when nodes started and ended: counted from the first creation, until expiry at the latest"
NO_LINES = "; the whole rate is counted until the nodes end, because no bill by resource was kept"


def cost(run: Run, record: StackRecord, *, now: datetime, removal: Removal | None = None, before: Receipt | None = None) -> RunCost:
    """`now` is the time of the removal, `before` the receipt of an earlier one. Without a price the amount is unknown, not zero."""
    removal = removal or Removal()
    per_hour, price_date = _price(run)
    begun = record.built_at or min((one.began for one in removal.nodes), default=None)
    if begun is None:
        return RunCost(usd=0.0, hours=0.0, usd_per_hour=per_hour, price_date=price_date, note="nothing was built")
    ends = _Ends.after(before, removal, expires_at=record.expires_at, now=now)
    nodes = _node_hours(removal.nodes, begun, ends, _planned_nodes(run))
    hours = nodes / max(1, _planned_nodes(run))
    lines, rest = _bill(run), ""
    if per_hour is None:
        usd = None
    elif lines is None:
        usd, rest = per_hour * hours, NO_LINES
    else:
        usd = _by_resource(lines, removal, hours, begun, ends)
    told = ACTIVITIES if removal.nodes else UNTOLD
    note = (REHEARSED if record.rehearsal else "") + BASIS + told + rest + BY_USE
    return RunCost(usd=usd, hours=hours, usd_per_hour=per_hour, price_date=price_date, note=note)


def _by_resource(bill: Bill, removal: Removal, node_hours: float, begun: datetime, ends: _Ends) -> float:
    """Parts of kinds that were never seen are not charged; where nothing at all was looked at, everything planned is."""
    seen = {item.type for item in (*removal.deleted, *removal.left, *removal.gone_before)} | set(ends.earlier)
    charged = [one for one in bill.resources if not seen or one.resource_type in seen]
    return math.fsum(
        one.usd_per_hour * (node_hours if one.resource_type == GROUP else _hours(begun, ends.of(one.resource_type))) for one in charged
    )


@dataclass(frozen=True)
class _Ends:
    """When parts of a kind end: with the earlier `down` that deleted the last of it, else now, or at the reaper's schedule."""

    expires_at: datetime | None
    now: datetime
    earlier: dict[str, datetime]

    @classmethod
    def after(cls, before: Receipt | None, removal: Removal, *, expires_at: datetime | None, now: datetime) -> _Ends:
        met = {item.type for item in (*removal.deleted, *removal.left)}
        ended = {item.type: before.created_at for item in before.deleted if item.type not in met} if before else {}
        return cls(expires_at, now, ended)

    def of(self, kind: str) -> datetime:
        last = min(self.now, self.earlier.get(kind, self.now))
        after: timedelta | None = DUE_AFTER.get(kind)
        return last if self.expires_at is None or after is None else min(last, self.expires_at + after)


def _node_hours(lives: Iterable[NodeLife], begun: datetime, ends: _Ends, planned: int) -> float:
    """Hours of all nodes together."""
    last = ends.of(GROUP)
    told = [_hours(one.began, min(one.ended or last, ends.now)) for one in lives]
    return math.fsum(told) if told else _hours(begun, last) * max(1, planned)


def _hours(begin: datetime, end: datetime) -> float:
    return max(0.0, (end - begin).total_seconds() / 3600)


def _planned_nodes(run: Run) -> int:
    try:
        return run.read(Plan).instance_count if run.has(Plan) else 1
    except InferstackError:
        return 1


def _bill(run: Run) -> Bill | None:
    """The bill by resource, if it adds up to the rate that the receipt names."""
    try:
        found = run.read(Preview).bill if run.has(Preview) else None
    except InferstackError:
        return None
    return found if found and found.resources and found.usd_per_hour is not None else None


def _price(run: Run) -> tuple[float | None, str | None]:
    """The whole cluster's if a bill was made, else the instances' alone."""
    try:
        if run.has(ClusterOutputs):
            outputs = run.read(ClusterOutputs)
            if outputs.estimated_usd_per_hour is not None:
                return outputs.estimated_usd_per_hour, outputs.price_date
        if run.has(Preview):
            bill = run.read(Preview).bill
            return bill.usd_per_hour, str(bill.price_date) if bill.price_date else None
        if run.has(Plan):
            plan = run.read(Plan)
            return plan.usd_per_hour, str(plan.price_date)
    except InferstackError:
        pass
    return None, None
