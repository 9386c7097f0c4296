"""One play in a process of its own: started with a closed list of variables, read event by event, ended when asked."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
import tempfile
import threading
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from queue import Empty, Queue
from typing import Any

from inferstack.records.errors import CloudRefused, Interrupted
from playbooks.outcome import RunOutcome

OnEvent = Callable[[str, str, str, str], None]
FOLDER = Path(__file__).parent
INHERITED = (
    "INFERSTACK_COMMAND",  # the mark by which `inferstack` finds what a killed command left running
    "PATH",
    "HOME",
    "LANG",
    "LC_ALL",
    "TMPDIR",
    "TERM",
    "USER",
    "SSH_AUTH_SOCK",
    "HTTPS_PROXY",
    "HTTP_PROXY",
    "NO_PROXY",
    "https_proxy",
    "http_proxy",
    "no_proxy",
)
"""Beside AWS_*. A secret in the environment of the person (an API key, a token) reaches neither Ansible nor what it writes."""
STOP_S = 10.0
IDENT = "run"
STOPPED, GO_ON = "the configuration was stopped", "run the same command again to continue: what is done stays done"


@dataclass(frozen=True)
class Play:
    """`deadline_s` is for one playbook. The path of the SSH sockets is put into the inventory at start."""

    private_dir: Path
    inventory: dict[str, Any]
    environment: Mapping[str, str]
    facts_folder: Path
    deadline_s: float


def run_play(play: Play, playbook: str, *, on_event: OnEvent, cancelled: Callable[[], bool], check: bool = False) -> RunOutcome:
    """Raises CloudRefused(host) with the first failure, CloudRefused(timeout), Interrupted."""
    folder = play.private_dir.absolute() / playbook.removesuffix(".yml")
    outcome = RunOutcome(playbook=playbook, log=folder / "artifacts" / IDENT / "stdout")
    shutil.rmtree(folder / "artifacts", ignore_errors=True)
    folder.mkdir(parents=True, exist_ok=True, mode=0o700)
    with _sockets() as sockets, _child(play, _told(play, playbook, folder, sockets, check=check)) as child:
        for event in _events(child, cancelled):
            outcome.take(event, on_event)
    if outcome.status == "canceled" or (outcome.status != "successful" and cancelled()):
        raise Interrupted(STOPPED, hint=GO_ON)
    if outcome.status == "timeout":
        raise CloudRefused(f"{playbook} took longer than {play.deadline_s:g} s: {outcome.last}", kind="timeout", hint=f"read {outcome.log}")
    if outcome.status != "successful":
        raise outcome.refusal()
    return outcome


def _told(play: Play, playbook: str, folder: Path, sockets: Path, *, check: bool) -> dict[str, Any]:
    """What the child reads: two plays at a time have two folders, so neither reads the other's inventory."""
    return {
        "private_dir": str(folder),
        "ident": IDENT,
        "playbook": playbook,
        "command_line": "--check" if check else "",
        "deadline_s": play.deadline_s,
        "sockets": str(sockets),
        "facts_folder": str(play.facts_folder.absolute()),
        "inventory": as_text(_with_sockets(play.inventory, sockets)),
    }


def as_text(value: Any) -> Any:
    """Mark every text of an inventory as untrusted, so that Ansible never evaluates it as a template.

    Names of models, flags and paths come from files that others wrote. The templates of the product stand in the playbooks.
    https://docs.ansible.com/ansible/latest/playbook_guide/playbooks_advanced_syntax.html#unsafe-or-raw-strings
    """
    if isinstance(value, Mapping):
        return {str(name): as_text(inner) for name, inner in value.items()}
    if isinstance(value, list | tuple):
        return [as_text(inner) for inner in value]
    return {"__ansible_unsafe": value} if isinstance(value, str) else value


@contextmanager
def _sockets() -> Iterator[Path]:
    """A folder for the sockets of SSH: short, for a path of more than 107 characters is no socket."""
    folder = Path(tempfile.mkdtemp(prefix="inferstack-ssh-", dir="/tmp" if os.name == "posix" else None))
    try:
        yield folder
    finally:
        shutil.rmtree(folder, ignore_errors=True)


@contextmanager
def _child(play: Play, told: dict[str, Any]) -> Iterator[subprocess.Popen[str]]:
    with Path(told["private_dir"], "stderr").open("w") as complaints:
        child = subprocess.Popen(
            [sys.executable, "-P", "-m", "playbooks.runner"],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=complaints,
            text=True,
            env=_environment(play),
            start_new_session=True,
        )
    try:
        assert child.stdin
        child.stdin.write(json.dumps(told))
        child.stdin.close()
        yield child
    finally:
        _end(child)


def _end(child: subprocess.Popen[str]) -> None:
    if child.poll() is None:
        child.terminate()
    try:
        child.wait(STOP_S)
    except subprocess.TimeoutExpired:
        child.kill()
        child.wait()


def _environment(play: Play) -> dict[str, str]:
    given = {**{name: os.environ[name] for name in INHERITED if name in os.environ}, **play.environment}
    kept = {name: value for name, value in given.items() if name in INHERITED or name.startswith("AWS_")}
    return kept | {
        "PATH": f"{Path(sys.executable).parent}{os.pathsep}{kept.get('PATH', os.defpath)}",
        "PYTHONPATH": str(FOLDER.parent),
        "PYTHONUNBUFFERED": "1",
        "ANSIBLE_CONFIG": str(FOLDER / "ansible.cfg"),
        "ANSIBLE_HOME": str(play.private_dir.absolute() / "ansible"),
    }


def _with_sockets(inventory: dict[str, Any], sockets: Path) -> dict[str, Any]:
    everywhere = {**inventory["all"]["vars"], "ansible_control_path": f"{sockets}/%%C"}
    return {"all": {**inventory["all"], "vars": everywhere}}


def _events(child: subprocess.Popen[str], cancelled: Callable[[], bool]) -> Iterator[dict[str, Any]]:
    """Each line the child prints. A thread reads, so that a cancelled run is noticed while nothing happens."""
    lines: Queue[str | None] = Queue()
    threading.Thread(target=_pump, args=(child, lines), daemon=True).start()
    told_to_stop = False
    while True:
        if cancelled() and not told_to_stop:
            child.terminate()
            told_to_stop = True
        try:
            line = lines.get(timeout=0.2)
        except Empty:
            continue
        if line is None:
            return
        yield json.loads(line)


def _pump(child: subprocess.Popen[str], lines: Queue[str | None]) -> None:
    assert child.stdout
    for line in child.stdout:
        if line.startswith("{"):
            lines.put(line)
    lines.put(None)
