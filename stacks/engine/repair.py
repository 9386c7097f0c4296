"""What a killed command left in the state: half-made resources are adopted by their key tag or forgotten; unknown ones are removed.

Nothing is removed in silence: a caller may be asked first, every removal is reported, and data is never removed here. A kind that AWS
does not list is neither unknown to the state nor vanished: nothing is concluded from it.
"""

from __future__ import annotations

import copy
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from typing import Any

from inferstack.records.errors import InputError
from inferstack.records.outputs import RecordedId
from inferstack.records.receipt import Item
from infra import naming
from infra.calls import retries
from infra.calls.aws import Aws, refused
from infra.leftovers import adopt, sweep
from infra.leftovers.base_kinds import BUCKET
from infra.leftovers.ec2 import INSTANCES, INTERFACES, VOLUMES
from infra.leftovers.kinds import DATA_KINDS, FoundResource, Scope
from infra.leftovers.routes import ROUTE
from infra.leftovers.services import SECRET
from stacks.engine.events import name_of

LANDS_WITHIN_S, LOOK_EVERY_S = 8.0, 0.5
# Made by the group, not by the program: no state ever holds them.
LAUNCHED = frozenset({INSTANCES.type, VOLUMES.type, INTERFACES.type})
# Shown what would be deleted; raises where it may not be.
Approve = Callable[[tuple[Item, ...]], object]


@dataclass(frozen=True)
class Repaired:
    """What the repair did. `kept` is data that the state does not know; `gone` is `vanished` with ids. All empty: nothing to repair."""

    lock_lifted: bool = False
    adopted: tuple[str, ...] = ()
    forgotten: tuple[str, ...] = ()
    removed: tuple[Item, ...] = ()
    vanished: tuple[str, ...] = ()
    kept: tuple[Item, ...] = ()

    @property
    def anything(self) -> bool:
        return bool(self.lock_lifted or self.adopted or self.forgotten or self.removed or self.vanished)

    @property
    def state_is_behind(self) -> bool:
        """The state must be read anew from AWS."""
        return bool(self.adopted or self.vanished)


def mended(
    deployment: Mapping[str, Any], aws: Aws, *, stack: str, lifted: bool, approve: Approve | None = None
) -> tuple[dict[str, Any] | None, Repaired]:
    """The deployment to import, or None where the state is sound. Raises InputError when unknown nodes or weights would be lost.

    `approve` is asked before anything is deleted, and what it raises ends the repair.
    """
    pending = list(deployment.get("pending_operations") or ())
    found = _identities([one for one in pending if one["type"] == "creating"], aws, stack, wait_s=LANDS_WITHIN_S if lifted else 0.0)
    fresh = with_adopted(deployment, found) if pending else None
    known = recorded(fresh or deployment)
    scope = sweep.scope_of(aws, stack, known)
    seen = sweep.survey(aws, scope, sweep.kinds(base=True))
    removed, kept = _without_unknown(known, seen.found, aws, scope, approve)
    adopted = tuple(name_of(urn) for urn, id in found.items() if id)
    forgotten = tuple(name_of(_urn(one)) for one in pending if not found.get(_urn(one)))
    return fresh, Repaired(lifted, adopted, forgotten, removed, tuple(one.name for one in vanished(known, seen)), kept)


def with_adopted(deployment: Mapping[str, Any], found: Mapping[str, str | None]) -> dict[str, Any]:
    """Return the state without pending operations; add resources found in AWS with empty outputs, which the following refresh fills."""
    fresh: dict[str, Any] = copy.deepcopy(dict(deployment))
    pending = fresh.pop("pending_operations", None) or []
    have = {one["urn"] for one in fresh.get("resources", [])}
    for operation in pending:
        urn = _urn(operation)
        if found.get(urn) and urn not in have:
            fresh.setdefault("resources", []).append({**operation["resource"], "id": found[urn], "outputs": {}})
            have.add(urn)
    return fresh


def recorded(deployment: Mapping[str, Any]) -> tuple[RecordedId, ...]:
    return tuple(
        RecordedId(type=one["type"], id=one["id"], name=name_of(one["urn"]))
        for one in deployment.get("resources") or ()
        if one.get("id") and str(one["type"]).startswith("aws:")
    )


def _identities(pending: list[Mapping[str, Any]], aws: Aws, stack: str, *, wait_s: float) -> dict[str, str | None]:
    """A call that was in flight when its caller was killed still lands: what is not there yet is looked for again."""
    found: dict[str, str | None] = {}

    def all_landed() -> bool:
        found.update({_urn(one): _identity(one, aws, stack) for one in pending if not found.get(_urn(one))})
        return all(found.values())

    retries.until(all_landed, timeout_s=wait_s, pause_s=LOOK_EVERY_S)
    return found


def _identity(operation: Mapping[str, Any], aws: Aws, stack: str) -> str | None:
    resource = operation["resource"]
    try:
        return adopt.identity(aws, stack, type_token=resource["type"], name=name_of(resource["urn"]), inputs=resource.get("inputs") or {})
    except Exception as error:  # noqa: BLE001  refused() gives back what is not AWS's
        raise refused(error) from None


def vanished(known: Iterable[RecordedId], seen: sweep.Survey) -> tuple[RecordedId, ...]:
    """Return what was removed behind the state's back: by the sweep, by the reaper, by hand. Of routes only those to NAT gateways are
    looked for."""
    asked = {row.type for row in sweep.kinds(base=True)} - {ROUTE} - seen.refused.keys()
    have = {one.id for one in seen.found}
    return tuple(one for one in known if one.type in asked and one.id not in have)


def _without_unknown(
    known: Iterable[RecordedId], there: Iterable[FoundResource], aws: Aws, scope: Scope, approve: Approve | None
) -> tuple[tuple[Item, ...], tuple[Item, ...]]:
    """Delete what neither state nor pending operations know: a provider that was killed in a create leaves such. Answers removed, kept."""
    ids = {one.id for one in known}
    unknown = [one for one in there if one.id not in ids and one.type not in LAUNCHED]
    _refuse_if_held(unknown, scope.stack)
    kept = tuple(_item(one, scope, "not in the state; data is never deleted here") for one in unknown if _is_data(one, scope))
    doomed = [one for one in unknown if not _is_data(one, scope)]
    if not doomed:
        return (), kept
    if approve:
        approve(tuple(_item(one, scope, "not in the state") for one in doomed))
    rows = [row for row in sweep.kinds(base=True) if any(one.type == row.type for one in doomed)]
    for row in rows:
        for one in (found for found in doomed if found.type == row.type):
            _delete(row.delete, aws, one)
    after = sweep.survey(aws, scope, rows)
    still = {one.id for one in after.found}
    gone = (one for one in doomed if one.id not in still and one.type not in after.refused)
    return tuple(_item(one, scope, "not in the state, deleted by the repair") for one in gone), kept


def _delete(delete: Callable[[Aws, FoundResource], object], aws: Aws, one: FoundResource) -> None:
    """What AWS refuses here stays for the sweep, or shows when the engine makes it again."""
    try:
        delete(aws, one)
    except Exception as error:  # noqa: BLE001  refused() gives back what is not AWS's
        refused(error)


def _is_data(one: FoundResource, scope: Scope) -> bool:
    """A key or a bucket, and any secret but the stack's own, whose value the program makes anew. An empty bucket of ours is no data."""
    if one.type == SECRET:
        return one.name != naming.api_key_secret(scope.stack)
    return one.type in DATA_KINDS and (one.type != BUCKET or scope.is_foreign_data(one))


def _item(one: FoundResource, scope: Scope, note: str) -> Item:
    return Item(type=one.type, id=one.id, name=one.name, note=f"found by {' and '.join(scope.ways(one))}; {note}")


def _refuse_if_held(unknown: Iterable[FoundResource], stack: str) -> None:
    for one in unknown:
        if one.held:
            data = one.type in DATA_KINDS
            way_out = f"inferstack down --stack {stack} removes it; or restore the state from its backup"
            raise InputError(
                f"the state of stack {stack} does not contain {one.name}, which has {one.held}",
                hint="restore the state from its backup (pulumi stack import); nothing here deletes data" if data else way_out,
            )


def _urn(operation: Mapping[str, Any]) -> str:
    return str(operation["resource"]["urn"])
