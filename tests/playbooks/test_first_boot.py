"""What the roles wait for on a host that still boots, and what they install of an archive that moves."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
from ansible.plugins.filter.core import FilterModule
from jinja2.nativetypes import NativeEnvironment

from tests.playbooks.units import FOLDER, read_yaml

PROGRAM = FOLDER / "roles" / "storage_nvme" / "files" / "wait_disks.py"
TASKS = [(path, task) for path in sorted(FOLDER.glob("roles/*/tasks/*.yml")) for task in read_yaml(path)]


def test_every_installation_waits_for_the_lock_of_the_first_boots_upgrades() -> None:
    """The module's own wait is 60 s; unattended-upgrades holds the lock for minutes on a new host."""
    apt = [task for _, task in TASKS if "ansible.builtin.apt" in task]
    assert 6 <= len(apt)
    assert [] == [task["name"] for task in apt if int(task["ansible.builtin.apt"].get("lock_timeout", 60)) < 600]


def test_cloud_init_is_waited_for_before_anything_else_is_done() -> None:
    """The first task of the first role that looks at the host; an error of cloud-init ends the run with its words."""
    preflight = read_yaml(FOLDER / "roles" / "common" / "tasks" / "preflight.yml")
    looking = [task for task in preflight if "ansible.builtin.command" in task]
    script = looking[0]["ansible.builtin.command"]["argv"][-1]
    assert "cloud-init status --wait" in script and "apt-daily.timer" in script


def _packages(kernel: str, *, nvswitch: bool) -> list[str]:
    tasks = read_yaml(FOLDER / "roles" / "nvidia_driver" / "tasks" / "preflight.yml")
    text = next(task["ansible.builtin.set_fact"]["nvidia_driver_packages"] for task in tasks if "packages" in task["name"])
    environment = NativeEnvironment()
    environment.filters.update(FilterModule().filters())
    pins = read_yaml(FOLDER / "versions.yml")
    seen = {"nvidia_driver_seen": {"kernel": kernel}, "nvidia_driver_nvswitch": nvswitch}
    found: list[str] = environment.from_string(text).render({**pins, **seen})
    return found


def _archive() -> dict[str, str]:
    lines = (FOLDER / "recorded" / "archive-ubuntu-24.04.txt").read_text().splitlines()
    return dict(line.split("=", 1) for line in lines if not line.startswith("#"))


KERNELS = sorted(name.split("-open-")[1] for name in _archive() if "-open-6" in name or "-open-7" in name)


@pytest.mark.parametrize("kernel", KERNELS)
def test_what_is_installed_for_a_kernel_is_in_the_archive_as_it_was_recorded(kernel: str) -> None:
    """Names without versions, and the modules of the kernel that runs: the archive drops a version when the next one comes."""
    assert [] == [name for name in _packages(kernel, nvswitch=True) if name not in _archive()]
    assert f"linux-modules-nvidia-580-server-open-{kernel}" in _packages(kernel, nvswitch=False)


def test_no_role_asks_the_archive_of_a_distribution_for_one_version() -> None:
    """A distribution keeps the newest: `name=version` is a request that fails some day."""
    named = [str(task["ansible.builtin.apt"]["name"]) for _, task in TASKS if "ansible.builtin.apt" in task]
    pins = [str(value) for value in read_yaml(FOLDER / "versions.yml").values()]
    assert [] == [text for text in named if "=" in text]
    assert [] == [text for text in _packages("7.0.0-1014-aws", nvswitch=True) if "=" in text]
    assert [] == [text for text in pins if "ubuntu" in text]


def _shown(**fields: Any) -> str:
    told = {"LoadState": "loaded", "ActiveState": "inactive", "UnitFileState": "enabled", "ExecMainExitTimestampMonotonic": "0"}
    told |= {"ConditionResult": "no", "ConditionTimestampMonotonic": "0", **fields}
    return "".join(f"{name}={value}\\n" for name, value in told.items())


def _waited(folder: Path, *answers: str) -> subprocess.CompletedProcess[str]:
    """systemctl answers one after the other, the last one for ever."""
    for number, answer in enumerate(answers):
        (folder / f"answer-{number}").write_text(answer.replace("\\n", "\n"))
    script = f"#!/bin/sh\nn=$(cat {folder}/n 2>/dev/null || echo 0)\ncat {folder}/answer-$n\n"
    script += f"test -e {folder}/answer-$((n + 1)) && echo $((n + 1)) > {folder}/n\ntrue\n"
    (folder / "systemctl").write_text(script)
    (folder / "systemctl").chmod(0o755)
    command = [sys.executable, str(PROGRAM), "dlami-nvme.service", "1.2"]
    return subprocess.run(command, capture_output=True, text=True, env={"PATH": f"{folder}:/usr/bin:/bin"}, check=False)


def test_the_images_unit_is_waited_for_until_it_has_mounted(tmp_path: Path) -> None:
    """Not begun, begun, done: bare disks are not checked in between."""
    done = _waited(tmp_path, _shown(), _shown(ActiveState="activating"), _shown(ExecMainExitTimestampMonotonic="77"))
    assert (0, '{"image_disks": "mounted"}\n') == (done.returncode, done.stdout)


@pytest.mark.parametrize(
    ("shown", "state"),
    [
        (_shown(LoadState="not-found", UnitFileState=""), "no unit"),
        (_shown(UnitFileState="disabled"), "not enabled"),
        (_shown(ConditionTimestampMonotonic="5"), "not needed"),
        (_shown(ActiveState="active"), "mounted"),
    ],
)
def test_an_image_that_mounts_nothing_is_not_waited_for(tmp_path: Path, shown: str, state: str) -> None:
    """No unit, one that is off, or one whose condition does not hold."""
    done = _waited(tmp_path, shown)
    assert (0, f'{{"image_disks": "{state}"}}\n') == (done.returncode, done.stdout)


@pytest.mark.parametrize(
    ("shown", "message"),
    [
        (_shown(ActiveState="failed"), "dlami-nvme.service failed: the image could not mount its disks; replace the instance\n"),
        (_shown(ActiveState="activating"), "dlami-nvme.service has not mounted the image's disks after 1.2 s\n"),
    ],
)
def test_disks_that_the_image_did_not_mount_are_left_alone(tmp_path: Path, shown: str, message: str) -> None:
    """The run ends before a disk is touched."""
    done = _waited(tmp_path, shown)
    assert (1, message) == (done.returncode, done.stderr)


def test_the_disks_are_awaited_before_they_are_listed_and_the_mount_comes_after_the_image() -> None:
    """The wait is the first task; the bind mount is ordered after the unit whose script mounts its source."""
    first = read_yaml(FOLDER / "roles" / "storage_nvme" / "tasks" / "preflight.yml")[0]
    assert "wait_disks.py" in str(first) and "storage_nvme_image_unit" in str(first)
    mount = (FOLDER / "roles" / "storage_nvme" / "templates" / "models.mount.j2").read_text()
    assert [1, 1] == [mount.count(f"{word}={{{{ storage_nvme_image_unit") for word in ("After", "Requires")]
