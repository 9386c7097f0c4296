"""cloud-config is applied or refused, never skipped."""

from __future__ import annotations

from pathlib import Path

import pytest

from inferstack.records.errors import CloudRefused
from inferstack.sandbox.hosts import firstboot
from inferstack.sandbox.hosts.firstboot import Layer
from inferstack.sandbox.hosts.userdata import CloudConfig, WrittenFile, parsed


def test_keys_files_and_name_are_read() -> None:
    """Rule: the login's keys come from both places once, files keep mode and owner, base64 is decoded."""
    text = """#cloud-config
hostname: node-a
ssh_authorized_keys: [ssh-ed25519 AAA one]
users:
  - default
  - {name: ubuntu, ssh_authorized_keys: [ssh-ed25519 AAA one, ssh-ed25519 BBB two]}
disable_root: true
write_files:
  - {path: /etc/a, content: hello, permissions: '0600', owner: ubuntu:ubuntu}
  - {path: /etc/b, content: aGk=, encoding: b64, append: true}
"""
    expected = CloudConfig(
        authorized_keys=("ssh-ed25519 AAA one", "ssh-ed25519 BBB two"),
        hostname="node-a",
        files=(WrittenFile("/etc/a", b"hello", 0o600, "ubuntu:ubuntu"), WrittenFile("/etc/b", b"hi", append=True)),
    )
    assert expected == parsed(text)


@pytest.mark.parametrize(
    ("text", "named"),
    [
        ("#!/bin/sh\ntouch /x\n", "begins with '#!/bin/sh'"),
        ("#cloud-config\nruncmd: [touch /x]\n", "runcmd"),
        ("#cloud-config\nssh_pwauth: true\n", "ssh_pwauth"),
        ("#cloud-config\nusers: [{name: admin}]\n", "admin"),
        ("#cloud-config\nusers: [{name: ubuntu, passwd: x}]\n", "users.passwd"),
        ("#cloud-config\nwrite_files: [{path: etc/a}]\n", "absolute path"),
        ("#cloud-config\nwrite_files: [{path: /a, defer: true}]\n", "write_files.defer"),
        ("#cloud-config\nwrite_files: [{path: /a, content: '%', encoding: b64}]\n", "not base64"),
        ("#cloud-config\n- a\n", "a mapping"),
        ("#cloud-config\na: [\n", "not YAML"),
    ],
)
def test_what_a_node_would_not_do_is_refused_by_name(text: str, named: str) -> None:
    """Rule: a node that silently differs from the instance that AWS boots would make the rehearsal a lie."""
    with pytest.raises(CloudRefused, match="user data: .*" + named.replace("[", r"\[")) as caught:
        parsed(text)
    assert "unsupported" == caught.value.kind


def test_a_layer_hides_nothing_and_changes_no_rights(tmp_path: Path) -> None:
    """Rule: a folder made in the upper layer has the mode of the one below; an appended file keeps what the image has."""
    lower = tmp_path / "lower"
    (lower / "etc/private").mkdir(parents=True, mode=0o750)
    (lower / "etc/private/list").write_text("from the image\n")
    layer = Layer(lower, tmp_path / "upper")
    layer.upper.mkdir()
    owner = f"{(lower / 'etc').owner()}:{(lower / 'etc').group()}"
    user, _, group = owner.partition(":")
    stat = (lower / "etc").stat()
    for table, name, number in (("passwd", user, stat.st_uid), ("group", group, stat.st_gid)):
        (lower / "etc" / table).write_text(f"{name}:x:{number}:\n")
    firstboot.place(layer, WrittenFile("/etc/private/list", b"added\n", 0o640, owner, append=True))
    written = tmp_path / "upper/etc/private"
    assert "from the image\nadded\n" == (written / "list").read_text()
    assert (0o750, 0o640) == (written.stat().st_mode & 0o777, (written / "list").stat().st_mode & 0o777)
