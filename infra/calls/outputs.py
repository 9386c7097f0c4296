"""ClusterOutputs from the outputs of a cluster stack."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from datetime import datetime
from typing import Any

from pydantic import ValidationError

from inferstack.records.errors import InputError
from inferstack.records.outputs import ClusterOutputs, Node, RecordedId

# Field of the record -> output of the stack.
NAMES = {
    "stack": "stack",
    "base_stack": "baseStack",
    "rehearsal": "rehearsal",
    "region": "region",
    "account_id": "accountId",
    "expires_at": "expiresAt",
    "autoscaling_group_name": "autoscalingGroupName",
    "launch_template_id": "launchTemplateId",
    "schedule_group_name": "scheduleGroupName",
    "node_role_name": "nodeRoleName",
    "security_group_id": "securityGroupId",
    "weights_bucket": "weightsBucket",
    "kms_key_arn": "kmsKeyArn",
    "api_key_secret_arn": "apiKeySecretArn",
    "endpoint_hostname": "endpointHostname",
    "egress": "egress",
    "ami_id": "amiId",
}
PRICE_DATE = "priceDate"
USD_PER_HOUR = "estimatedUsdPerHour"


def cluster_outputs(
    stack_outputs: Mapping[str, Any], *, nodes: Iterable[Node] = (), recorded_ids: Iterable[RecordedId] = (), now: datetime
) -> ClusterOutputs:
    """Raises InputError when the outputs are not those of a cluster stack."""
    usd = stack_outputs.get(USD_PER_HOUR)
    fields = {field: stack_outputs[name] for field, name in NAMES.items() if name in stack_outputs}
    try:
        return ClusterOutputs.model_validate(
            {
                **fields,
                "created_at": now,
                "nodes": tuple(nodes),
                "recorded_ids": tuple(recorded_ids),
                "estimated_usd_per_hour": usd if isinstance(usd, int | float) else None,
                "price_date": stack_outputs.get(PRICE_DATE),
            }
        )
    except ValidationError as error:
        missing = [NAMES.get(str(one["loc"][0]), str(one["loc"][0])) for one in error.errors()]
        raise InputError(f"the stack's outputs lack {', '.join(missing)}", hint="inferstack up completes the stack") from None
