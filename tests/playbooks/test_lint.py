"""ansible-lint and the syntax check, offline."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

import playbooks

pytestmark = pytest.mark.lint
FOLDER = Path(playbooks.__file__).parent
ENVIRONMENT = {**os.environ, "PATH": f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}", "NO_COLOR": "1"}


def test_ansible_lint_passes_its_production_profile() -> None:
    """No rule is skipped."""
    done = subprocess.run(
        ["ansible-lint", "--offline", "-q"], cwd=FOLDER.parent, env=ENVIRONMENT, capture_output=True, text=True, check=False
    )
    assert (0, "") == (done.returncode, done.stdout)
    assert "skip_list" not in (FOLDER.parent / ".ansible-lint").read_text()


@pytest.mark.parametrize("playbook", ["site.yml", "checked.yml", "drain.yml", "process.yml"])
def test_the_syntax_of_every_playbook_is_right(playbook: str) -> None:
    """Ansible itself reads it, with the roles that it names."""
    environment = {**ENVIRONMENT, "ANSIBLE_CONFIG": str(FOLDER / "ansible.cfg"), "PYTHONPATH": str(FOLDER.parent)}
    command = ["ansible-playbook", "--syntax-check", "-i", "localhost,", "-e", "inferstack_engine_role=engine_vllm", str(FOLDER / playbook)]
    done = subprocess.run(command, env=environment, capture_output=True, text=True, check=False)
    assert 0 == done.returncode, done.stderr
