"""What the units of the engines give to the programs that they confine: folders, paths, interfaces, devices, a digest."""

from __future__ import annotations

import re
import shlex

import pytest

from tests.playbooks.ansible_units import UNITS, unit
from tests.playbooks.units import FOLDER, read_yaml, rendered, variables

ON_THE_HOST = ("engine_llamacpp", "engine_vllm")
ROLES = (*ON_THE_HOST, "engine_trtllm")
INTERFACES = ("NCCL_SOCKET_IFNAME", "GLOO_SOCKET_IFNAME", "TP_SOCKET_IFNAME")


def _environment(role: str) -> dict[str, str]:
    """Of the program: by Environment= for a program of the host, by --env for one in a container."""
    text = rendered(role)
    lines = [line.removeprefix("Environment=") for line in text.splitlines() if line.startswith("Environment=")]
    told = [word for line in lines for word in shlex.split(line)] if role != "engine_trtllm" else re.findall(r'--env "?([^" \\]+)', text)
    return dict(word.split("=", 1) for word in told)


@pytest.mark.parametrize("role", ON_THE_HOST)
def test_every_place_that_an_engine_writes_to_is_one_that_systemd_makes_for_its_unit(role: str) -> None:
    """The system is read-only for the unit: each variable of the list stands in it, under its state or its cache folder."""
    name = UNITS[role]
    assert {f"StateDirectory={name}", f"CacheDirectory={name}"} <= set(rendered(role).splitlines())
    writes = variables(role)[f"{role}_writes"]
    assert {"HOME", "XDG_CACHE_HOME"} <= set(writes)
    assert writes.items() <= _environment(role).items()
    assert [] == [path for path in writes.values() if not path.startswith((f"/var/lib/{name}", f"/var/cache/{name}"))]


def test_flashinfer_writes_into_the_cache_and_finds_its_tools() -> None:
    """It makes its folder when it is imported, links kernels, and starts ninja and nvcc by PATH and CUDA_HOME."""
    told = _environment("engine_vllm")
    assert "/var/cache/inferstack-vllm/flashinfer" == told["FLASHINFER_WORKSPACE_BASE"]
    assert "/var/cache/inferstack-vllm/flashinfer/cubins" == told["FLASHINFER_CUBIN_DIR"]
    assert [f"{variables('engine_vllm')['engine_vllm_venv']}/bin", "/usr/local/cuda/bin"] == told["PATH"].split(":")[:2]
    assert "/usr/local/cuda" == told["CUDA_HOME"]


def test_a_host_without_a_toolkit_compiles_with_the_one_of_the_lock() -> None:
    """CUDA_HOME names a folder that exists either way."""
    told = variables("engine_vllm", seen={"cuda": ""})
    assert f"{told['engine_vllm_venv']}/lib/python3.12/site-packages/nvidia/cu13" == told["engine_vllm_cuda_home"]


@pytest.mark.parametrize("role", ["engine_vllm", "engine_trtllm"])
def test_every_library_that_speaks_to_its_own_kind_is_told_the_loopback(role: str) -> None:
    """NCCL, Gloo and TensorPipe each ask the host's name otherwise, and the filter drops what is not loopback."""
    told = _environment(role)
    assert dict.fromkeys(INTERFACES, "lo") == {name: told.get(name) for name in INTERFACES}


def test_gpus_are_let_in_by_class_and_made_before_the_engine() -> None:
    """systemd leaves out a device whose file is not there yet; a unit of root makes the files first."""
    lines = rendered("engine_vllm").splitlines()
    allowed = {line.split("=")[1].split()[0] for line in lines if line.startswith("DeviceAllow=")}
    assert {"char-nvidia", "char-nvidia-uvm", "char-nvidiactl", "char-nvidia-caps"} == allowed
    maker = (FOLDER / "roles" / "nvidia_driver" / "templates" / "inferstack-nvidia-devices.service.j2").read_text()
    assert "ExecStart=/usr/bin/nvidia-modprobe -u -c=0" in maker and "Type=oneshot" in maker
    for role in ("engine_vllm", "engine_trtllm"):
        for directive in ("After", "Requires"):
            line = next(line for line in rendered(role).splitlines() if line.startswith(f"{directive}="))
            assert "inferstack-nvidia-devices.service" in line


@pytest.mark.parametrize("role", ROLES)
def test_a_forbidden_system_call_is_refused_and_kills_nothing(role: str) -> None:
    """NCCL tries pidfd_getfd and goes on without it; without a number the filter sends SIGSYS."""
    assert "SystemCallFilter=@system-service" in rendered(role)
    assert "SystemCallErrorNumber=EPERM" in rendered(role).splitlines()


def test_the_container_knows_its_user_maps_what_it_compiles_and_serves_by_the_hubs_id() -> None:
    """A user by name, a cache on a disk (a tmpfs of docker's is noexec), the id as the model, the image by its digest."""
    text, told = rendered("engine_trtllm", gpus=8), _environment("engine_trtllm")
    assert "tmpfs" not in text
    assert "/etc/passwd:ro" in text and "/etc/group:ro" in text
    assert ("llm", "llm", "/cache") == (told["USER"], told["LOGNAME"], told["HOME"])
    assert [] == [path for path in variables("engine_trtllm")["engine_trtllm_writes"].values() if not path.startswith("/cache")]
    assert '--volume "/var/cache/inferstack-trtllm:/cache"' in text
    assert 'trtllm-serve "org/model" ' in text
    assert ":/hub/models--org--model/snapshots/" in text
    assert '"an/image@sha256:0" \\\n' in text


def test_the_container_keeps_its_gpus_through_a_daemon_reload() -> None:
    """Each device file is given by name, and has its link in /dev/char."""
    text = rendered("engine_trtllm", gpus=8)
    given = re.findall(r'--device "?(/dev/[a-z0-9-]+)', text)
    assert ["/dev/nvidiactl", "/dev/nvidia-uvm", "/dev/nvidia-uvm-tools", *(f"/dev/nvidia{number}" for number in range(8))] == given
    maker = (FOLDER / "roles" / "nvidia_driver" / "templates" / "inferstack-nvidia-devices.service.j2").read_text()
    assert "nvidia-ctk system create-dev-char-symlinks --create-all" in maker


CHANGES = [
    ("engine_vllm", {"engine_vllm_manifest_sha256": "cd" * 32}),
    ("engine_vllm", {"engine_vllm_flags": {"max-model-len": 4096}}),
    ("engine_vllm", {"engine_vllm_venv": "/opt/inferstack/engines/vllm/venv-another-lock"}),
    ("engine_llamacpp", {"engine_llamacpp_manifest_sha256": "cd" * 32}),
    ("engine_llamacpp", {"engine_llamacpp_requirements": "xllamacpp==2026.10.11549 --hash=sha256:" + "0" * 64}),
    ("engine_trtllm", {"engine_trtllm_manifest_sha256": "cd" * 32}),
    ("engine_trtllm", {"engine_trtllm_options": {"kv_cache_config": {"dtype": "fp8"}}}),
    ("engine_trtllm", {"engine_trtllm_pinned": "an/image@sha256:" + "1" * 64}),
]


@pytest.mark.lint
@pytest.mark.parametrize(("role", "change"), CHANGES, ids=lambda value: str(next(iter(value))) if isinstance(value, dict) else "")
def test_whatever_an_engine_loads_is_in_the_digest_that_its_process_is_given(role: str, change: dict[str, object]) -> None:
    """Weights, lock, options, flags or image alone make another digest; the same inputs make the same one."""
    assert _loaded(unit(role)) != _loaded(unit(role, **change))


@pytest.mark.parametrize("role", ROLES)
def test_an_engine_is_started_anew_when_its_process_was_given_another_digest(role: str) -> None:
    """The process is asked, not what this run happened to write: a run cut off before the restart is made good by the next."""
    tasks = {task["name"]: task for task in read_yaml(FOLDER / "roles" / role / "tasks" / "run.yml")}
    names = list(tasks)
    assert ["Read", "Finish", "Start", "Wait"] == [name.split()[0] for name in names]
    state = tasks[names[2]]["ansible.builtin.systemd_service"]["state"]
    assert f"'started' if {role}_running.stdout == {role}_loaded else 'restarted'" in state
    assert f"--manifest-sha256={{{{ {role}_manifest_sha256 }}}}" in tasks[names[3]]["ansible.builtin.command"]["argv"]


def _loaded(text: str) -> str:
    return re.findall(r'Environment="?INFERSTACK_LOADED=([0-9a-f]{64})', text)[0]
