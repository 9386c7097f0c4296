"""How EC2 is asked for the resources of a stack: by tag, and one by one for ids that were recorded."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from typing import Any

from infra import naming
from infra.calls.aws import Aws, code_of
from infra.leftovers.kinds import FoundResource, Kind, Scope, pages, tag_map

# The security group that every network has from birth to death.
DEFAULT_GROUP = "default"
ENDED = {"terminated", "shutting-down", "deleted", "failed"}


@dataclass(frozen=True)
class Listing:
    """How EC2 lists a kind: operation, key of the answer, key of the id, parameter that takes ids."""

    type: str
    operation: str
    key: str
    id_key: str
    ids: str
    state: Callable[[Mapping[str, Any]], str] = lambda one: str(one.get("State", ""))

    def find(self, aws: Aws, scope: Scope) -> Iterable[FoundResource]:
        ec2 = aws.client("ec2")
        ours = {"Filters": [{"Name": f"tag:{naming.STACK_TAG}", "Values": [scope.stack]}]}
        seen = {one.id: one for one in self._listed(ec2, **ours)}
        for wanted in sorted(scope.recorded(self.type) - seen.keys()):
            seen |= {one.id: one for one in self._by_id(ec2, wanted)}
        return list(seen.values())

    def _by_id(self, ec2: Any, wanted: str) -> list[FoundResource]:
        try:
            return list(self._listed(ec2, **{self.ids: [wanted]}))
        except ec2.exceptions.ClientError as error:
            if is_gone(error):
                return []
            raise

    def _listed(self, ec2: Any, **asked: Any) -> Iterable[FoundResource]:
        for one in _flat(pages(ec2, self.operation, self.key, **asked)):
            if self.state(one) not in ENDED and one.get("GroupName") != DEFAULT_GROUP:
                tags = tag_map(one.get("Tags") or one.get("TagSet"))
                yield FoundResource(self.type, str(one[self.id_key]), tags.get("Name", ""), tags, details=one)


def is_gone(error: BaseException) -> bool:
    code = code_of(error)
    return "NotFound" in code or "NoSuch" in code or code in {"InvalidVpcEndpointId.NotFound", "NatGatewayNotFound"}


def ec2(listing: Listing, delete: Callable[[Any, FoundResource], object]) -> Kind:
    return Kind(listing.type, listing.find, lambda aws, found: gone_is_fine(lambda: delete(aws.client("ec2"), found)))


def _flat(entries: Iterable[Any]) -> Iterable[Any]:
    """Instances come inside reservations."""
    for entry in entries:
        yield from entry["Instances"] if "Instances" in entry and "ReservationId" in entry else (entry,)


def gone_is_fine(delete: Callable[[], object]) -> None:
    try:
        delete()
    except Exception as error:
        if not is_gone(error):
            raise
