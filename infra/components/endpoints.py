"""Where a real stack's calls would go: addresses that the environment or the AWS configuration puts in place of AWS's own.

https://docs.aws.amazon.com/sdkref/latest/guide/feature-ss-endpoints.html
"""

from __future__ import annotations

import ipaddress
import os
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any
from urllib.parse import urlsplit

from inferstack.records.errors import InputError

VARIABLE = re.compile(r"AWS_ENDPOINT_URL(_[A-Z0-9_]+)?|(TF_)?AWS_[A-Z0-9_]+_ENDPOINT")
NOT_A_SERVICE = ("AWS_EC2_METADATA_SERVICE_ENDPOINT",)


@dataclass(frozen=True)
class PrivateEndpoint:
    """`where` is the variable, or the key and the section of the AWS configuration."""

    where: str
    url: str


def chosen(profile: str | None, *, environment: Mapping[str, str] = os.environ) -> tuple[PrivateEndpoint, ...]:
    """Return every address that is not AWS's own, the variables first."""
    return (*_of_variables(environment), *_of_profile(profile or environment.get("AWS_PROFILE") or "default"))


def refuse_unsafe(endpoints: tuple[PrivateEndpoint, ...]) -> None:
    """Raises InputError for an address of this machine, or one without TLS: keys and secrets would go there."""
    for one in endpoints:
        parts = urlsplit(one.url)
        why = "not https" if parts.scheme != "https" else "an address of this machine" if _is_here(parts.hostname or "") else ""
        if why:
            raise InputError(
                f"{one.where}: {one.url:.80} is {why}; a real stack's keys and secrets would go there",
                hint=f"take {one.where.split(' ')[0]} away; for an AWS on this machine make the stack with --rehearse",
            )


def _of_variables(environment: Mapping[str, str]) -> Iterator[PrivateEndpoint]:
    for name in sorted(environment):
        if VARIABLE.fullmatch(name) and name not in NOT_A_SERVICE and environment[name]:
            yield PrivateEndpoint(name, environment[name])


def _of_profile(profile: str) -> Iterator[PrivateEndpoint]:
    content = _configuration()
    told: Mapping[str, Any] = content.get("profiles", {}).get(profile, {})
    if told.get("endpoint_url"):
        yield PrivateEndpoint(f"endpoint_url of profile {profile}", str(told["endpoint_url"]))
    services: Mapping[str, Any] = content.get("services", {}).get(told.get("services", ""), {})
    for service, keys in sorted(services.items()):
        if isinstance(keys, Mapping) and keys.get("endpoint_url"):
            yield PrivateEndpoint(f"endpoint_url of {service} in services {told['services']}", str(keys["endpoint_url"]))


def _configuration() -> Mapping[str, Any]:
    import botocore.session
    from botocore.exceptions import BotoCoreError

    try:
        return dict(botocore.session.Session().full_config)
    except BotoCoreError:  # a configuration that cannot be read is refused by the first client
        return {}


def _is_here(host: str) -> bool:
    name = host.rstrip(".").lower()
    try:
        address = ipaddress.ip_address(name.strip("[]"))
        address = getattr(address, "ipv4_mapped", None) or address
        return address.is_loopback or address.is_unspecified or address.is_link_local
    except ValueError:
        return name == "localhost" or name.endswith(".localhost") or not name
