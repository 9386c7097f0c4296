"""What condition keys say of things that exist in the embedded AWS: tags, the boundary of a role, the alias of a key."""

from __future__ import annotations

import contextlib
from collections.abc import Mapping
from typing import Any


def context(service: str, kind: str, arn: str, account_id: str, region: str, given: Mapping[str, str]) -> dict[str, str]:
    """Condition keys of one named resource. A call that makes a role carries the boundary itself."""
    if (service, kind) == ("iam", "role"):
        bound = given.get("PermissionsBoundary") or boundary_of(arn, account_id)
        return {"iam:PermissionsBoundary": bound} if bound else {}
    if (service, kind) == ("kms", "key"):
        return _of_key(arn.rsplit("/", 1)[-1], account_id, region)
    if (service, kind) == ("ssm", "instance"):
        tags = ec2_tags(arn.rsplit("/", 1)[-1], account_id, region)
        return tags | {name.replace("aws:ResourceTag/", "ssm:resourceTag/"): value for name, value in tags.items()}
    return {}


def boundary_of(role_arn: str, account_id: str) -> str:
    """The ARN of the policy that bounds a role; empty for none, and for a role that does not exist."""
    from moto.iam.models import iam_backends

    roles: Any = iam_backends[account_id]["aws"].roles.values()
    return next((role.permissions_boundary_arn or "" for role in list(roles) if role.arn == role_arn), "")


def ec2_tags(id: str, account_id: str, region: str) -> dict[str, str]:
    from moto.ec2.models import ec2_backends

    held = ec2_backends[account_id][region].tags.get(id) or {}
    return {f"aws:ResourceTag/{name}": value for name, value in held.items()}


def key_id(name: str, account_id: str, region: str) -> str:
    """Return the id of the key that an id, an ARN or an alias names; the name itself where there is no such key."""
    from moto.kms.models import kms_backends

    backend: Any = kms_backends[account_id][region]
    with contextlib.suppress(Exception):
        return str(backend.any_id_to_key_id(name))
    return name


def instance_profile_role(name: str, account_id: str) -> str:
    """The ARN of the role in an instance profile, given its name or ARN; empty for none."""
    from moto.iam.models import iam_backends

    profiles: Any = iam_backends[account_id]["aws"].instance_profiles.values()
    found = next((one for one in list(profiles) if name in (one.name, one.arn)), None)
    return str(found.roles[0].arn) if found and found.roles else ""


def launch_template(name_or_id: str, account_id: str, region: str) -> Any:
    """The template with this id or name, or None."""
    from moto.ec2.models import ec2_backends

    templates: Any = ec2_backends[account_id][region].launch_templates.values()
    return next((one for one in list(templates) if name_or_id in (one.id, one.name)), None)


def secret_key(name_or_arn: str, account_id: str, region: str) -> str:
    """The key of a secret; empty for AWS's own."""
    from moto.secretsmanager.models import secretsmanager_backends

    with contextlib.suppress(Exception):
        return str(secretsmanager_backends[account_id][region].secrets[name_or_arn].kms_key_id or "")
    return ""


def _of_key(id: str, account_id: str, region: str) -> dict[str, str]:
    from moto.kms.models import kms_backends

    backend: Any = kms_backends[account_id][region]
    with contextlib.suppress(Exception):
        tags = {f"aws:ResourceTag/{one['TagKey']}": one["TagValue"] for one in backend.list_resource_tags(id)["Tags"]}
        aliases = sorted(backend.keys[id].aliases)
        return tags | ({"kms:ResourceAliases": aliases[0]} if aliases else {})
    return {}
