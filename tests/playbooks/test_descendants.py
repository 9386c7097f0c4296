"""What a play leaves behind is killed with it."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

PROGRAM = """
import subprocess, sys
from playbooks import descendants
descendants.bind()
daemon = "import os, subprocess; print(subprocess.Popen(['sleep', '60'], start_new_session=True, stdout=subprocess.DEVNULL).pid)"
pid = int(subprocess.run([sys.executable, "-c", daemon], stdout=subprocess.PIPE, check=True).stdout)
descendants.end()
print(pid)
"""


@pytest.mark.skipif(sys.platform != "linux", reason="orphans are adopted on Linux only")
def test_a_process_that_left_its_session_is_found_and_killed() -> None:
    """SSH's master and Ansible's workers are no longer in the group that a kill of Ansible reaches."""
    done = subprocess.run([sys.executable, "-c", PROGRAM], capture_output=True, text=True, check=True, timeout=30)
    assert not Path(f"/proc/{int(done.stdout)}").exists()
