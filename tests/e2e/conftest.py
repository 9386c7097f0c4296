"""A copy of the checkout with its own work folder, driven as a person drives it: by its commands."""

from __future__ import annotations

import json
import os
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest

from tests.e2e import leftovers

ROOT = Path(__file__).resolve().parents[2]
COMMAND_LIMIT_S = 280
QUESTION = "--model meta-llama/Llama-3.3-70B-Instruct --weight-quant fp8 --request-rate 4 --isl 1024 --osl 256 --ttft-ms 1000 --itl-ms 40"
PLAN = QUESTION.split()


@dataclass
class Checkout:
    folder: Path
    environment: dict[str, str]
    started: list[subprocess.Popen[str]] = field(default_factory=list)

    def command(self, *arguments: str) -> list[str]:
        return [sys.executable, "-m", "inferstack", *arguments]

    def run(self, *arguments: str, code: int | None = 0, **more: str) -> subprocess.CompletedProcess[str]:
        done = self.shell(self.command(*arguments), **more)
        if code is not None:
            assert code == done.returncode, f"{' '.join(arguments)} exited {done.returncode}\n{done.stdout[-3000:]}\n{done.stderr[-5000:]}"
        return done

    def shell(self, command: list[str], **more: str) -> subprocess.CompletedProcess[str]:
        environment = {**self.environment, **more}
        return subprocess.run(
            command,
            cwd=self.folder,
            env=environment,
            capture_output=True,
            text=True,
            timeout=COMMAND_LIMIT_S,
            check=False,
            stdin=subprocess.DEVNULL,
        )

    def start(self, *arguments: str) -> subprocess.Popen[str]:
        log = (self.folder / "started.log").open("a")
        process = subprocess.Popen(
            self.command(*arguments),
            cwd=self.folder,
            env=self.environment,
            stdout=log,
            stderr=subprocess.STDOUT,
            stdin=subprocess.DEVNULL,
            text=True,
            start_new_session=True,
        )
        self.started.append(process)
        return process

    def work(self, *parts: str) -> Path:
        return self.folder.joinpath(".inferstack", *parts)

    def daemon(self) -> dict[str, Any] | None:
        path = self.work("sandbox", "daemon.json")
        return json.loads(path.read_text()) if path.exists() else None

    def endpoint(self) -> str:
        daemon = self.daemon()
        assert daemon is not None, "no embedded AWS is running"
        return str(daemon["endpoint_url"])

    def access_key(self) -> str:
        """That of whoever looks at the running embedded AWS from outside; the policies of its caller do not bind it."""
        return str((self.daemon() or {})["own_key"])

    def pulumi_environment(self, stack: str) -> dict[str, str]:
        """What `eval "$(inferstack env --stack NAME)"` leaves in a shell."""
        printed = "import os, json; print(json.dumps(dict(os.environ)))"
        script = f'eval "$({sys.executable} -m inferstack env --stack {stack})" && {sys.executable} -c "{printed}"'
        done = self.shell(["sh", "-c", script])
        assert 0 == done.returncode, done.stderr
        return dict(json.loads(done.stdout))

    def left_on_this_machine(self) -> dict[str, list[str]]:
        return leftovers.on_this_machine(self.folder)


@pytest.fixture
def checkout(tmp_path: Path) -> Iterator[Checkout]:
    with a_checkout(tmp_path) as made:
        yield made


@contextmanager
def a_checkout(parent: Path) -> Iterator[Checkout]:
    folder = parent / "checkout"
    copy_tree(folder)
    kept = {name: value for name, value in os.environ.items() if not name.startswith(("AWS_", "PULUMI_", "INFERSTACK_"))}
    made = Checkout(folder, {**kept, "PYTHONPATH": str(folder), "NO_COLOR": "1", "COLUMNS": "160"})
    yield made
    for process in made.started:
        if process.poll() is None:
            os.killpg(process.pid, signal.SIGKILL)
            process.wait()
    stop_what_is_left(made)


def copy_tree(folder: Path) -> None:
    listed = subprocess.run(
        ["git", "ls-files", "-co", "--exclude-standard", "-z"], cwd=ROOT, capture_output=True, text=True, check=True
    ).stdout
    for name in filter(None, listed.split("\0")):
        source, target = ROOT / name, folder / name
        if source.is_file():
            target.parent.mkdir(parents=True, exist_ok=True)
            shutil.copy2(source, target)
    for compiled in ROOT.glob("*/facts.json"):
        shutil.copy2(compiled, folder / compiled.relative_to(ROOT))


def stop_what_is_left(made: Checkout) -> None:
    """Whatever a failed test left running goes with its folder."""
    for record in made.work().glob("*/stack.json"):
        made.run("down", "--stack", record.parent.name, "--yes", code=None)


def wait_for(condition: Any, *, within_s: float, what: str) -> Any:
    end = time.monotonic() + within_s
    while time.monotonic() < end:
        value = condition()
        if value:
            return value
        time.sleep(0.05)
    raise AssertionError(f"{what} did not happen within {within_s:.0f} s")
