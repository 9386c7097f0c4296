"""When the reaper's schedules are due, counted from `expires_at`. Pure; the reaper makes them, the receipt reads them."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import timedelta

NODES_AFTER = timedelta(0)
NETWORK_AFTER = timedelta(minutes=10)
# A gateway takes minutes to go, and holds its address until then.
ADDRESS_AFTER = timedelta(minutes=25)

DUE_AFTER: Mapping[str, timedelta] = {
    "aws:autoscaling/group:Group": NODES_AFTER,
    "aws:ec2/instance:Instance": NODES_AFTER,
    "aws:ec2/vpcEndpoint:VpcEndpoint": NETWORK_AFTER,
    "aws:ec2/natGateway:NatGateway": NETWORK_AFTER,
    "aws:ec2/eip:Eip": ADDRESS_AFTER,
}
