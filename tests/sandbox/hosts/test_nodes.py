"""Real nodes: what a login sees, what it may reach, and that nothing outlives the owner."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from inferstack.records.errors import CloudRefused
from inferstack.sandbox.hosts import RehearsalHost, ledger, sweep
from inferstack.sandbox.hosts.liveness import children, started
from inferstack.sandbox.hosts.network import exists
from inferstack.sandbox.hosts.nspawn import NspawnLauncher

pytestmark = pytest.mark.hosts

OWNER = """
import sys, time
from pathlib import Path
from inferstack.sandbox.hosts.nspawn import NspawnLauncher
launcher = NspawnLauncher(Path(sys.argv[1]))
launcher.open()
launcher.start("i-0000000000000000e", "", "test")
print("up", flush=True)
time.sleep(120)
"""


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("nodes")


@pytest.fixture(scope="module")
def key(folder: Path) -> Path:
    subprocess.run(["ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-f", str(folder / "id")], check=True, stdin=subprocess.DEVNULL)
    return folder / "id"


@pytest.fixture(scope="module")
def launcher(folder: Path) -> Iterator[NspawnLauncher]:
    made = NspawnLauncher(folder / "hosts")
    made.open()
    bridge = made.bridge
    yield made
    made.close()
    assert not exists(bridge)
    assert not ledger.nodes_folder(folder / "hosts").exists()


@pytest.fixture(scope="module")
def node(launcher: NspawnLauncher, key: Path) -> RehearsalHost:
    public = key.with_suffix(".pub").read_text().strip()
    text = f"#cloud-config\nssh_authorized_keys: ['{public}']\nwrite_files: [{{path: /opt/a, content: by-user-data}}]\n"
    return launcher.start("i-00000000000000001", text, "g6.xlarge")


def ssh(node: RehearsalHost, key: Path, command: str, *, login: str = "ubuntu") -> subprocess.CompletedProcess[str]:
    options = ["StrictHostKeyChecking=no", "UserKnownHostsFile=/dev/null", "LogLevel=ERROR", "BatchMode=yes", "ConnectTimeout=5"]
    argv = ["ssh", "-i", str(key), *(word for option in options for word in ("-o", option)), f"{login}@{node.address}", command]
    return subprocess.run(argv, capture_output=True, text=True, timeout=120, stdin=subprocess.DEVNULL)


def test_a_node_is_a_healthy_system_with_one_login(node: RehearsalHost, key: Path) -> None:
    """Rule: ubuntu with sudo, no root login, no failed unit, the user data's file, no way out but the bridge."""
    asked = ["systemctl is-system-running --wait", "systemctl --failed --no-legend", "hostname", "sudo -n id -u", "cat /opt/a", "echo"]
    done = ssh(node, key, "; ".join([*asked, "ip route show default"]))
    assert ["running", node.name, "0", "by-user-data"] == done.stdout.split()
    assert "Permission denied" in ssh(node, key, "id", login="root").stderr


def test_the_engine_runs_from_the_artefacts_alone(node: RehearsalHost, key: Path) -> None:
    """Rule: the wheel of the lock file installs by hash without a network, and its start script knows its flags."""
    flags = "--no-index --no-deps --require-hashes --find-links /mnt/artefacts/wheels -r /mnt/artefacts/requirements.txt"
    asked = [
        f"python3 -m venv /tmp/v && /tmp/v/bin/pip install -q {flags}",
        "/tmp/v/bin/python -c 'import xllamacpp; print(xllamacpp.Server)'",
    ]
    done = ssh(node, key, " && ".join(asked))
    assert "xllamacpp" in done.stdout, done.stderr
    assert 2 == ssh(node, key, "python3 /mnt/artefacts/engine/llama_server.py --gpu-layers 3").returncode


def test_packages_come_through_the_proxy_and_nothing_else_does(node: RehearsalHost, key: Path, launcher: NspawnLauncher) -> None:
    """Rule: apt reaches the machine's archives, any other host is 403, and past the proxy there is no way."""
    assert 0 == ssh(node, key, "sudo apt-get update -q").returncode
    proxied = f"curl -s -o /dev/null -w '%{{http_code}}' -x {launcher.package_proxy_url} http://example.org/"
    assert "403" == ssh(node, key, proxied).stdout
    assert 7 == ssh(node, key, "curl -s -m 3 http://192.0.2.1/").returncode
    assert "403 GET http://example.org/" in (launcher.folder / "hosts.log").read_text()


def test_a_reboot_keeps_the_disk_and_gives_a_new_boot(node: RehearsalHost, key: Path, launcher: NspawnLauncher) -> None:
    """Rule: reboot is a real one."""
    before = ssh(node, key, "cat /proc/sys/kernel/random/boot_id; sudo touch /opt/kept").stdout.strip()
    assert node == launcher.reboot(node.instance_id)
    after = ssh(node, key, "cat /proc/sys/kernel/random/boot_id; ls /opt/kept").stdout.split()
    assert "/opt/kept" == after[1]
    assert before != after[0]


def test_a_second_host_for_an_instance_is_refused_and_refused_user_data_leaves_nothing(
    launcher: NspawnLauncher, node: RehearsalHost
) -> None:
    """Rule: one host an instance; a start that fails leaves no folder and no address taken."""
    with pytest.raises(CloudRefused, match="has a host already"):
        launcher.start(node.instance_id, "", "g6.xlarge")
    with pytest.raises(CloudRefused, match="nobody is not in /etc/group"):
        launcher.start("i-2", "#cloud-config\nwrite_files: [{path: /a, owner: 'root:nobody'}]\n", "g6.xlarge")
    assert [node.instance_id] == [path.name for path in ledger.nodes_folder(launcher.folder).iterdir()]
    assert (node,) == launcher.hosts()


@pytest.mark.parametrize("killed", ["owner", "unshare", "supervisor"])
def test_kill_9_leaves_no_process_and_the_sweep_no_bridge(tmp_path: Path, launcher: NspawnLauncher, killed: str) -> None:
    """Rule: whatever is killed, the kernel takes the guest with it; the sweep removes bridge, folder and lock files."""
    owner = subprocess.Popen([sys.executable, "-c", OWNER, str(tmp_path)], stdout=subprocess.PIPE, text=True)
    assert owner.stdout
    assert "up\n" == owner.stdout.readline()
    record = ledger.read_nodes(tmp_path)[0]
    family = descendants(record.process.pid)
    assert len(family) > 5, "unshare, supervisor, nspawn and the guest"
    lock = Path("/run/systemd/nspawn/locks", (tmp_path / "nodes" / record.instance_id / "inode").read_text())
    assert lock.exists()
    os.kill({"owner": owner.pid, "unshare": record.process.pid, "supervisor": family[1]}[killed], signal.SIGKILL)
    gone_after_s = waited(lambda: not any(started(pid) for pid in family), seconds=20)
    assert gone_after_s is not None
    owner.kill()
    owner.wait()
    owner.stdout.close()
    said = sweep(tmp_path)
    assert [f"folder of {record.instance_id}", f"records of the owner {owner.pid}"] == [
        line for line in said if not line.startswith("bridge")
    ]
    assert [] == [line for line in Path("/proc/mounts").read_text().splitlines() if str(tmp_path) in line]
    assert (False, False, []) == (lock.exists(), (tmp_path / "nodes").exists(), sweep(tmp_path))
    assert not exists(NspawnLauncher(tmp_path).bridge)
    assert not Path("/run/systemd/nspawn/propagate", record.machine).exists()
    assert json.loads((launcher.folder / ledger.OWNER).read_text())["process"]["pid"] == os.getpid()


def descendants(pid: int) -> list[int]:
    return [pid, *(found for child in children(pid) for found in descendants(child))]


def waited(true, *, seconds: float) -> float | None:  # type: ignore[no-untyped-def]
    begin = time.monotonic()
    while time.monotonic() - begin < seconds:
        if true():
            return time.monotonic() - begin
        time.sleep(0.05)
    return None
