"""The engines' units as they are, on a real systemd, with a program in the engine's place that tries every place that the role lists."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.playbooks.unit_node import UnitNode, booted
from tests.playbooks.units import FOLDER, environment, read_yaml, rendered, variables

pytestmark = [pytest.mark.hosts, pytest.mark.timeout(600)]
PROBE = """#!/usr/bin/python3
import errno, json, os, pathlib, subprocess
def tried(folder):
    try:
        pathlib.Path(folder).mkdir(parents=True, exist_ok=True)
        file = pathlib.Path(folder, "compiled.sh")
        file.write_text("#!/bin/sh\\necho it runs\\n")
        file.chmod(0o700)
        return subprocess.run([str(file)], capture_output=True, text=True, check=True).stdout.strip()
    except OSError as error:
        return errno.errorcode[error.errno or 0]
names = {names!r}
told = {{name: tried(os.environ[name]) for name in names}}
told["elsewhere"] = [tried(folder) for folder in ("/opt/inferstack/x", "/usr/lib/x", "/etc/x")]
told["cubins"] = sorted(path.name for path in pathlib.Path(os.environ.get("FLASHINFER_CUBIN_DIR", "/nowhere")).glob("*"))
told["killed_by_a_call"] = subprocess.run(["python3", "-c", {call!r}]).returncode
pathlib.Path(os.environ["HOME"], "report.json").write_text(json.dumps(told))
"""
FORBIDDEN = "import ctypes; ctypes.CDLL(None).syscall(438, 3, 0, 0)"
"""pidfd_getfd is in no set that the units allow."""


@pytest.fixture(scope="module")
def node(tmp_path_factory: pytest.TempPathFactory) -> Iterator[UnitNode]:
    with booted(tmp_path_factory.mktemp("node")) as made:
        yield made


def _reported(node: UnitNode, role: str, program: str) -> dict[str, Any]:
    name = f"inferstack-{role.removeprefix('engine_')}"
    probe = PROBE.format(names=list(variables(role)[f"{role}_writes"]), call=FORBIDDEN)
    node.write(program, probe, "755")
    node.write(f"/etc/systemd/system/{name}.service", rendered(role))
    node.run("mkdir -p /opt/inferstack/models/org--model && systemctl daemon-reload")
    node.run(f"systemctl start --wait {name}.service || {{ journalctl --no-pager --unit {name}.service; exit 1; }}")
    told: dict[str, Any] = json.loads(node.run(f"cat /var/lib/{name}/report.json"))
    return told


@pytest.mark.parametrize("role", ["engine_vllm", "engine_llamacpp"])
def test_an_engine_can_write_and_compile_in_every_place_of_its_list_and_nowhere_else(node: UnitNode, role: str) -> None:
    """Each folder is made, written to, and code in it runs; all else is read-only; a forbidden call is refused, not killed."""
    told = variables(role)
    if role == "engine_vllm":
        program = f"{told['engine_vllm_venv']}/bin/vllm"
        node.write(f"{told['engine_vllm_cubins']}/a.cubin", "kernel")
    else:
        program = "/opt/inferstack/engines/llamacpp/llama_server.py"
        node.run(f"mkdir -p {told['engine_llamacpp_venv']}/bin; ln -sf /usr/bin/python3 {told['engine_llamacpp_venv']}/bin/python")
    report = _reported(node, role, program)
    assert dict.fromkeys(told[f"{role}_writes"], "it runs") == {name: report[name] for name in told[f"{role}_writes"]}
    assert ["EROFS", "EROFS", "EROFS"] == report["elsewhere"]
    assert 0 == report["killed_by_a_call"]
    assert role != "engine_vllm" or "a.cubin" in report["cubins"], "compiled kernels are found through the writable folder"


def test_thousands_of_connections_do_not_use_up_the_proxys_files(node: UnitNode, tmp_path: Path) -> None:
    """A service has 1,024 files by default, and each request takes two."""
    node.run(
        "apt-get -qq update && DEBIAN_FRONTEND=noninteractive apt-get -qq install --no-install-recommends nginx-light openssl >/dev/null"
    )
    node.run(
        "mkdir -p /etc/inferstack && cd /etc/inferstack && : > keys.conf && openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:P-256"
        " -nodes -batch -subj /CN=x -keyout node.key -out node.pem 2>/dev/null"
    )
    role = FOLDER / "roles" / "endpoint_proxy"
    told = {**read_yaml(role / "defaults" / "main.yml"), "endpoint_proxy_hostname": "x", "ansible_managed": "a"}
    node.write("/etc/nginx/nginx.conf", environment().from_string((role / "templates" / "nginx.conf.j2").read_text()).render(told))
    node.run("systemctl restart nginx && : > /var/log/nginx/error.log")
    many = "import resource, socket; resource.setrlimit(resource.RLIMIT_NOFILE, (9000, 9000)); "
    many += "held = [socket.create_connection(('127.0.0.1', 8443)) for _ in range(4000)]; import time; time.sleep(3); print(len(held))"
    assert "4000" == node.run(f'python3 -c "{many}"').strip()
    assert "" == node.run("cat /var/log/nginx/error.log")
