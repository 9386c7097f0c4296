"""ClusterOutputs: what a built cluster is, by the ids that the cloud gave. Holds no secret."""

from __future__ import annotations

from datetime import datetime
from typing import ClassVar, Literal

from pydantic import Field

from inferstack.records.record import Part, Record


class Node(Part):
    instance_id: str = Field(pattern=r"^i-[0-9a-f]+$")
    private_ip: str
    availability_zone: str
    instance_type: str
    lifecycle_state: str = "InService"


class RecordedId(Part):
    """A resource of the stack as it was recorded; the sweep looks for it whatever its tags say."""

    type: str = Field(description="Pulumi type token, aws:ec2/vpcEndpoint:VpcEndpoint")
    id: str
    name: str


class ClusterOutputs(Record):
    """`outputs.json`."""

    file_name: ClassVar[str] = "outputs.json"

    created_at: datetime
    stack: str
    base_stack: str
    rehearsal: bool
    region: str
    account_id: str = Field(pattern=r"^[0-9]{12}$")
    expires_at: datetime
    autoscaling_group_name: str
    launch_template_id: str
    schedule_group_name: str
    log_group_name: str | None = Field(None, description="only of clusters built by versions that made an unused log group")
    node_role_name: str
    security_group_id: str
    weights_bucket: str
    kms_key_arn: str
    api_key_secret_arn: str
    endpoint_hostname: str = Field(description="the name in the endpoint's certificate")
    endpoint_port: int = 8443
    egress: Literal["nat", "none"]
    login_user: Literal["ubuntu"] = "ubuntu"
    ami_id: str
    nodes: tuple[Node, ...] = ()
    recorded_ids: tuple[RecordedId, ...] = ()
    estimated_usd_per_hour: float | None = None
    price_date: str | None = None
