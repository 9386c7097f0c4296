"""The unit of an engine as Ansible itself writes it: role variables, filters and template are the real ones."""

from __future__ import annotations

import functools
import json
import os
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import Any

import yaml

import playbooks

FOLDER = Path(playbooks.__file__).parent
MANIFEST = "ab" * 32
UNITS = {"engine_vllm": "inferstack-vllm", "engine_trtllm": "inferstack-trtllm", "engine_llamacpp": "inferstack-llamacpp"}
TASKS = ("preflight.yml", "install.yml", "configure.yml")
"""Of these the `set_fact` tasks are run for real: what the template needs is made there."""


def unit(role: str, **variables: Any) -> str:
    """The text of the unit file; `variables` are given to the role as the inventory gives them."""
    return _unit(role, json.dumps(variables, sort_keys=True))


@functools.cache
def _unit(role: str, variables: str) -> str:
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        shutil.copytree(FOLDER / "roles" / role, folder / "roles" / role)
        (folder / "roles" / role / "tasks" / "main.yml").write_text(json.dumps(_tasks(role, folder / "unit")))
        play = {"hosts": "localhost", "gather_facts": False, "vars_files": [str(FOLDER / "versions.yml")], "roles": [role]}
        (folder / "play.yml").write_text(json.dumps([play]))
        (folder / "vars.json").write_text(json.dumps({**_given(role), **json.loads(variables)}))
        done = _ansible(folder)
        assert 0 == done.returncode, done.stdout + done.stderr
        return (folder / "unit").read_text()


def _ansible(folder: Path) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-m", "ansible", "playbook", "-i", "localhost,", "-c", "local", "-e", f"@{folder}/vars.json"]
    environment = {
        **os.environ,
        "ANSIBLE_CONFIG": str(FOLDER / "ansible.cfg"),
        "ANSIBLE_CACHE_PLUGIN": "memory",
        "ANSIBLE_HOME": str(folder / "home"),
        "ANSIBLE_ROLES_PATH": str(folder / "roles"),
        "PYTHONPATH": str(FOLDER.parent),
    }
    command += ["-e", f"ansible_python_interpreter={sys.executable}", str(folder / "play.yml")]
    return subprocess.run(command, capture_output=True, text=True, env=environment, check=False)


def _tasks(role: str, target: Path) -> list[dict[str, Any]]:
    """The tasks of the role that make facts, then its template: nothing of it looks at the machine."""
    folder = FOLDER / "roles" / role / "tasks"
    facts = [task for name in TASKS for task in yaml.safe_load((folder / name).read_text()) if "ansible.builtin.set_fact" in task]
    return [*facts, {"ansible.builtin.template": {"src": f"{UNITS[role]}.service.j2", "dest": str(target), "mode": "0644"}}]


def _given(role: str) -> dict[str, Any]:
    image = "nvcr.io/nvidia/tensorrt-llm/release@sha256:" + "0" * 64
    recorded = {"python": "3.12", "cuda": "/usr/local/cuda", "free_gib": 99, "packages": [], "runtimes": {}, "here": False, "image": image}
    return {
        f"{role}_model_folder": "/opt/inferstack/models/org--model/abababababab",
        f"{role}_model_files": ["m.gguf"],
        f"{role}_served_name": "org/model",
        f"{role}_manifest_sha256": MANIFEST,
        **({f"{role}_recorded": recorded} if role != "engine_llamacpp" else {}),
    }
