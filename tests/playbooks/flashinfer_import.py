"""FlashInfer with the packages of vLLM's lock, imported under the unit of vLLM itself: `make test-flashinfer`, in no lane.

The packages (7 GB) are installed once into the cache folder; the key is of the lines of the lock. The lock is for Python 3.12, which the
nodes do not have: this machine's is laid into the node, found by PYTHON312 or on the path.
"""

from __future__ import annotations

import json
import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from inferstack.sandbox.hosts import cache
from tests.playbooks.unit_node import booted
from tests.playbooks.units import FOLDER, rendered, variables

pytestmark = [pytest.mark.hosts, pytest.mark.timeout(3600)]
LOCK = FOLDER / "roles" / "engine_vllm" / "files" / "requirements.txt"
ROOT, VERSION = "flashinfer-python", "3.12"
SITE, PYTHON = "/mnt/flashinfer", "/mnt/python"
STARTER = f"#!/bin/sh\nLD_LIBRARY_PATH={PYTHON}/lib PYTHONHOME={PYTHON} exec {PYTHON}/bin/python{VERSION} /opt/probe.py\n"
PROGRAM = f"""
import json, os, pathlib, sys, traceback
sys.path.insert(0, "{SITE}")
told = {{"error": ""}}
try:
    import flashinfer
    import flashinfer.jit.core
    from flashinfer.jit import env
    told |= {{"version": flashinfer.__version__, "workspace": str(env.FLASHINFER_WORKSPACE_DIR), "cubins": str(env.FLASHINFER_CUBIN_DIR)}}
except BaseException as error:
    traceback.print_exc()
    told["error"] = f"{{type(error).__name__}} {{error}}"
pathlib.Path(os.environ["HOME"], "report.json").write_text(json.dumps(told))
"""


def needed(lock: Path = LOCK) -> str:
    """The entries of the lock that FlashInfer is installed from: itself, and what the lock says is there because of it."""
    entries = {re.split(r"[=\s]", text)[0]: text for text in re.split(r"(?m)^(?=[a-z0-9])", lock.read_text())[1:]}
    wanted = {ROOT}
    while more := {name for name, text in entries.items() if name not in wanted and wanted & _because_of(text)}:
        wanted |= more
    return "".join(entries[name] for name in sorted(wanted))


def _because_of(entry: str) -> set[str]:
    words = [line.strip().lstrip("# ").removeprefix("via").strip() for line in entry.splitlines() if line.strip().startswith("#")]
    return {word.split("[")[0] for word in words if word}


def _python() -> Path:
    """The prefix of a Python of the lock's version on this machine."""
    candidates = [os.environ.get("PYTHON312"), shutil.which(f"python{VERSION}")]
    candidates += [str(path) for path in sorted(Path.home().glob(f".pyenv/versions/{VERSION}.*/bin/python{VERSION}"))]
    ask = "import sys; print('%d.%d' % sys.version_info[:2], sys.base_prefix)"
    for candidate in filter(None, candidates):
        done = subprocess.run([candidate, "-c", ask], capture_output=True, text=True, check=False)
        if done.returncode == 0 and done.stdout.split()[0] == VERSION:
            return Path(done.stdout.split()[1])
    pytest.fail(f"this machine has no Python {VERSION}, which the lock is for: name one by PYTHON312")


def _installed(python: Path) -> Path:
    def build(folder: Path) -> None:
        (folder / "requirements.txt").write_text(needed())
        command = [str(python / "bin" / f"python{VERSION}"), "-m", "pip", "install", "--quiet", "--disable-pip-version-check", "--no-deps"]
        command += ["--require-hashes", "--only-binary=:all:", "--target", str(folder / "site")]
        subprocess.run([*command, "--requirement", str(folder / "requirements.txt")], check=True)

    return cache.made(f"flashinfer-{VERSION}-{cache.digest(needed())[:12]}", build) / "site"


def test_flashinfer_imports_under_the_unit_of_vllm(tmp_path: Path) -> None:
    """Its workspace and its kernels lie in the unit's cache folder, and the log that it opens when it is imported is there."""
    venv = variables("engine_vllm")["engine_vllm_venv"]
    python = _python()
    with booted(tmp_path, {_installed(python): SITE, python: PYTHON}) as node:
        node.write("/opt/probe.py", PROGRAM)
        node.write(f"{venv}/bin/vllm", STARTER, "755")
        node.write("/etc/systemd/system/inferstack-vllm.service", rendered("engine_vllm"))
        node.run("mkdir -p /opt/inferstack/models/org--model && systemctl daemon-reload")
        node.run("systemctl start --wait inferstack-vllm.service || true")
        journal = node.run("journalctl --no-pager --output cat --unit inferstack-vllm.service")
        told = json.loads(node.run("cat /var/lib/inferstack-vllm/report.json", check=False) or "{}")
        log = node.run("find /var/cache/inferstack-vllm -name flashinfer_jit.log")
    sys.stdout.write(json.dumps(told, indent=2) + "\n")
    assert "" == told.get("error", journal)
    assert f"{ROOT}=={told['version']} " in LOCK.read_text()
    assert told["workspace"].startswith("/var/cache/inferstack-vllm/") and told["cubins"].startswith("/var/cache/inferstack-vllm/")
    assert log.strip()
