"""The rendered units on a real systemd: every hostile word comes back from the started process as it was given, and nothing else runs."""

from __future__ import annotations

import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

from inferstack.sandbox.hosts import RehearsalHost
from inferstack.sandbox.hosts.nspawn import NspawnLauncher
from tests.playbooks.units import rendered, variables

pytestmark = [pytest.mark.hosts, pytest.mark.timeout(300)]
HOSTILE = [
    "two words",
    "$(id > /run/pwned)",
    "`id > /run/pwned`",
    "'; id > /run/pwned; '",
    '" ; /bin/touch /run/pwned ; "',
    ";",
    "\\;",
    "%H %n %%",
    "$PATH",
    "${PATH}",
    "$$",
    "back\\slash\\n\\x41",
    "+/bin/touch",
    "@argv0",
    "#comment",
    "",
    "ä–\u00a0",
    '{"model": "${HOME} 5%", "x": "\\"y\\""}',
    "--trust-remote-code",
]
SLEEPER = "#!/usr/bin/python3\nimport sys, time\nif sys.argv[1] not in ('rm', 'stop'): time.sleep(600)\n"
VENVS = {role: variables(role)[f"{role}_venv"] for role in ("engine_vllm", "engine_llamacpp")}
PREPARE = f"""
set -eu
id llm >/dev/null 2>&1 || useradd --system --shell /usr/sbin/nologin llm
mkdir -p {VENVS["engine_vllm"]}/bin {VENVS["engine_llamacpp"]}/bin /opt/inferstack/models/m
for at in {VENVS["engine_vllm"]}/bin/vllm /opt/inferstack/engines/llamacpp/llama_server.py /usr/bin/docker; do
    install -m 755 /opt/sleeper.py $at
done
ln -sf /usr/bin/python3 {VENVS["engine_llamacpp"]}/bin/python
for unit in docker inferstack-nvidia-devices; do
    printf '[Service]\\nExecStart=/bin/sleep infinity\\n' > /etc/systemd/system/$unit.service
done
"""


@pytest.fixture(scope="module")
def key(tmp_path_factory: pytest.TempPathFactory) -> Path:
    file = tmp_path_factory.mktemp("key") / "id"
    subprocess.run(["ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-f", str(file)], check=True, stdin=subprocess.DEVNULL)
    return file


@pytest.fixture(scope="module")
def node(tmp_path_factory: pytest.TempPathFactory, key: Path) -> Iterator[RehearsalHost]:
    launcher = NspawnLauncher(tmp_path_factory.mktemp("nodes") / "hosts")
    launcher.open()
    try:
        public = key.with_suffix(".pub").read_text().strip()
        data = f"#cloud-config\nssh_authorized_keys: ['{public}']\nwrite_files: [{{path: /opt/sleeper.py, content: {SLEEPER!r}}}]\n"
        host = launcher.start("i-00000000000000002", data.replace("\\n", "\\n"), "g6.xlarge")
        yield host
    finally:
        launcher.close()


@pytest.mark.parametrize("role", ["engine_llamacpp", "engine_trtllm", "engine_vllm"])
def test_every_hostile_word_reaches_the_engine_as_it_was_given(node: RehearsalHost, key: Path, role: str) -> None:
    """Spaces, quotes, percent, dollar, semicolons, commands: the process has them as words, and no other program ran."""
    argv = [word for text in HOSTILE for word in ("--flag", text)]
    folder = "/opt/inferstack/models/m"
    unit = rendered(role, served_name="acme/$(id > /run/pwned) %H", gguf="a 'b' $x.gguf", argv=argv, model_folder=folder)
    name = f"inferstack-{role.removeprefix('engine_')}.service"
    _on(node, key, f"sudo sh -c '{_quoted(PREPARE)}'")
    _on(node, key, f"sudo tee /etc/systemd/system/{name} >/dev/null", unit)
    started = f"sudo systemctl daemon-reload && sudo systemctl start {name} && sleep 1 && systemctl show --value --property=MainPID {name}"
    pid = _on(node, key, started).split()[-1]
    words = _on(node, key, f"sudo cat /proc/{pid}/cmdline").split("\0")[:-1]
    assert any(argv == words[at : at + len(argv)] for at in range(len(words)))
    assert role == "engine_trtllm" or "acme/$(id > /run/pwned) %H" in words
    assert role != "engine_llamacpp" or f"{folder}/a 'b' $x.gguf" in words
    assert role != "engine_trtllm" or words[words.index("--user") + 1] == _on(node, key, "echo $(id -u llm):$(id -g llm)").strip()
    assert "clean" == _on(node, key, "test -e /run/pwned && echo pwned || echo clean").strip()
    described = _on(node, key, f"systemctl show --value --property=Description {name}").strip()
    assert described.endswith("serves acme/$(id > /run/pwned) %H")
    _on(node, key, f"sudo systemctl stop {name}")


def _quoted(text: str) -> str:
    return text.replace("'", "'\\''")


def _on(node: RehearsalHost, key: Path, command: str, stdin: str = "") -> str:
    options = ["StrictHostKeyChecking=no", "UserKnownHostsFile=/dev/null", "LogLevel=ERROR", "BatchMode=yes", "ConnectTimeout=5"]
    argv = ["ssh", "-i", str(key), *(word for option in options for word in ("-o", option)), f"ubuntu@{node.address}", command]
    done = subprocess.run(argv, capture_output=True, text=True, timeout=120, input=stdin, check=False)
    assert 0 == done.returncode, done.stderr
    return done.stdout
