"""The sweep: what is left of a stack in AWS, found without Pulumi's state, removed in a safe order, and looked for again.

The engine's "0 resources" proves nothing: a killed provider leaves resources that no state knows.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass

from infra import resources, resources_base, resources_ec2, resources_services
from infra.aws import Aws, code_of, refused
from infra.resources import Found, Kind, Scope
from records.outputs import RecordedId
from records.receipt import Item

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

Progress = Callable[[Item, str], object]


@dataclass(frozen=True)
class SweepResult:
    """`swept_by` counts what each way led to at the first look; `left` is empty or says why in its notes."""

    found: tuple[Item, ...]
    deleted: tuple[Item, ...]
    left: tuple[Item, ...]
    swept_by: dict[str, int]


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
    """Removes what is left; a base's own resources only with `base`. Raises CloudRefused when AWS cannot be asked."""
    rows = kinds(base=base)
    scope = scope_of(aws, stack, recorded)
    tell = on_progress or (lambda item, what: None)
    first = look(aws, scope, rows)
    everything = {(one.type, one.id): one for one in first}
    left, why = first, dict[str, str]()
    until = time.monotonic() + deadline_s
    for attempt in range(10_000):
        if not left or time.monotonic() > until:
            break
        why = _delete_all(aws, left, rows, scope, tell)
        sleep(min(PAUSES_S[min(attempt, len(PAUSES_S) - 1)], max(0.0, until - time.monotonic())))
        left = look(aws, scope, rows)
        everything |= {(one.type, one.id): one for one in left}
    remaining = {(one.type, one.id) for one in left}
    return SweepResult(
        found=_items(first, scope),
        deleted=_items((one for key, one in everything.items() if key not in remaining), scope),
        left=tuple(_item(one, scope, note=why.get(one.id, "still there at the deadline")) for one in left),
        swept_by={way: sum(way in scope.ways(one) for one in first) for way in ("tag", "id", "name")},
    )


def look(aws: Aws, scope: Scope, rows: Iterable[Kind]) -> tuple[Found, ...]:
    """Everything of the stack that a service still lists, in the order of the rows. Raises CloudRefused."""
    rows = tuple(rows)

    def ask(row: Kind) -> tuple[Found, ...]:
        try:
            return tuple(one for one in row.find(aws, scope) if scope.owns(one))
        except Exception as error:  # noqa: BLE001  refused() gives back what is not AWS's
            raise refused(error) from None

    with ThreadPoolExecutor(ASKED_AT_ONCE) as pool:
        return tuple(one for found in pool.map(ask, rows) for one in found)


def kinds(*, base: bool) -> tuple[Kind, ...]:
    """In the order of removal."""
    cluster = (
        *resources_services.kinds_before_network(),
        *resources_ec2.cluster_kinds(),
        *resources_services.kinds_after_network(),
    )
    return (*cluster, *resources_ec2.base_kinds(), *resources_base.kinds()) if base else cluster


def scope_of(aws: Aws, stack: str, recorded: Iterable[RecordedId] = ()) -> Scope:
    ids: dict[str, set[str]] = {}
    for one in recorded:
        ids.setdefault(one.type, set()).add(one.id)
    names = resources.names_of(stack, account_id=aws.account_id(), region=aws.region)
    return Scope(stack, {kind: frozenset(found) for kind, found in ids.items()}, names)


def _delete_all(aws: Aws, found: Iterable[Found], rows: Iterable[Kind], scope: Scope, tell: Progress) -> dict[str, str]:
    """One round; what AWS still refuses, by id."""
    delete = {row.type: row.delete for row in rows}
    why: dict[str, str] = {}
    for one in found:
        tell(_item(one, scope), "deleting")
        try:
            delete[one.type](aws, one)
        except Exception as error:  # noqa: BLE001  refused() gives back what is not AWS's
            why[one.id] = refused(error).message
            if not any(word in code_of(error) for word in HELD):
                tell(_item(one, scope, note=why[one.id]), "refused")
    return why


def _items(found: Iterable[Found], scope: Scope) -> tuple[Item, ...]:
    return tuple(_item(one, scope) for one in found)


def _item(one: Found, scope: Scope, *, note: str = "") -> Item:
    by = " and ".join(f"recorded {way}" if way == "id" else way for way in scope.ways(one))
    return Item(type=one.type, id=one.id, name=one.name, note=note or f"found by {by}")
