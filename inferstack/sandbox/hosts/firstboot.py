"""What is written into a node's own layer before it boots: address, name, keys, files of its user data, where it installs from."""

from __future__ import annotations

import os
import shutil
import ssl
import subprocess
from dataclasses import dataclass
from pathlib import Path

from inferstack.records.errors import CloudRefused
from inferstack.sandbox.hosts.userdata import LOGIN, CloudConfig, WrittenFile

BUNDLE = "etc/ssl/certs/ca-certificates.crt"


@dataclass(frozen=True)
class Layer:
    """The upper layer of an overlay. A folder made here looks as it does below, so that the layer hides nothing and changes no rights."""

    lower: Path
    upper: Path

    def write(self, path: str, content: str | bytes, *, mode: int = 0o644, owner: tuple[int, int] = (0, 0)) -> None:
        at = self.upper / path
        self.folder(str(Path(path).parent))
        at.write_bytes(content if isinstance(content, bytes) else content.encode())
        os.chown(at, *owner)
        at.chmod(mode)

    def folder(self, path: str, *, mode: int = 0o755, owner: tuple[int, int] = (0, 0)) -> None:
        at = self.upper
        for part in Path(path).parts:
            at, below = at / part, self.lower / (at / part).relative_to(self.upper)
            if at.exists():
                continue
            at.mkdir()
            known = below.stat() if below.is_dir() else None
            os.chown(at, known.st_uid if known else owner[0], known.st_gid if known else owner[1])
            at.chmod(known.st_mode & 0o7777 if known else mode)

    def read(self, path: str) -> str:
        for layer in (self.upper, self.lower):
            if (layer / path).is_file():
                return (layer / path).read_text()
        return ""


def written(layer: Layer, config: CloudConfig, *, address: str, proxy_url: str) -> str:
    """Writes all of it and answers the host's name, `ip-10-77-0-11` where the user data names none."""
    name = config.hostname or f"ip-{address.replace('.', '-')}"
    _network(layer, name, address)
    _installs_from(layer, proxy_url)
    _host_key(layer, config)
    _login(layer, config)
    for file in config.files:
        place(layer, file)
    return name


def _network(layer: Layer, name: str, address: str) -> None:
    layer.write("etc/hostname", f"{name}\n")
    layer.write("etc/hosts", f"127.0.0.1 localhost\n127.0.1.1 {name}\n")
    layer.write("etc/resolv.conf", "")
    layer.write("etc/systemd/network/10-host0.network", f"[Match]\nName=host0\n[Network]\nAddress={address}/24\nLinkLocalAddressing=no\n")


def _installs_from(layer: Layer, proxy_url: str) -> None:
    if proxy_url:
        layer.write("etc/apt/apt.conf.d/90inferstack-proxy", f'Acquire::http::Proxy "{proxy_url}";\nAcquire::https::Proxy "{proxy_url}";\n')
    bundle = os.environ.get("SSL_CERT_FILE") or ssl.get_default_verify_paths().cafile
    if bundle and Path(bundle).is_file():
        layer.folder(str(Path(BUNDLE).parent))
        shutil.copyfile(bundle, layer.upper / BUNDLE)


def _host_key(layer: Layer, config: CloudConfig) -> None:
    """Each node has its own, as an image gives each instance its own."""
    layer.folder("etc/ssh")
    key = layer.upper / "etc/ssh/ssh_host_ed25519_key"
    if private := config.host_keys.get("ed25519_private"):
        layer.write("etc/ssh/ssh_host_ed25519_key", private.rstrip() + "\n", mode=0o600)
        layer.write("etc/ssh/ssh_host_ed25519_key.pub", config.host_keys.get("ed25519_public", "").rstrip() + "\n")
        return
    subprocess.run(["ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-C", "", "-f", str(key)], check=True, stdin=subprocess.DEVNULL)


def _login(layer: Layer, config: CloudConfig) -> None:
    owner = _ids(layer, f"{LOGIN}:{LOGIN}")
    layer.folder(f"home/{LOGIN}/.ssh", mode=0o700, owner=owner)
    text = "".join(f"{key}\n" for key in config.authorized_keys)
    layer.write(f"home/{LOGIN}/.ssh/authorized_keys", text, mode=0o600, owner=owner)


def place(layer: Layer, file: WrittenFile) -> None:
    path = os.path.normpath(file.path).lstrip("/")
    before = layer.read(path).encode() if file.append else b""
    layer.write(path, before + file.content, mode=file.mode, owner=_ids(layer, file.owner))


def _ids(layer: Layer, owner: str) -> tuple[int, int]:
    user, _, group = owner.partition(":")
    return _id(layer, "etc/passwd", user), _id(layer, "etc/group", group or user)


def _id(layer: Layer, table: str, name: str) -> int:
    for line in layer.read(table).splitlines():
        fields = line.split(":")
        if fields[0] == name:
            return int(fields[2])
    raise CloudRefused(f"user data: {name} is not in /{table} of the image", kind="unsupported", hint="own files of write_files by root")
