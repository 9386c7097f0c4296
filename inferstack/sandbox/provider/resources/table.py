"""Every resource type that the rehearsal has."""

from __future__ import annotations

from inferstack.sandbox.provider.resources import autoscaling_group, budget, kms_key, log_group, parameter, schedule, secret
from inferstack.sandbox.provider.resources.ec2 import launch_template, nat_gateway, route_table, security_group, vpc, vpc_endpoint
from inferstack.sandbox.provider.resources.iam import role
from inferstack.sandbox.provider.resources.kind import Kind
from inferstack.sandbox.provider.resources.s3 import bucket, bucket_settings

SERVICES = (
    vpc,
    route_table,
    nat_gateway,
    security_group,
    vpc_endpoint,
    launch_template,
    autoscaling_group,
    role,
    kms_key,
    bucket,
    bucket_settings,
    log_group,
    schedule,
    secret,
    budget,
    parameter,
)
KINDS: dict[str, Kind] = {kind.token: kind for service in SERVICES for kind in service.kinds()}
