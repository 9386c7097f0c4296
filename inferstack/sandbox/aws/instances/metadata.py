"""The stand-in for the instance metadata service, version 2 only; a node is told by the address it asks from."""

from __future__ import annotations

import json
import secrets
import time
from collections.abc import Callable, Iterable
from datetime import UTC, datetime, timedelta
from typing import Any

from inferstack.sandbox.aws.front.answers import HttpAnswer, as_text
from inferstack.sandbox.aws.front.front import StartResponse, send
from inferstack.sandbox.aws.world import SandboxWorld

MAX_TTL_S = 21600
CREDENTIALS_H = 6


class Imds:
    """`instance_at` answers the instance id behind a source address, or None."""

    def __init__(self, world: SandboxWorld, instance_at: Callable[[str], str | None], *, now: Callable[[], float] = time.monotonic) -> None:
        self._world = world
        self._instance_at = instance_at
        self._now = now
        self._tokens: dict[str, tuple[str, float]] = {}

    def __call__(self, environ: dict[str, Any], start_response: StartResponse) -> Iterable[bytes]:
        return send(self._answer(environ), start_response)

    def _answer(self, environ: dict[str, Any]) -> HttpAnswer:
        address, path = str(environ["REMOTE_ADDR"]), str(environ.get("PATH_INFO", "")).rstrip("/")
        instance_id = self._instance_at(address)
        if instance_id is None:
            return as_text(404, "")
        if path == "/latest/api/token":
            return self._token(environ, address)
        token, until = self._tokens.get(environ.get("HTTP_X_AWS_EC2_METADATA_TOKEN", ""), ("", 0.0))
        if token != address or self._now() > until:
            return as_text(401, "")
        with self._world.lock:
            content = _metadata(instance_id, self._world.account_id).get(path.removeprefix("/latest/"))
        return as_text(404, "") if content is None else as_text(200, content)

    def _token(self, environ: dict[str, Any], address: str) -> HttpAnswer:
        ttl = environ.get("HTTP_X_AWS_EC2_METADATA_TOKEN_TTL_SECONDS", "")
        if environ["REQUEST_METHOD"] != "PUT" or not ttl.isdecimal() or not 1 <= int(ttl) <= MAX_TTL_S:
            return as_text(400 if environ["REQUEST_METHOD"] == "PUT" else 405, "")
        token = secrets.token_urlsafe(40)
        self._tokens[token] = (address, self._now() + int(ttl))
        return as_text(200, token)


def role_of(instance_id: str) -> str:
    """The name of the instance's role; empty for none."""
    instance = _instance(instance_id)
    return _role(instance) if instance is not None else ""


def _metadata(instance_id: str, account_id: str) -> dict[str, str]:
    instance = _instance(instance_id)
    if instance is None:
        return {}
    zone, region = str(instance.placement.zone), str(instance.region_name)
    role = _role(instance)
    credentials = "meta-data/iam/security-credentials"
    with_role = {credentials: role, f"{credentials}/{role}": _credentials(instance_id, role)} if role else {}
    return {
        "meta-data/instance-id": instance_id,
        "meta-data/instance-type": str(instance.instance_type),
        "meta-data/ami-id": str(instance.image_id),
        "meta-data/local-ipv4": str(instance.private_ip_address),
        "meta-data/local-hostname": instance.private_dns_name,
        "meta-data/placement/availability-zone": zone,
        "meta-data/placement/region": region,
        "dynamic/instance-identity/document": _document(instance, zone, region, account_id),
        **with_role,
    }


def _document(instance: Any, zone: str, region: str, account_id: str) -> str:
    content = {
        "accountId": account_id,
        "architecture": "x86_64",
        "availabilityZone": zone,
        "imageId": instance.image_id,
        "instanceId": instance.id,
        "instanceType": instance.instance_type,
        "privateIp": instance.private_ip_address,
        "region": region,
        "version": "2017-09-30",
    }
    return json.dumps(content, indent=1)


def _credentials(instance_id: str, role: str) -> str:
    """Good for nothing but this sandbox; the instance and its role stand in the key's name for the log."""
    now = datetime.now(UTC)
    content = {
        "Code": "Success",
        "LastUpdated": now.strftime("%Y-%m-%dT%H:%M:%SZ"),
        "Type": "AWS-HMAC",
        "AccessKeyId": f"REHEARSAL{instance_id.removeprefix('i-').upper()}",
        "SecretAccessKey": "rehearsal",
        "Token": f"rehearsal-{role}",
        "Expiration": (now + timedelta(hours=CREDENTIALS_H)).strftime("%Y-%m-%dT%H:%M:%SZ"),
    }
    return json.dumps(content, indent=1)


def _role(instance: Any) -> str:
    association = instance.ec2_backend.iam_instance_profile_associations.get(instance.id)
    roles = association.iam_instance_profile.roles if association else []
    return str(roles[0].name) if roles else ""


def _instance(instance_id: str) -> Any:
    from moto.ec2.models import ec2_backends

    for account in list(ec2_backends.values()):
        for backend in list(account.values()):
            if (found := backend.get_instance_by_id(instance_id)) is not None:
                return found
    return None
