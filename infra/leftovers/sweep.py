"""The sweep: what is left of a stack in AWS, found without Pulumi's state, removed in a safe order, and looked for again.

The engine's "0 resources" proves nothing: a killed provider leaves resources that no state knows. A kind that AWS does not list is
unknown: it stands in the way of no other kind, and it is never reported as gone.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable, Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field

from inferstack.records.errors import CloudRefused
from inferstack.records.outputs import RecordedId
from inferstack.records.receipt import Item
from infra import naming
from infra.calls.aws import Aws, code_of, refused
from infra.leftovers import base_kinds, ec2, services
from infra.leftovers.ec2 import INSTANCES
from infra.leftovers.kinds import FoundResource, Kind, Scope, names_of
from infra.leftovers.services import GROUP

DEADLINE_S = 900.0
PAUSES_S = (0.2, 0.5, 1.0, 2.0, 5.0, 10.0)
ASKED_AT_ONCE = 8
# While one thing still holds another, AWS refuses with one of these: the next round comes by again.
HELD: tuple[str, ...] = (
    "DependencyViolation",
    "InUse",
    "ResourceInUse",
    "ScalingActivityInProgress",
    "AuthFailure",
    "DeleteConflict",
    "IncorrectState",
)
HELD += ("InvalidIPAddress.InUse", "BucketNotEmpty", "OperationNotPermitted", "ConflictException", "RequestLimitExceeded", "Throttling")
# What runs a GPU. It is removed before anything else is looked for, and by name where AWS does not list it.
GPU_KINDS = (GROUP, INSTANCES.type)
# A refusal of one of these kinds may be over at the next look.
PASSING = ("throttled", "timeout")

Progress = Callable[[Item, str], object]


@dataclass(frozen=True)
class Survey:
    """What the services list of a stack now, and why AWS did not list some of the kinds."""

    found: tuple[FoundResource, ...]
    refused: Mapping[str, CloudRefused]


@dataclass(frozen=True)
class SweepResult:
    """`swept_by` counts what each way led to at the first look; `left` is empty or says why in its notes; `unknown` names kinds."""

    found: tuple[Item, ...]
    deleted: tuple[Item, ...]
    left: tuple[Item, ...]
    swept_by: dict[str, int]
    unknown: tuple[Item, ...] = ()


@dataclass
class _Round:
    """What one sweep has seen and done so far."""

    aws: Aws
    scope: Scope
    rows: tuple[Kind, ...]
    tell: Progress
    everything: dict[tuple[str, str], FoundResource] = field(default_factory=dict)
    why: dict[str, str] = field(default_factory=dict)

    def look(self, rows: Iterable[Kind]) -> Survey:
        """Look at these kinds and remember what was there."""
        seen = survey(self.aws, self.scope, rows)
        self.everything |= {(one.type, one.id): one for one in seen.found}
        return seen

    def delete(self, found: Iterable[FoundResource]) -> None:
        """Ask once for the deletion of each; `why` keeps what AWS still refuses, by id."""
        delete = {row.type: row.delete for row in self.rows}
        for one in found:
            if self.scope.is_foreign_data(one):
                self.why[one.id] = FOREIGN
                continue
            self.tell(_item(one, self.scope), "deleting")
            self.why.pop(one.id, None)
            try:
                delete[one.type](self.aws, one)
            except Exception as error:  # noqa: BLE001  refused() gives back what is not AWS's
                self.why[one.id] = refused(error).message
                if not any(word in code_of(error) for word in HELD):
                    self.tell(_item(one, self.scope, note=self.why[one.id]), "refused")


FOREIGN = "data with the stack's tag that the program did not create: never deleted here; delete it by hand if nobody needs it"


def sweep(
    aws: Aws,
    stack: str,
    recorded: tuple[RecordedId, ...] = (),
    *,
    base: bool = False,
    deadline_s: float = DEADLINE_S,
    on_progress: Progress | None = None,
    sleep: Callable[[float], object] = time.sleep,
) -> SweepResult:
    """Remove what is left, GPUs first; a base's own resources only with `base`. A kind that cannot be listed hides no other."""
    until = time.monotonic() + deadline_s
    at = _Round(aws, scope_of(aws, stack, recorded), kinds(base=base), on_progress or (lambda item, what: None))
    blind = _gpus_first(at)
    seen = at.look(at.rows)
    first = tuple(at.everything.values())
    # No retry of a failure: a round deletes what the one before has set free, and what stays is the answer.
    for attempt in range(10_000):
        open_ends = [one for one in seen.found if not at.scope.is_foreign_data(one)]
        if not (open_ends or _may_pass(seen)) or time.monotonic() > until:
            break
        at.delete(seen.found)
        sleep(min(PAUSES_S[min(attempt, len(PAUSES_S) - 1)], max(0.0, until - time.monotonic())))
        seen = at.look(at.rows)
    at.why |= {one.id: FOREIGN for one in seen.found if at.scope.is_foreign_data(one)}
    return _result(at, first, seen, blind)


def survey(aws: Aws, scope: Scope, rows: Iterable[Kind]) -> Survey:
    """Everything of the stack that a service still lists, in the order of the rows; a row that AWS refuses is kept as refused."""
    rows = tuple(rows)

    def ask(row: Kind) -> tuple[FoundResource, ...] | CloudRefused:
        try:
            return tuple(one for one in row.find(aws, scope) if scope.owns(one))
        except Exception as error:  # noqa: BLE001  refused() gives back what is not AWS's
            return refused(error)

    with ThreadPoolExecutor(ASKED_AT_ONCE) as pool:
        answers = dict(zip((row.type for row in rows), pool.map(ask, rows), strict=True))
    found = tuple(one for answer in answers.values() if not isinstance(answer, CloudRefused) for one in answer)
    return Survey(found, {kind: answer for kind, answer in answers.items() if isinstance(answer, CloudRefused)})


def look(aws: Aws, scope: Scope, rows: Iterable[Kind]) -> tuple[FoundResource, ...]:
    """Everything of the stack, for callers that can do nothing with a part of it. Raises CloudRefused."""
    seen = survey(aws, scope, rows)
    for why in seen.refused.values():
        raise why
    return seen.found


def kinds(*, base: bool) -> tuple[Kind, ...]:
    """Return the kinds in the order of removal."""
    cluster = (
        *services.kinds_before_network(),
        *ec2.cluster_kinds(),
        *services.kinds_after_network(),
    )
    return (*cluster, *ec2.base_kinds(), *base_kinds.kinds()) if base else cluster


def scope_of(aws: Aws, stack: str, recorded: Iterable[RecordedId] = ()) -> Scope:
    """Whose resources are meant. Without an account id only the bucket's name is missing: its own row says so when it asks."""
    ids: dict[str, set[str]] = {}
    for one in recorded:
        ids.setdefault(one.type, set()).add(one.id)
    try:
        account_id = aws.account_id()
    except CloudRefused:
        account_id = None
    names = names_of(stack, account_id=account_id, region=aws.region)
    return Scope(stack, {kind: frozenset(found) for kind, found in ids.items()}, names)


def _gpus_first(at: _Round) -> dict[str, str]:
    """Remove what runs GPUs before a slow or refused look at anything else; by name and recorded id where AWS does not list it.

    Answers what was done without seeing, by kind.
    """
    seen = at.look(row for row in at.rows if row.type in GPU_KINDS)
    at.delete(seen.found)
    blind = {}
    for kind in seen.refused:
        names = at.scope.recorded(kind) | ({naming.group(at.scope.stack)} if kind == GROUP else set())
        at.delete(FoundResource(kind, name, name) for name in sorted(names))
        done = [name for name in sorted(names) if name not in at.why]
        blind[kind] = f"deletion by name requested: {', '.join(done)}" if done else "nothing could be deleted by name"
    return blind


def _may_pass(seen: Survey) -> bool:
    return any(why.kind in PASSING for why in seen.refused.values())


def _result(at: _Round, first: Iterable[FoundResource], seen: Survey, blind: Mapping[str, str]) -> SweepResult:
    """What a last look shows. Of a kind that it could not show, nothing is said to be deleted."""
    remaining = {(one.type, one.id) for one in seen.found}
    unseen = [one for key, one in at.everything.items() if one.type in seen.refused and key not in remaining]
    gone = [one for key, one in at.everything.items() if key not in remaining and one.type not in seen.refused]
    left = [_item(one, at.scope, note=at.why.get(one.id, "still there at the deadline")) for one in seen.found]
    left += [_item(one, at.scope, note=at.why.get(one.id, "deletion requested; not known whether it is gone")) for one in unseen]
    return SweepResult(
        found=tuple(_item(one, at.scope) for one in first),
        deleted=tuple(_item(one, at.scope, note=f"{_ways(one, at.scope)}, deleted by the sweep") for one in gone),
        left=tuple(left),
        swept_by={way: sum(way in at.scope.ways(one) for one in first) for way in ("tag", "id", "name")},
        unknown=tuple(
            Item(type=kind, id="unknown", note="; ".join(filter(None, (f"not listed: {why.message}", blind.get(kind)))))
            for kind, why in seen.refused.items()
        ),
    )


def _item(one: FoundResource, scope: Scope, *, note: str = "") -> Item:
    return Item(type=one.type, id=one.id, name=one.name, note=note or _ways(one, scope))


def _ways(one: FoundResource, scope: Scope) -> str:
    by = " and ".join(f"recorded {way}" if way == "id" else way for way in scope.ways(one))
    return f"found by {by}"
