"""What a stack costs as it stands: the registrations that its state holds, and what an update replaces before it deletes."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

from inferstack.pricing.bill.bill import bill
from inferstack.pricing.bill.difference import difference
from inferstack.pricing.bill.registration import Registration
from inferstack.pricing.bill.usage import Usage
from inferstack.records.difference import Difference
from inferstack.records.preview import Bill, Change
from stacks.engine.events import name_of
from stacks.registered import plain

OURS = "aws:"
CREATED, DELETED = "create-replacement", "delete-replaced"


def differs(deployment: Mapping[str, Any], changes: Iterable[Change], new: Bill, *, stack: str, usage: Usage) -> Difference | None:
    """The state's bill beside the preview's, both at today's prices and with the same use. None where the state holds nothing of AWS."""
    found = registrations(deployment)
    if not found:
        return None
    old = bill(found, region=new.region, hours_until_expiry=new.hours_until_expiry, usage=usage)
    return difference(old, new, old_name=f"{stack} as it stands", new_name=f"{stack} after up", replaced=replaced(changes))


def registrations(deployment: Mapping[str, Any]) -> tuple[Registration, ...]:
    """Return AWS's resources in the order of the state; with what waits for its deletion, without what is only read."""
    held = deployment.get("resources") or ()
    return tuple(_registration(one) for one in held if str(one["type"]).startswith(OURS) and not one.get("external"))


def replaced(changes: Iterable[Change]) -> tuple[str, ...]:
    """Resources of which the new one is made before the old one is deleted, as the engine's own order says."""
    made: dict[str, str] = {}
    before: set[str] = set()
    for change in changes:
        if change.op == DELETED and change.urn not in made:
            before.add(change.urn)
        if change.op == CREATED and change.urn not in before and change.type.startswith(OURS):
            made[change.urn] = f"{change.type}::{change.name}"
    return tuple(made.values())


def _registration(one: Mapping[str, Any]) -> Registration:
    refs = {name: tuple(urns or ()) for name, urns in (one.get("propertyDependencies") or {}).items()}
    return Registration(type=one["type"], name=name_of(one["urn"]), urn=one["urn"], inputs=plain(one.get("inputs") or {}), refs=refs)
