"""Names and tags of everything that a stack makes. Pure; the sweep finds by the same rules what the program made."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from datetime import UTC, datetime

PROJECT = "inferstack"
STACK_TAG = "inferstack:stack"
KEY_TAG = "inferstack:key"
BASE_TAG = "inferstack:base"
EXPIRES_TAG = "inferstack:expires-at"
LONGEST_BUCKET = 63
# The managed policy that bounds every role of ours; an administrator of the account makes it once.
BOUNDARY = f"{PROJECT}-boundary"


def prefix(stack: str) -> str:
    return f"{PROJECT}-{stack}"


def group(stack: str) -> str:
    """Auto Scaling group and launch template; known before either exists, so that the reaper can name it."""
    return f"{prefix(stack)}-nodes"


def schedule_group(stack: str) -> str:
    return prefix(stack)


def node_role(stack: str) -> str:
    """Role and instance profile."""
    return f"{prefix(stack)}-node"


def reaper_role(stack: str) -> str:
    return f"{prefix(stack)}-reaper"


def log_group(stack: str) -> str:
    return f"/{PROJECT}/{stack}"


def api_key_secret(stack: str) -> str:
    return f"{PROJECT}/{stack}/api-key"


def bucket(base: str, *, account_id: str, region: str) -> str:
    """S3 allows 63 characters: a long base name is cut, and a digest of the whole keeps it unique."""
    ending = f"-weights-{account_id}-{region}"
    room = LONGEST_BUCKET - len(ending)
    whole = prefix(base)
    if len(whole) <= room:
        return whole + ending
    digest = hashlib.sha256(whole.encode()).hexdigest()[:6]
    return f"{whole[: room - 7].rstrip('-')}-{digest}{ending}"


def key_alias(base: str) -> str:
    return f"alias/{prefix(base)}"


def budget(base: str) -> str:
    return prefix(base)


def endpoint_hostname(stack: str) -> str:
    return f"{stack}.{PROJECT}.internal"


def key(stack: str, type_token: str, name: str) -> str:
    """The value of the key tag: what a resource is in the program, whatever the state says."""
    return f"{PROJECT}/{stack}/{type_token}/{name}"


def expires(at: datetime) -> str:
    return at.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")


def stack_tags(stack: str, *, base: str | None, expires_at: datetime | None, extra: Mapping[str, str]) -> dict[str, str]:
    """What all resources of the stack share."""
    ours = {STACK_TAG: stack, BASE_TAG: base or stack}
    if expires_at is not None:
        ours[EXPIRES_TAG] = expires(expires_at)
    return {**extra, **ours}


def resource_tags(shared: Mapping[str, str], type_token: str, name: str) -> dict[str, str]:
    stack = shared[STACK_TAG]
    return {"Name": f"{prefix(stack)}-{name}", **shared, KEY_TAG: key(stack, type_token, name)}
