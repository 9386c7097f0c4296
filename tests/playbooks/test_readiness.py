"""The programs that ask a unit's process what it was started with, before a real process and a stand-in for systemctl."""

from __future__ import annotations

import json
import subprocess
import sys
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path

import pytest

import playbooks

FILES = Path(playbooks.__file__).parent / "roles" / "common" / "files"
LOADED, SERVED, OTHER = "1" * 64, "ab" * 32, "cd" * 32
SYSTEMCTL = """#!/bin/sh
case "$*" in
*--value*) echo {pid} ;;
*) printf 'ActiveState=active\\nNRestarts=0\\n' ;;
esac
"""


class _Healthy(BaseHTTPRequestHandler):
    def do_GET(self) -> None:
        self.send_response(200)
        self.end_headers()

    def log_message(self, *words: object) -> None:
        pass


@pytest.fixture
def port() -> Iterator[int]:
    server = HTTPServer(("127.0.0.1", 0), _Healthy)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    yield server.server_port
    server.shutdown()


@pytest.fixture
def engine(tmp_path: Path) -> Iterator[Path]:
    """A process with the variables of a unit, and the folder of the systemctl that names it."""
    told = {"INFERSTACK_WEIGHTS_MANIFEST_SHA256": SERVED, "INFERSTACK_LOADED": LOADED}
    process = subprocess.Popen([sys.executable, "-c", "print(1, flush=True); input()"], env=told, stdin=-1, stdout=-1, text=True)
    assert process.stdout and process.stdin
    process.stdout.readline()
    (tmp_path / "systemctl").write_text(SYSTEMCTL.format(pid=process.pid))
    (tmp_path / "systemctl").chmod(0o755)
    yield tmp_path
    process.communicate("\n")


def _run(program: str, *words: str, folder: Path) -> subprocess.CompletedProcess[str]:
    path = {"PATH": f"{folder}:/usr/bin:/bin"}
    return subprocess.run([sys.executable, str(FILES / program), *words], capture_output=True, text=True, env=path, check=False)


def _wait(port: int, manifest: str, *, folder: Path) -> subprocess.CompletedProcess[str]:
    words = ["--unit=x.service", f"--engine-port={port}", f"--manifest-sha256={manifest}", "--deadline-s=1"]
    return _run("wait_ready.py", *words, folder=folder)


def test_ready_names_the_weights_that_the_process_was_started_with(engine: Path, port: int) -> None:
    """The manifest stands in the answer, from the environment of the running process."""
    done = _wait(port, SERVED, folder=engine)
    assert {"ready": True, "completion_tokens": 0, "weights_manifest_sha256": SERVED} == json.loads(done.stdout)


def test_an_engine_that_still_serves_other_weights_is_not_ready(engine: Path, port: int) -> None:
    """Healthy and wrong: new weights on the disk are not new weights in the engine."""
    done = _wait(port, OTHER, folder=engine)
    assert (1, "") == (done.returncode, done.stdout)
    assert done.stderr.startswith(f"x.service serves the weights of manifest {SERVED}, not those of {OTHER}\n")


def test_the_running_process_says_what_it_has_loaded(engine: Path) -> None:
    """The digest of its own environment, whatever lies on the disk."""
    assert f"{LOADED}\n" == _run("loaded.py", "x.service", folder=engine).stdout


def test_a_unit_that_does_not_run_has_loaded_nothing(tmp_path: Path) -> None:
    """systemd tells 0 for the main process of a unit that is stopped or unknown."""
    (tmp_path / "systemctl").write_text(SYSTEMCTL.format(pid=0))
    (tmp_path / "systemctl").chmod(0o755)
    assert "\n" == _run("loaded.py", "x.service", folder=tmp_path).stdout
