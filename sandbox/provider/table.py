"""Every resource type that the rehearsal has."""

from __future__ import annotations

from sandbox.provider import autoscaling, ec2_launch_template, ec2_network, ec2_routes, ec2_security, iam, kms, logs, s3_bucket
from sandbox.provider.kind import Kind

SERVICES = (ec2_network, ec2_routes, ec2_security, ec2_launch_template, autoscaling, iam, kms, logs, s3_bucket)
KINDS: dict[str, Kind] = {kind.token: kind for service in SERVICES for kind in service.kinds()}
