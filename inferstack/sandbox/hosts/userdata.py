"""cloud-init, the part of it that a launch template of ours may use: read a `#cloud-config`, refuse what a rehearsal would not do.

A key that is not known here is refused, never skipped: the node would differ from the one that AWS boots.
"""

from __future__ import annotations

import base64
import binascii
from dataclasses import dataclass, field
from typing import Any

import yaml

from inferstack.records.errors import CloudRefused

LOGIN = "ubuntu"
HEADER = "#cloud-config"
# Keys whose only allowed value is what the image does anyway.
ALREADY_SO: dict[str, tuple[Any, ...]] = {
    "disable_root": (True,),
    "ssh_pwauth": (False,),
    "package_update": (False,),
    "package_upgrade": (False,),
    "package_reboot_if_required": (False,),
    "preserve_hostname": (False,),
    "manage_etc_hosts": (True, "localhost"),
    "ssh_deletekeys": (True,),
    "allow_public_ssh_keys": (True,),
    "ssh_genkeytypes": (["ed25519"],),
}
KNOWN = ("users", "ssh_authorized_keys", "write_files", "hostname", "fqdn", "ssh_keys")
USER_KEYS = ("name", "ssh_authorized_keys", "sudo", "shell", "groups", "lock_passwd")


@dataclass(frozen=True)
class WrittenFile:
    path: str
    content: bytes
    mode: int = 0o644
    owner: str = "root:root"
    append: bool = False


@dataclass(frozen=True)
class CloudConfig:
    authorized_keys: tuple[str, ...] = ()
    hostname: str = ""
    files: tuple[WrittenFile, ...] = ()
    host_keys: dict[str, str] = field(default_factory=dict)


def parsed(user_data: str) -> CloudConfig:
    """Raises CloudRefused (kind unsupported) that names the key. Empty user data is an empty configuration."""
    content = _content(user_data)
    for key, value in content.items():
        if key in ALREADY_SO:
            if value not in ALREADY_SO[key]:
                raise _refused(f"{key}: {value!r} is not done by rehearsal hosts")
        elif key not in KNOWN:
            raise _refused(f"{key} is not known to rehearsal hosts")
    keys = [*_texts(content, "ssh_authorized_keys"), *_users(content.get("users", []))]
    return CloudConfig(
        authorized_keys=tuple(dict.fromkeys(key.strip() for key in keys)),
        hostname=str(content.get("hostname") or content.get("fqdn") or ""),
        files=tuple(_file(entry) for entry in _list(content, "write_files")),
        host_keys=_host_keys(content.get("ssh_keys", {})),
    )


def _content(user_data: str) -> dict[str, Any]:
    if not user_data.strip():
        return {}
    if user_data.splitlines()[0].strip() != HEADER:
        raise _refused(f"only {HEADER} is understood, this begins with {user_data.splitlines()[0][:40]!r}")
    try:
        content = yaml.safe_load(user_data)
    except yaml.YAMLError as error:
        raise _refused(f"not YAML: {str(error).splitlines()[0]}") from None
    if content is None:
        return {}
    if not isinstance(content, dict):
        raise _refused("a mapping of keys is needed")
    return content


def _users(entries: Any) -> list[str]:
    keys: list[str] = []
    for entry in entries if isinstance(entries, list) else [entries]:
        if entry == "default":
            continue
        if not isinstance(entry, dict) or entry.get("name") != LOGIN:
            raise _refused(f"users: only the login {LOGIN} exists on rehearsal hosts (given: {entry!r})")
        for key in entry:
            if key not in USER_KEYS:
                raise _refused(f"users.{key} is not known to rehearsal hosts")
        keys += _texts(entry, "ssh_authorized_keys")
    return keys


def _file(entry: Any) -> WrittenFile:
    if not isinstance(entry, dict) or not str(entry.get("path", "")).startswith("/"):
        raise _refused("write_files: each entry needs an absolute path")
    for key in entry:
        if key not in ("path", "content", "permissions", "owner", "encoding", "append"):
            raise _refused(f"write_files.{key} is not known to rehearsal hosts")
    return WrittenFile(
        path=str(entry["path"]),
        content=_decoded(str(entry.get("content", "")), str(entry.get("encoding", "text/plain"))),
        mode=_mode(entry.get("permissions", "0644")),
        owner=str(entry.get("owner", "root:root")),
        append=bool(entry.get("append", False)),
    )


def _decoded(content: str, encoding: str) -> bytes:
    if encoding in ("text/plain", ""):
        return content.encode()
    if encoding not in ("b64", "base64"):
        raise _refused(f"write_files.encoding: {encoding} is not known to rehearsal hosts")
    try:
        return base64.b64decode(content, validate=True)
    except binascii.Error:
        raise _refused("write_files.content is not base64") from None


def _mode(permissions: Any) -> int:
    try:
        return int(str(permissions), 8) if isinstance(permissions, str) else int(permissions)
    except ValueError:
        raise _refused(f"write_files.permissions: {permissions!r} is not an octal number") from None


def _host_keys(keys: Any) -> dict[str, str]:
    if not isinstance(keys, dict) or set(keys) - {"ed25519_private", "ed25519_public"}:
        raise _refused("ssh_keys: only ed25519_private and ed25519_public are known to rehearsal hosts")
    return {str(name): str(value) for name, value in keys.items()}


def _texts(content: dict[str, Any], key: str) -> list[str]:
    return [str(entry) for entry in _list(content, key)]


def _list(content: dict[str, Any], key: str) -> list[Any]:
    entries = content.get(key) or []
    if not isinstance(entries, list):
        raise _refused(f"{key}: a list is needed")
    return entries


def _refused(reason: str) -> CloudRefused:
    return CloudRefused(
        f"user data: {reason}", kind="unsupported", hint="infra/components/userdata.py and inferstack/sandbox/hosts/userdata.py must agree"
    )
