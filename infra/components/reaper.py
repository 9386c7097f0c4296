"""The dead man's switch: schedules inside AWS that remove what bills at `expires_at`, whatever became of the machine that built it.

The group's schedule is made before the group; see docs/adr/0005.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from typing import Any

import pulumi
import pulumi_aws as aws
from pulumi import ResourceOptions

from infra import naming
from infra.components import documents
from infra.components.documents import Place
from infra.components.reaper_times import ADDRESS_AFTER, NETWORK_AFTER, NODES_AFTER

RETRIES = 185
RETRY_FOR_S = 86_400


class Reaper(pulumi.ComponentResource):
    """Made empty-handed: it knows the group by name. `also` adds what has an id only once it exists."""

    def __init__(
        self, name: str, *, stack: str, place: Place, boundary: str, expires_at: datetime, opts: ResourceOptions | None = None
    ) -> None:
        super().__init__("inferstack:infra:Reaper", name, None, opts)
        self._name = name
        self._expires_at = expires_at
        child = ResourceOptions(parent=self)
        self.group = aws.scheduler.ScheduleGroup(f"{name}-group", name=naming.schedule_group(stack), opts=child)
        self.role = aws.iam.Role(
            f"{name}-role",
            name=naming.reaper_role(stack),
            assume_role_policy=documents.scheduler_trust(place, stack),
            permissions_boundary=place.boundary_arn(boundary),
            opts=child,
        )
        self._policy = aws.iam.RolePolicy(
            f"{name}-policy", name="reaper", role=self.role.id, policy=documents.reaper(place, stack), opts=child
        )
        deadly = {"AutoScalingGroupName": naming.group(stack), "ForceDelete": True}
        self.nodes = self._schedule("nodes", "autoscaling:deleteAutoScalingGroup", deadly, after=NODES_AFTER)
        self.register_outputs({})

    def endpoints(self, made: list[aws.ec2.VpcEndpoint]) -> None:
        ids = pulumi.Output.all(*[one.id for one in made]).apply(lambda known: {"VpcEndpointIds": list(known)})
        self._schedule("endpoints", "ec2:deleteVpcEndpoints", ids, after=NETWORK_AFTER)

    def nat(self, gateway: aws.ec2.NatGateway, address: aws.ec2.Eip) -> None:
        """The address can be released only when the gateway is gone, which takes minutes."""
        self._schedule("nat", "ec2:deleteNatGateway", gateway.id.apply(lambda id: {"NatGatewayId": id}), after=NETWORK_AFTER)
        self._schedule("address", "ec2:releaseAddress", address.id.apply(lambda id: {"AllocationId": id}), after=ADDRESS_AFTER)

    def _schedule(self, what: str, call: str, content: pulumi.Input[Mapping[str, Any]], *, after: timedelta) -> aws.scheduler.Schedule:
        return aws.scheduler.Schedule(
            f"{self._name}-{what}",
            name=what,
            group_name=self.group.name,
            schedule_expression=at(self._expires_at + after),
            schedule_expression_timezone="UTC",
            flexible_time_window={"mode": "OFF"},
            target={
                "arn": f"arn:aws:scheduler:::aws-sdk:{call}",
                "role_arn": self.role.arn,
                "input": pulumi.Output.from_input(content).apply(lambda known: json.dumps(known, sort_keys=True)),
                "retry_policy": {"maximum_retry_attempts": RETRIES, "maximum_event_age_in_seconds": RETRY_FOR_S},
            },
            opts=ResourceOptions(parent=self, deleted_with=self.group, depends_on=[self._policy]),
        )


def at(moment: datetime) -> str:
    """A one-time schedule expression, in whole seconds of UTC."""
    return f"at({moment.astimezone(UTC):%Y-%m-%dT%H:%M:%S})"
