"""What a killed command left in the state: half-made resources are adopted by their key tag or forgotten; unknown ones are removed."""

from __future__ import annotations

import copy
import time
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

from infra import adopt, sweep
from infra.aws import Aws, refused
from infra.resources import Found
from infra.resources_ec2 import INSTANCES, INTERFACES, VOLUMES
from infra.resources_routes import ROUTE
from records.errors import InputError
from records.outputs import RecordedId
from stacks.engine_events import name_of

LANDS_WITHIN_S = 8.0
# Made by the group, not by the program: no state ever holds them.
LAUNCHED = frozenset({INSTANCES.type, VOLUMES.type, INTERFACES.type})


@dataclass(frozen=True)
class Repaired:
    """What the repair did. All empty: there was nothing to repair."""

    lock_lifted: bool = False
    adopted: tuple[str, ...] = ()
    forgotten: tuple[str, ...] = ()
    removed: tuple[str, ...] = ()
    vanished: tuple[str, ...] = ()

    @property
    def anything(self) -> bool:
        return bool(self.lock_lifted or self.adopted or self.forgotten or self.removed or self.vanished)

    @property
    def state_is_behind(self) -> bool:
        """The state must be read anew from AWS."""
        return bool(self.adopted or self.vanished)


def mended(deployment: Mapping[str, Any], aws: Aws, *, stack: str, lifted: bool) -> tuple[dict[str, Any] | None, Repaired]:
    """The deployment to import, or None where the state is sound. Raises InputError when unknown nodes or weights would be lost."""
    pending = list(deployment.get("pending_operations") or ())
    found = _identities([one for one in pending if one["type"] == "creating"], aws, stack, wait_s=LANDS_WITHIN_S if lifted else 0.0)
    fresh = with_adopted(deployment, found) if pending else None
    known = recorded(fresh or deployment)
    there = _there(aws, stack, known)
    removed = _remove_unknown(known, there, aws, stack)
    adopted = tuple(name_of(urn) for urn, id in found.items() if id)
    forgotten = tuple(name_of(_urn(one)) for one in pending if not found.get(_urn(one)))
    return fresh, Repaired(lifted, adopted, forgotten, removed, _vanished(known, there))


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


def _identities(pending: list[Mapping[str, Any]], aws: Aws, stack: str, *, wait_s: float) -> dict[str, str | None]:
    """A call that was in flight when its caller was killed still lands: what is not there yet is looked for again."""
    until = time.monotonic() + wait_s
    found = {_urn(one): _identity(one, aws, stack) for one in pending}
    while not all(found.values()) and time.monotonic() < until:
        time.sleep(0.5)
        found |= {_urn(one): _identity(one, aws, stack) for one in pending if not found[_urn(one)]}
    return found


def _identity(operation: Mapping[str, Any], aws: Aws, stack: str) -> str | None:
    resource = operation["resource"]
    try:
        return adopt.identity(aws, stack, type_token=resource["type"], name=name_of(resource["urn"]), inputs=resource.get("inputs") or {})
    except Exception as error:  # noqa: BLE001  refused() gives back what is not AWS's
        raise refused(error) from None


def _there(aws: Aws, stack: str, known: tuple[RecordedId, ...]) -> tuple[Found, ...]:
    return sweep.look(aws, sweep.scope_of(aws, stack, known), sweep.kinds(base=True))


def _vanished(known: Iterable[RecordedId], there: Iterable[Found]) -> tuple[str, ...]:
    """Removed behind the state's back: by the sweep, by the reaper, by hand. Of routes only those to NAT gateways are looked for."""
    asked = {row.type for row in sweep.kinds(base=True)} - {ROUTE}
    have = {one.id for one in there}
    return tuple(one.name for one in known if one.type in asked and one.id not in have)


def _remove_unknown(known: Iterable[RecordedId], there: Iterable[Found], aws: Aws, stack: str) -> tuple[str, ...]:
    """A provider that was killed in a create leaves what neither state nor pending operations know."""
    ids = {one.id for one in known}
    unknown = [one for one in there if one.id not in ids and one.type not in LAUNCHED]
    _refuse_if_held(unknown, stack)
    if not unknown:
        return ()
    rows = [row for row in sweep.kinds(base=True) if any(one.type == row.type for one in unknown)]
    for row in rows:
        for one in (found for found in unknown if found.type == row.type):
            row.delete(aws, one)
    still = {one.id for one in sweep.look(aws, sweep.scope_of(aws, stack), rows)}
    return tuple(f"{one.type} {one.id}" for one in unknown if one.id not in still)


def _refuse_if_held(unknown: Iterable[Found], stack: str) -> None:
    for one in unknown:
        if one.held:
            raise InputError(
                f"the state of stack {stack} does not know {one.name}, which has {one.held}",
                hint=f"inferstack down --stack {stack} removes it; or restore the state from its backup",
            )


def _urn(operation: Mapping[str, Any]) -> str:
    return str(operation["resource"]["urn"])
