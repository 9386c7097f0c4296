"""The small programs that the proxy's role runs on a node."""

from __future__ import annotations

import stat
import subprocess
import sys
from pathlib import Path

import pytest

import playbooks

FILES = Path(playbooks.__file__).parent / "roles" / "endpoint_proxy" / "files"
KEY = "canary-0123456789abcdef"


def _put(target: Path, text: str, form: str = "nginx") -> subprocess.CompletedProcess[str]:
    command = [sys.executable, str(FILES / "put_keys.py"), str(target), form]
    return subprocess.run(command, input=text, capture_output=True, text=True, check=False)


def test_keys_are_written_for_root_alone_and_once(tmp_path: Path) -> None:
    """0600, never world-readable in between; the same keys again change nothing."""
    target = tmp_path / "keys.conf"
    assert ["written\n", "same\n"] == [_put(target, KEY).stdout for _ in range(2)]
    assert (f'if ($http_authorization = "Bearer {KEY}") {{ set $inferstack_allowed 1; }}\n', 0o600) == (
        target.read_text(),
        stat.S_IMODE(target.stat().st_mode),
    )


def test_several_keys_are_one_line_each(tmp_path: Path) -> None:
    """So that a key can be added, used, and the old one removed."""
    assert "written\n" == _put(tmp_path / "keys", f"{KEY}\n{KEY}2\n", "list").stdout
    assert f"{KEY}\n{KEY}2\n" == (tmp_path / "keys").read_text()


@pytest.mark.parametrize("text", ["", "tooshrt", 'x" 1; default "1', "with$variable-in-it-0123", "line-one-0123456789\nli ne"])
def test_what_could_break_out_of_the_configuration_is_refused_unprinted(tmp_path: Path, text: str) -> None:
    """nginx's syntax is not reachable from a key, and nothing of a refused key is said."""
    done = _put(tmp_path / "keys.conf", text)
    assert (1, "") == (done.returncode, done.stdout)
    assert not (tmp_path / "keys.conf").exists()
    assert not text or text.split()[0] not in done.stderr


def test_the_drain_closes_exactly_the_line_that_the_template_has() -> None:
    """The mark that drain.py turns stands in the template once; without it a drain would let requests in."""
    template = (FILES.parent / "templates" / "nginx.conf.j2").read_text()
    program = (FILES / "drain.py").read_text()
    assert 1 == template.count("# drain: return 503;")
    assert '"# drain: return 503;"' in program
