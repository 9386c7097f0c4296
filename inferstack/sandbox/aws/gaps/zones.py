"""EC2 starts an instance type only in the zones that offer it; moto starts every type everywhere.

What is offered where is moto's recorded answer of DescribeInstanceTypeOfferings, so a rehearsal sees AWS's uneven zones.
"""

from __future__ import annotations

from functools import cache
from typing import Any

from moto.ec2.exceptions import EC2ClientError
from moto.ec2.models.instance_types import INSTANCE_TYPE_OFFERINGS
from moto.ec2.models.instances import InstanceBackend

from inferstack.sandbox.aws.front.answers import Refusal
from inferstack.sandbox.aws.gaps.patch import Patch
from inferstack.sandbox.aws.world import SandboxWorld


def patches(world: SandboxWorld) -> list[Patch]:
    return [Patch(InstanceBackend, "run_instances", _where_offered)]


@cache
def offering(region: str, instance_type: str) -> tuple[str, ...]:
    """Zones of the region that offer the type, by name."""
    listed = INSTANCE_TYPE_OFFERINGS["availability-zone"].get(region, [])
    return tuple(sorted(one["Location"] for one in listed if one["InstanceType"] == instance_type))


def refusal(region: str, instance_type: str, zone: str) -> Refusal | None:
    """EC2's answer to a launch in a zone that does not offer the type; None where it offers it."""
    offered = offering(region, instance_type)
    if zone in offered:
        return None
    said = f"Your requested instance type ({instance_type}) is not supported in your requested Availability Zone ({zone})."
    if offered:
        said += f" Please retry your request by not specifying an Availability Zone or choosing {', '.join(offered)}."
    return Refusal("Unsupported", said)


def _where_offered(moto: Any) -> Any:
    def run_instances(self: Any, image_id: str, count: int, user_data: Any, security_group_names: list[str], **kwargs: Any) -> Any:
        kind, zone = _kind(self, kwargs), _zone(self, kwargs)
        refused = refusal(self.region_name, kind, zone) if kind and zone else None
        if refused:
            raise EC2ClientError(refused.code, refused.message)
        return moto(self, image_id, count, user_data, security_group_names, **kwargs)

    return run_instances


def _kind(ec2: Any, asked: dict[str, Any]) -> str | None:
    """The type that was asked for, by the call or by its template; None where moto puts its own default in."""
    if not asked.get("is_instance_type_default", True):
        return str(asked["instance_type"])
    template = asked.get("launch_template")
    return ec2._get_template_from_args(template).data.get("InstanceType") if template else None


def _zone(ec2: Any, asked: dict[str, Any]) -> str | None:
    """Return the zone of the subnet that the instance goes to, else the one that was asked for; None leaves the choice to EC2."""
    interfaces = asked.get("nics") or []
    subnet_id = asked.get("subnet_id") or next((one["SubnetId"] for one in interfaces if one.get("SubnetId")), None)
    return str(ec2.get_subnet(subnet_id).availability_zone) if subnet_id else asked.get("placement")
