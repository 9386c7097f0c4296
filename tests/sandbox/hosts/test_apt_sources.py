"""What a node is built from is read from the machine, in both formats of apt."""

from __future__ import annotations

from pathlib import Path

import pytest

from inferstack.records.errors import MissingTool
from inferstack.sandbox.hosts.aptsources import AptSource, archives

DEB822 = """Types: deb deb-src
# a remark
URIs: http://archive.example/debian/
Suites: bookworm bookworm-updates
Components: main
 contrib
Signed-By: /usr/share/keyrings/k.gpg

Types: deb
Enabled: no
URIs: http://off.example/debian
Suites: bookworm
Components: main
"""


def etc(folder: Path, *, deb822: str = "", lines: str = "", name: str = "bookworm") -> Path:
    (folder / "apt/sources.list.d").mkdir(parents=True)
    (folder / "os-release").write_text(f'ID=debian\nVERSION_CODENAME="{name}"\n')
    (folder / "apt/sources.list").write_text(lines)
    (folder / "apt/sources.list.d/debian.sources").write_text(deb822)
    return folder


def test_both_formats_are_read_and_disabled_stanzas_are_not(tmp_path: Path) -> None:
    """Rule: deb822 stanzas and one-line entries count alike; Enabled: no does not."""
    security = "deb [signed-by=/k.gpg] http://security.example/debian-security bookworm-security main # remark\n"
    security += "# deb http://x.example/ bookworm main\n"
    release, found = archives(etc(tmp_path, deb822=DEB822, lines=security))
    assert "bookworm" == release
    assert (
        AptSource("http://security.example/debian-security", "bookworm-security", "main"),
        AptSource("http://archive.example/debian", "bookworm", "main contrib"),
        AptSource("http://archive.example/debian", "bookworm-updates", "main contrib"),
    ) == found


def test_third_parties_are_left_out(tmp_path: Path) -> None:
    """Rule: only the release's own suites with `main` over HTTP reach the nodes, and so the proxy's allow-list."""
    others = "deb http://archive.example/debian bookworm main\ndeb https://tool.example/apt nodistro main\ndeb file:/mnt/cd bookworm main\n"
    assert ["archive.example"] == [source.host for source in archives(etc(tmp_path, lines=others))[1]]


def test_a_machine_without_such_sources_is_told(tmp_path: Path) -> None:
    """Rule: not Debian or Ubuntu is a missing thing, exit code 3, never a guess at a mirror."""
    with pytest.raises(MissingTool, match="no apt sources for its release"):
        archives(etc(tmp_path, lines="deb http://archive.example/debian trixie main\n"))
