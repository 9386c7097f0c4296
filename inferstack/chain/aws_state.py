"""What AWS says of a stack now: nodes and whatever else bills by the hour. Read-only; nothing is started to be able to ask."""

from __future__ import annotations

from typing import Any

from inferstack.cli import extras
from inferstack.cli.command import Command
from inferstack.records.errors import CloudRefused, InferstackError
from inferstack.stack import rehearsal
from inferstack.stack.workdir import StackRecord

BILLED: tuple[str, ...] = ("aws:autoscaling/group:Group", "aws:ec2/instance:Instance", "aws:ec2/natGateway:NatGateway")
BILLED += ("aws:ec2/vpcEndpoint:VpcEndpoint", "aws:ec2/eip:Eip", "aws:ebs/volume:Volume")


def of_stack(command: Command, record: StackRecord) -> dict[str, Any]:
    """`as_of` is the time of the answer, or None with the reason in `not_asked`."""
    if record.account_id is None:
        return {"as_of": None, "not_asked": "nothing was ever built on this stack"}
    try:
        return _asked(command, record)
    except InferstackError as error:
        return {"as_of": None, "not_asked": error.message}


def _asked(command: Command, record: StackRecord) -> dict[str, Any]:
    extras.require(extras.CLOUD, by="that")
    from infra.calls.aws import Aws
    from infra.leftovers import sweep

    endpoint, key = rehearsal.door(command.workdir) if record.rehearsal else (None, None)
    if record.rehearsal and endpoint is None:
        raise CloudRefused("the embedded AWS is not running", kind="host")
    aws = Aws(record.region, command.loaded.settings.profile or record.profile, endpoint, access_key=key)
    if (account := aws.account_id()) != record.account_id:
        raise CloudRefused(f"this identity is in account {account}, but the stack is in account {record.account_id}", kind="permission")
    rows = [row for row in sweep.kinds(base=False) if row.type in BILLED]
    seen = sweep.survey(aws, sweep.scope_of(aws, record.stack), rows)
    return {
        "as_of": command.now().isoformat(),
        "nodes": [_node(one.details) for one in seen.found if one.type == "aws:ec2/instance:Instance"],
        "billed": [{"type": one.type, "id": one.id, "name": one.name} for one in seen.found],
        "not_listed": {kind: why.message for kind, why in seen.refused.items()},
    }


def _node(told: Any) -> dict[str, str]:
    return {
        "instance_id": told["InstanceId"],
        "private_ip": told.get("PrivateIpAddress", ""),
        "availability_zone": told["Placement"]["AvailabilityZone"],
        "instance_type": told["InstanceType"],
        "lifecycle_state": told["State"]["Name"],
    }
