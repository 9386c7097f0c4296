"""What keeps a rehearsal inside this machine: the endpoint comes from the daemon's file alone, is loopback, and serves one account."""

from __future__ import annotations

import ipaddress
import json
import os
from collections.abc import Mapping
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

ACCOUNT = "000000000000"
CREDENTIAL = "rehearsal"
APPLICATION = "AWS_SDK_UA_APP_ID"
"""Of the command's environment: it names the rehearsal that the engine works for, a base's too."""


class RehearsalRefused(Exception):
    """One line; it becomes a check failure or the text of a failed call."""


def folder(environ: Mapping[str, str] = os.environ) -> Path:
    """The sandbox folder: the parent of PULUMI_HOME."""
    home = environ.get("PULUMI_HOME")
    if not home:
        raise RehearsalRefused("PULUMI_HOME is not set: the rehearsal's provider runs only inside a rehearsal (inferstack env)")
    return Path(home).absolute().parent


def endpoint(sandbox: Path) -> str:
    """The embedded AWS of this sandbox folder; never anything but loopback."""
    record = sandbox / "daemon.json"
    try:
        url = str(json.loads(record.read_text())["endpoint_url"])
    except FileNotFoundError:
        raise RehearsalRefused("the embedded AWS is not running (no daemon.json beside PULUMI_HOME): start a rehearsal first") from None
    except (ValueError, KeyError, TypeError):
        raise RehearsalRefused("daemon.json beside PULUMI_HOME names no endpoint_url: the rehearsal's record is damaged") from None
    parts = urlsplit(url)
    if parts.scheme != "http" or not is_loopback(parts.hostname or ""):
        raise RehearsalRefused(f"the rehearsal refuses the endpoint {url}: only a loopback address of this machine is allowed")
    return url


def access_key(sandbox: Path) -> str:
    """The key id of the run, which the embedded AWS asks of every call."""
    try:
        return str(json.loads((sandbox / "daemon.json").read_text()).get("access_key") or CREDENTIAL)
    except (OSError, ValueError, AttributeError):
        return CREDENTIAL


def is_loopback(host: str) -> bool:
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return host == "localhost"


def account(bound: Any) -> None:
    """A stack states its account; the rehearsal serves one account and opens no stack of another."""
    if bound == [ACCOUNT]:
        return
    if not bound:
        raise RehearsalRefused(f"this stack is bound to no account (aws:allowedAccountIds); the rehearsal serves {ACCOUNT} only")
    names = ", ".join(map(str, bound)) if isinstance(bound, list) else str(bound)
    raise RehearsalRefused(f"this stack is bound to account {names}; the rehearsal serves {ACCOUNT} only")


def strip_environment(environ: dict[str, str] | os._Environ[str] = os.environ) -> None:
    """No profile, key, role or endpoint of the user's reaches boto3. The application id stays: faults belong to the stack that it names."""
    for name in [name for name in environ if name.startswith("AWS_") and name != APPLICATION]:
        del environ[name]
    environ.update(AWS_EC2_METADATA_DISABLED="true", AWS_CONFIG_FILE=os.devnull, AWS_SHARED_CREDENTIALS_FILE=os.devnull)
