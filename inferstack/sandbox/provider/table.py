"""Every resource type that the rehearsal has."""

from __future__ import annotations

from inferstack.sandbox.provider import (
    autoscaling,
    budgets,
    ec2_endpoint,
    ec2_gateways,
    ec2_launch_template,
    ec2_network,
    ec2_routes,
    ec2_security,
    iam,
    kms,
    logs,
    s3_bucket,
    s3_settings,
    scheduler,
    secretsmanager,
    ssm,
)
from inferstack.sandbox.provider.kind import Kind

SERVICES = (
    ec2_network,
    ec2_routes,
    ec2_gateways,
    ec2_security,
    ec2_endpoint,
    ec2_launch_template,
    autoscaling,
    iam,
    kms,
    s3_bucket,
    s3_settings,
    logs,
    scheduler,
    secretsmanager,
    budgets,
    ssm,
)
KINDS: dict[str, Kind] = {kind.token: kind for service in SERVICES for kind in service.kinds()}
