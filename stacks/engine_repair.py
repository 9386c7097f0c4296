"""What a killed command left in the state: half-made resources are adopted by their key tag or forgotten; unknown ones are removed."""

from __future__ import annotations

import copy
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

from infra import adopt, sweep
from infra.aws import Aws, refused
from infra.resources import Found
from infra.resources_ec2 import INSTANCES, INTERFACES, VOLUMES
from records.errors import InputError
from records.outputs import RecordedId
from stacks.engine_events import name_of

# Made by the group, not by the program: no state ever holds them.
LAUNCHED = frozenset({INSTANCES.type, VOLUMES.type, INTERFACES.type})


@dataclass(frozen=True)
class Repaired:
    """What the repair did. All empty: there was nothing to repair."""

    lock_lifted: bool = False
    adopted: tuple[str, ...] = ()
    forgotten: tuple[str, ...] = ()
    removed: tuple[str, ...] = ()

    @property
    def anything(self) -> bool:
        return bool(self.lock_lifted or self.adopted or self.forgotten or self.removed)


def mended(deployment: Mapping[str, Any], aws: Aws, *, stack: str, lifted: bool) -> tuple[dict[str, Any] | None, Repaired]:
    """The deployment to import, or None where the state is sound. Raises InputError when unknown nodes or weights would be lost."""
    pending = list(deployment.get("pending_operations") or ())
    found = {_urn(one): _identity(one, aws, stack) for one in pending if one["type"] == "creating"}
    fresh = with_adopted(deployment, found) if pending else None
    removed = _remove_unknown(fresh or deployment, aws, stack)
    adopted = tuple(name_of(urn) for urn, id in found.items() if id)
    forgotten = tuple(name_of(_urn(one)) for one in pending if not found.get(_urn(one)))
    return fresh, Repaired(lifted, adopted, forgotten, removed)


def with_adopted(deployment: Mapping[str, Any], found: Mapping[str, str | None]) -> dict[str, Any]:
    """Without pending operations; what was found in AWS becomes a resource whose outputs the following refresh fills."""
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


def _identity(operation: Mapping[str, Any], aws: Aws, stack: str) -> str | None:
    resource = operation["resource"]
    try:
        return adopt.identity(aws, stack, type_token=resource["type"], name=name_of(resource["urn"]), inputs=resource.get("inputs") or {})
    except Exception as error:  # noqa: BLE001  refused() gives back what is not AWS's
        raise refused(error) from None


def _remove_unknown(deployment: Mapping[str, Any], aws: Aws, stack: str) -> tuple[str, ...]:
    """A provider that was killed in a create leaves what neither state nor pending operations know."""
    known = {one.id for one in recorded(deployment)}
    scope = sweep.scope_of(aws, stack)
    rows = sweep.kinds(base=True)
    unknown = [one for one in sweep.look(aws, scope, rows) if one.id not in known and one.type not in LAUNCHED]
    _refuse_if_held(unknown, stack)
    if not unknown:
        return ()
    only = frozenset(one.type for one in unknown)
    doomed = {(one.type, one.id) for one in unknown}
    for row in rows:
        for one in (found for found in unknown if found.type == row.type and row.type in only):
            row.delete(aws, one)
    still = {(one.type, one.id) for one in sweep.look(aws, scope, [row for row in rows if row.type in only])} & doomed
    return tuple(f"{one.type} {one.id}" for one in unknown if (one.type, one.id) not in still)


def _refuse_if_held(unknown: Iterable[Found], stack: str) -> None:
    for one in unknown:
        if one.held:
            raise InputError(
                f"the state of stack {stack} does not know {one.name}, which has {one.held}",
                hint=f"inferstack down --stack {stack} removes it; or restore the state from its backup",
            )


def _urn(operation: Mapping[str, Any]) -> str:
    return str(operation["resource"]["urn"])
