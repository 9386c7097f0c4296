"""VPC endpoints: private DNS is switched on and off after creation; moto's ModifyVpcEndpoint drops that parameter."""

from __future__ import annotations

from typing import Any

from moto.ec2.responses import EC2Response

from inferstack.sandbox.aws.gaps.patch import Patch
from inferstack.sandbox.aws.world import SandboxWorld


def patches(world: SandboxWorld) -> list[Patch]:
    return [Patch(EC2Response, "modify_vpc_endpoint", _with_private_dns)]


def _with_private_dns(moto: Any) -> Any:
    def modify_vpc_endpoint(self: Any) -> Any:
        answer = moto(self)
        asked = self._get_bool_param("PrivateDnsEnabled")
        if asked is not None:
            endpoint = self.ec2_backend.describe_vpc_endpoints(vpc_end_point_ids=[self._get_param("VpcEndpointId")])[0]
            endpoint.private_dns_enabled = asked
        return answer

    return modify_vpc_endpoint
