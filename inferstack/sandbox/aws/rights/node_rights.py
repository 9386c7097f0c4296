"""What a node may: calls that come through the nodes' door are held against the role of the instance that they come from."""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import Any

from moto.iam.models import iam_backends

from inferstack.sandbox.aws.faults import denied
from inferstack.sandbox.aws.front.access_key import unknown_key
from inferstack.sandbox.aws.front.answers import Refusal
from inferstack.sandbox.aws.front.calls import Call
from inferstack.sandbox.aws.gaps.iam import boundary_of_role, documents_of_role
from inferstack.sandbox.aws.instances import metadata
from inferstack.sandbox.aws.rights import policies
from inferstack.sandbox.aws.world import SandboxWorld

FREE = ("sts.GetCallerIdentity",)
# S3's permissions are not named after its operations.
S3_ACTIONS = {
    "HeadObject": "GetObject",
    "HeadBucket": "ListBucket",
    "ListObjects": "ListBucket",
    "ListObjectsV2": "ListBucket",
    "ListBuckets": "ListAllMyBuckets",
    "UploadPart": "PutObject",
    "CreateMultipartUpload": "PutObject",
    "CompleteMultipartUpload": "PutObject",
    "CopyObject": "PutObject",
}


class NodeRights:
    """`instance_at` answers the instance id behind a source address; other addresses are this machine's own and must know the key."""

    def __init__(self, world: SandboxWorld, instance_at: Callable[[str], str | None], access_key: str) -> None:
        self._world = world
        self._instance_at = instance_at
        self._access_key = access_key

    def __call__(self, address: str, path: str, call: Call) -> Refusal | None:
        instance_id = self._instance_at(address)
        if instance_id is None:
            return unknown_key(call, self._access_key)
        if f"{call.service}.{call.operation}" in FREE:
            return None
        with self._world.lock:
            role = metadata.role_of(instance_id)
            backend = iam_backends[self._world.account_id]["aws"]
            documents = documents_of_role(backend, role) if role else []
            boundary = boundary_of_role(backend, role) if role else None
        action = f"{call.service}:{S3_ACTIONS.get(call.operation, call.operation) if call.service == 's3' else call.operation}"
        if all(_allowed(each, action, path, self._world.account_id) for each in (documents, boundary) if each is not None):
            return None
        return denied(call, action, f"arn:aws:sts::{self._world.account_id}:assumed-role/{role or 'none'}/{instance_id}")


def _allowed(documents: list[dict[str, Any]], action: str, path: str, account_id: str) -> bool:
    """S3's resource stands in the path; of other services only the action is held against the role."""
    if not action.startswith("s3:"):
        return policies.on_something(documents, action)
    context = {"aws:SecureTransport": "true", "aws:PrincipalAccount": account_id, "aws:ResourceAccount": account_id}
    resource = re.sub(r"^/", "arn:aws:s3:::", path)
    return policies.says(documents, action, resource, context=context) == "allow"
