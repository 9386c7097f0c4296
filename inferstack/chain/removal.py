"""What a removal saw: which resources ended, by whom, which were gone before, which are left, and which kinds AWS did not show."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field
from datetime import datetime, timedelta

from inferstack.records.outputs import RecordedId
from inferstack.records.receipt import Item, NodeLife
from infra.components.reaper_times import DUE_AFTER
from infra.leftovers.ec2 import INSTANCES
from infra.leftovers.sweep import SweepResult

ENGINE, WITH_GROUP = "deleted by the engine", "node of the group, terminated with it"
KEPT = "the base (weights, network, key) is kept on purpose"
NOT_SHOWN = "; not checked afterwards, because AWS did not list this kind"


@dataclass
class Removal:
    """What was there and what became of it. Nothing is written here before it was seen."""

    state_was_found: bool = False
    deleted: list[Item] = field(default_factory=list)
    kept: list[Item] = field(default_factory=list)
    left: list[Item] = field(default_factory=list)
    unknown: list[Item] = field(default_factory=list)
    gone_before: list[Item] = field(default_factory=list)
    nodes: list[NodeLife] = field(default_factory=list)
    swept_by: dict[str, int] = field(default_factory=dict)
    clock: datetime | None = None
    """The time in the stack's world, which a rehearsal may have moved; None where no world was opened."""

    def engine_deleted(self, recorded: Iterable[RecordedId], events: Iterable[tuple[str, str]]) -> None:
        """`events` are type and name of each delete that the engine reported as done."""
        done, gone = set(events), {item.id for item in self.gone_before}
        ended = (one for one in recorded if (one.type, one.name) in done and one.id not in gone)
        self._add(Item(type=one.type, id=one.id, name=one.name, note=ENGINE) for one in ended)

    def was_gone(self, recorded: Iterable[RecordedId], *, expires_at: datetime | None, now: datetime) -> None:
        """Note a recorded resource that was not there at the first look of this command."""
        known = {item.id for item in self.gone_before}
        self.gone_before += [
            Item(type=one.type, id=one.id, name=one.name, note=f"gone before this command: {by_whom(one.type, expires_at, now)}")
            for one in recorded
            if one.id not in known
        ]

    def swept(self, result: SweepResult) -> None:
        """The sweep is the last to look: what it deleted or left is what holds, whatever was said before."""
        seen, hidden = {item.id for item in result.deleted}, {item.type for item in result.unknown}
        left = {item.id for item in result.left}
        before = [item for item in self.deleted if item.id not in seen | left]
        self.deleted = [
            item.model_copy(update={"note": item.note + NOT_SHOWN}) if item.type in hidden and NOT_SHOWN not in item.note else item
            for item in before
        ]
        self._add(result.deleted)
        self.stays((*result.left, *result.unknown))
        self.unknown += result.unknown
        for way, number in result.swept_by.items():
            self.swept_by[way] = self.swept_by.get(way, 0) + number

    def stays(self, items: Iterable[Item]) -> None:
        """What is left, each once."""
        known = {(item.type, item.id) for item in self.left}
        self.left += [item for item in items if (item.type, item.id) not in known]

    def nodes_ended(self, there_before: Iterable[str]) -> None:
        """Nodes that ran at the first look, were not found by the sweep, and are of a kind that the sweep was shown."""
        if any(item.type == INSTANCES.type for item in self.unknown):
            return
        accounted = {item.id for item in (*self.deleted, *self.left)}
        self._add(Item(type=INSTANCES.type, id=id, note=WITH_GROUP) for id in there_before if id not in accounted)

    def _add(self, items: Iterable[Item]) -> None:
        """Each resource once."""
        known = {(item.type, item.id) for item in self.deleted}
        self.deleted += [item for item in items if (item.type, item.id) not in known]


def by_whom(kind: str, expires_at: datetime | None, now: datetime) -> str:
    """The reaper where its schedule for this kind was due; AWS does not say more."""
    after: timedelta | None = DUE_AFTER.get(kind)
    if expires_at is None or after is None or now < expires_at + after:
        return "deleted by somebody else or by an earlier command"
    return f"the reaper's schedule for it was due at {expires_at + after:%Y-%m-%dT%H:%M:%SZ}"
