"""The id of a resource whose create call was begun and whose answer was lost: by its key tag, or by what makes it unique."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from infra import naming
from infra.calls.aws import Aws, code_of
from infra.leftovers import base_kinds, sweep
from infra.leftovers.routes import route_id

Inputs = Mapping[str, Any]
UNIQUE = ("ResourceNotFoundException", "NotFoundException", "NoSuchEntity", "InvalidRouteTableID.NotFound")


def identity(aws: Aws, stack: str, *, type_token: str, name: str, inputs: Inputs) -> str | None:
    """Pulumi's id of it, or None when AWS has none."""
    if type_token in BY_INPUTS:
        return _or_none(lambda: BY_INPUTS[type_token](aws, inputs))
    key = naming.key(stack, type_token, name)
    scope = sweep.scope_of(aws, stack)
    rows = [row for row in sweep.kinds(base=True) if row.type == type_token]
    if rows:
        return next((one.id for one in sweep.look(aws, scope, rows) if _is(one.tags, key) or one.type in NAMED), None)
    return _tagged_in_ec2(aws, key) if type_token.startswith(("aws:ec2/", "aws:vpc/")) else None


def _is(tags: Mapping[str, str], key: str) -> bool:
    return tags.get(naming.KEY_TAG) == key


# One of a stack, found by its name; it cannot carry the tag or lists without it.
NAMED = frozenset({base_kinds.BUDGET, base_kinds.ALIAS})


def _tagged_in_ec2(aws: Aws, key: str) -> str | None:
    found = aws.client("ec2").describe_tags(Filters=[{"Name": "key", "Values": [naming.KEY_TAG]}, {"Name": "value", "Values": [key]}])
    return next((str(one["ResourceId"]) for one in found["Tags"]), None)


def _route(aws: Aws, inputs: Inputs) -> str | None:
    destination = inputs["destinationCidrBlock"]
    for table in _tables(aws, inputs["routeTableId"]):
        if any(route.get("DestinationCidrBlock") == destination for route in table.get("Routes", [])):
            return route_id(inputs["routeTableId"], destination)
    return None


def _association(aws: Aws, inputs: Inputs) -> str | None:
    for table in _tables(aws, inputs["routeTableId"]):
        for one in table.get("Associations", []):
            if one.get("SubnetId") == inputs.get("subnetId"):
                return str(one["RouteTableAssociationId"])
    return None


def _tables(aws: Aws, table_id: str) -> list[Any]:
    return list(aws.client("ec2").describe_route_tables(RouteTableIds=[table_id])["RouteTables"])


def _schedule(aws: Aws, inputs: Inputs) -> str | None:
    group, name = inputs["groupName"], inputs["name"]
    aws.client("scheduler").get_schedule(GroupName=group, Name=name)
    return f"{group}/{name}"


def _or_none(ask: Callable[[], str | None]) -> str | None:
    try:
        return ask()
    except Exception as error:
        if code_of(error) in UNIQUE:
            return None
        raise


BY_INPUTS: Mapping[str, Callable[[Aws, Inputs], str | None]] = {
    "aws:ec2/route:Route": _route,
    "aws:ec2/routeTableAssociation:RouteTableAssociation": _association,
    "aws:scheduler/schedule:Schedule": _schedule,
}
