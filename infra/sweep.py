"""Finds and removes what a stack left in the account: by tag, by recorded id, by name. Needs no Pulumi state.

Each service is asked itself; the tagging API lags by minutes and leaves out groups, endpoints, volumes and more.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field

from infra import naming, sweep_base, sweep_network, sweep_nodes, sweep_services
from infra.aws import Aws, code_of, refused
from infra.refusals import kind_of
from infra.sweep_kind import Kind, Seen
from records.outputs import RecordedId
from records.receipt import Item

WAYS = ("tag", "id", "name")
PAUSE_S = (0.2, 0.5, 1.0, 2.0, 5.0)
DEADLINE_S = 420.0

# In the order in which they can be removed: what holds others comes first, what is held comes last.
CLUSTER: tuple[Kind, ...] = (*sweep_nodes.KINDS, *sweep_network.KINDS, *sweep_services.KINDS)
BASE: tuple[Kind, ...] = sweep_base.KINDS

Progress = Callable[[Item, str], None]


@dataclass(frozen=True)
class SweepResult:
    """`found` before anything was removed; `deleted` and `left` add up to it, save what appeared meanwhile."""

    found: tuple[Item, ...]
    deleted: tuple[Item, ...]
    left: tuple[Item, ...]
    swept_by: dict[str, int]


@dataclass(frozen=True)
class Wanted:
    """What belongs to the stack. A resource that another stack's tag claims never does."""

    stack: str
    ids: Mapping[str, frozenset[str]]
    names: frozenset[str]

    def ways(self, kind: Kind, seen: Seen) -> tuple[str, ...]:
        owner = seen.tags.get(naming.STACK_TAG)
        if owner is not None and owner != self.stack:
            return ()
        hits = (owner == self.stack, seen.id in self.ids.get(kind.type, frozenset()), bool({seen.id, seen.name} & self.names))
        return tuple(way for way, hit in zip(WAYS, hits, strict=True) if hit)


@dataclass
class _Round:
    """One pass over all kinds."""

    items: dict[tuple[str, str], Item] = field(default_factory=dict)
    seen: list[tuple[Kind, Seen]] = field(default_factory=list)


def sweep(
    aws: Aws,
    stack: str,
    recorded: Iterable[RecordedId],
    *,
    base: bool = False,
    deadline_s: float = DEADLINE_S,
    on_progress: Progress = lambda item, status: None,
    pause: Callable[[float], None] = time.sleep,
) -> SweepResult:
    """`base` sweeps a base stack, weights and key included. Raises CloudRefused when a service cannot be asked."""
    kinds = BASE if base else CLUSTER
    wanted = wanted_of(stack, recorded, base=base, region=aws.region, account_id=aws.account_id())
    end, first, notes = time.monotonic() + deadline_s, find(aws, wanted, kinds), dict[tuple[str, str], str]()
    current = first
    for number in range(10_000):
        if not current.items or (number and time.monotonic() > end):
            break
        if number:
            pause(PAUSE_S[min(number - 1, len(PAUSE_S) - 1)])
        notes = _removed(aws, current, on_progress)
        current = find(aws, wanted, kinds)
        if current.items and set(current.items) <= {at for at, note in notes.items() if note.startswith("permission")}:
            break
    left = tuple(item.model_copy(update={"note": notes.get(at, item.note)}) for at, item in current.items.items())
    deleted = tuple(item for at, item in first.items.items() if at not in current.items)
    return SweepResult(tuple(first.items.values()), deleted, left, _counted(first))


def found(aws: Aws, stack: str, recorded: Iterable[RecordedId], *, base: bool = False) -> tuple[Item, ...]:
    """What is there now; removes nothing."""
    kinds = BASE if base else CLUSTER
    wanted = wanted_of(stack, recorded, base=base, region=aws.region, account_id=aws.account_id())
    return tuple(find(aws, wanted, kinds).items.values())


def wanted_of(stack: str, recorded: Iterable[RecordedId], *, base: bool, region: str, account_id: str) -> Wanted:
    ids: dict[str, set[str]] = {}
    for entry in recorded:
        ids.setdefault(entry.type, set()).add(entry.id)
    names = {naming.budget(stack), naming.key_alias(stack), naming.bucket(stack, account_id=account_id, region=region)} if base else set()
    if not base:
        names = {naming.group(stack), naming.schedule_group(stack), naming.node_role(stack), naming.reaper_role(stack)}
        names |= {naming.log_group(stack), naming.api_key_secret(stack)}
    return Wanted(stack, {kind: frozenset(values) for kind, values in ids.items()}, frozenset(names))


def find(aws: Aws, wanted: Wanted, kinds: Iterable[Kind]) -> _Round:
    found = _Round()
    for kind in kinds:
        for seen in _listed(aws, kind):
            ways = wanted.ways(kind, seen)
            if ways:
                note = "found by " + ", ".join(ways)
                found.items[(kind.type, seen.id)] = Item(type=kind.type, id=seen.id, name=seen.name, note=note)
                found.seen.append((kind, seen))
    return found


def _listed(aws: Aws, kind: Kind) -> list[Seen]:
    try:
        return list(kind.list(aws))
    except Exception as error:  # noqa: BLE001  refused() gives back what is not AWS's
        raise refused(error) from None


def _removed(aws: Aws, current: _Round, on_progress: Progress) -> dict[tuple[str, str], str]:
    notes = {}
    for kind, seen in current.seen:
        at = (kind.type, seen.id)
        note = _remove(aws, kind, seen)
        if note:
            notes[at] = note
        on_progress(current.items[at], note or "deleting")
    return notes


def _remove(aws: Aws, kind: Kind, seen: Seen) -> str:
    """Empty when the deletion was accepted; else why not. What holds it may go in a later round."""
    try:
        kind.delete(aws, seen)
    except Exception as error:  # noqa: BLE001  whatever one deletion says, the others must still be tried
        code = code_of(error)
        if "NotFound" in code or code in {"NoSuchEntity", "NoSuchBucket", "NoSuchKey"}:
            return ""
        return f"{kind_of(code)}: {code or type(error).__name__}: {error}"
    return ""


def _counted(first: _Round) -> dict[str, int]:
    return {way: sum(way in item.note.removeprefix("found by ").split(", ") for item in first.items.values()) for way in WAYS}
