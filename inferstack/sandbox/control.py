"""The client of the embedded AWS: starts its daemon, finds it, tells it about stacks, faults and time."""

from __future__ import annotations

import contextlib
import fcntl
import http.client
import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from inferstack.records.errors import CloudRefused, InferstackError
from inferstack.sandbox.aws import daemon_record
from inferstack.sandbox.aws.daemon_record import SandboxInfo
from inferstack.sandbox.aws.fault_spec import FaultSpec

__all__ = ["FaultSpec", "Sandbox", "SandboxInfo"]

START_DEADLINE_S = 90.0
STOP_DEADLINE_S = 60.0


class Sandbox:
    """The one daemon of `folder` (`.inferstack/sandbox`). Making this object does nothing yet."""

    def __init__(self, folder: Path, *, python: str = sys.executable) -> None:
        self.folder = Path(folder).absolute()
        self.python = python

    def start(self, *, deadline_s: float = START_DEADLINE_S) -> SandboxInfo:
        """The running daemon, or a new one once it answers. Raises CloudRefused with the end of its log."""
        self.folder.mkdir(parents=True, exist_ok=True)
        with self._only_starter(deadline_s):
            if (info := self.running()) is not None:
                return info
            self.sweep()
            return self._wait(self._spawn(), deadline_s)

    def running(self) -> SandboxInfo | None:
        """None when no daemon lives, whatever its record says."""
        found = daemon_record.read(self.folder)
        return found.info if found and daemon_record.alive(found.info) else None

    def lost(self) -> str | None:
        """One line when a daemon ended without being asked to: everything that it held in memory is gone."""
        reason = daemon_record.lost(self.folder)
        return (
            None
            if reason is None
            else f"the embedded AWS ended ({reason}): the rehearsal it held is lost, its hosts and records are cleared"
        )

    def sweep(self) -> str | None:
        """Clears hosts and records of a daemon that is gone; answers what `lost` said."""
        if (said := self.lost()) is None:
            return None
        self._clear()
        return said

    def stop(self, *, deadline_s: float = STOP_DEADLINE_S) -> None:
        """Ends the daemon and its hosts, orderly if it answers, by force if not. Nothing happens when none runs."""
        if (info := self.running()) is None:
            self.sweep()
            return
        with contextlib.suppress(InferstackError):
            self.ask("stop")
        if not _gone(info, deadline_s):
            with contextlib.suppress(ProcessLookupError):
                os.kill(info.pid, signal.SIGKILL)
            _gone(info, 5)
            self._clear()  # it had forgotten its record, so that nothing says that it left something
        self.sweep()

    def attach(self, stack: str) -> None:
        """Keeps the daemon alive for this rehearsal stack."""
        self.ask("attach", {"stack": stack})

    def release(self, stack: str) -> bool:
        """True when it was the last stack: the daemon is then ending itself."""
        return bool(self.ask("release", {"stack": stack})["ends"])

    def inject(self, faults: Iterable[FaultSpec], *, stack: str = "") -> None:
        """Arm faults for this stack's calls and launches only; without a stack for everybody's."""
        self.ask("faults", {"add": [str(fault) for fault in faults], "stack": stack})

    def clear_faults(self, stack: str | None = None) -> None:
        """Those that this stack armed; without a name all."""
        self.ask("faults", {"clear": True} if stack is None else {"clear": True, "of": stack})

    def unmet_faults(self, stack: str) -> list[str]:
        """List the faults that this stack armed and that nothing has met yet."""
        return list(self.ask("faults", {"of": stack})["unmet"])

    def advance(self, seconds: float) -> None:
        """Moves the clock of the schedules forward; what falls due fires before this returns."""
        self.ask("clock", {"advance_s": seconds})

    def hosts(self) -> list[dict[str, Any]]:
        """The real hosts behind the instances: instance_id, name, address, ssh_port, state."""
        return list(self.ask("hosts")["hosts"])

    def ask(self, what: str, content: dict[str, Any] | None = None) -> dict[str, Any]:
        """One question to the control surface. Raises CloudRefused when no daemon answers it."""
        found = daemon_record.read(self.folder)
        if found is None or not daemon_record.alive(found.info):
            raise CloudRefused(self.lost() or "the embedded AWS is not running", kind="host", hint="inferstack up --rehearse starts it")
        return _answer(found, what, content)

    def _clear(self) -> None:
        subprocess.run(
            [self.python, "-P", "-m", "inferstack.sandbox.aws.leftovers", "--folder", str(self.folder)],
            check=True,
            stdin=subprocess.DEVNULL,
            cwd="/",
            env=_environment(),
        )

    @contextlib.contextmanager
    def _only_starter(self, deadline_s: float) -> Iterator[None]:
        with (self.folder / "start.lock").open("w") as lock:
            until = time.monotonic() + deadline_s
            while not _locked(lock.fileno()):
                if time.monotonic() > until:
                    raise CloudRefused("another command is still starting the embedded AWS", kind="timeout", hint="wait for it, or end it")
                time.sleep(0.05)
            yield

    def _spawn(self) -> subprocess.Popen[bytes]:
        with (self.folder / "daemon.log").open("ab") as log:
            return subprocess.Popen(
                [self.python, "-P", "-m", "inferstack.sandbox.aws.daemon", "--folder", str(self.folder)],
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                cwd="/",
                env=_environment(),
                start_new_session=True,
            )

    def _wait(self, process: subprocess.Popen[bytes], deadline_s: float) -> SandboxInfo:
        until = time.monotonic() + deadline_s
        while time.monotonic() < until:
            found = daemon_record.read(self.folder)
            if found and found.info.pid == process.pid:
                _answer(found, "info", None)
                return found.info
            if process.poll() is not None:
                raise CloudRefused(
                    f"the embedded AWS did not start: {self._last_words()}", kind="host", hint=f"see {self.folder / 'daemon.log'}"
                )
            time.sleep(0.02)
        process.kill()
        process.wait()
        raise CloudRefused(
            f"the embedded AWS did not answer within {deadline_s:.0f} s", kind="timeout", hint=f"see {self.folder / 'daemon.log'}"
        )

    def _last_words(self) -> str:
        lines = (self.folder / "daemon.log").read_text(encoding="utf-8", errors="replace").split("\n")
        return next((line.strip() for line in reversed(lines) if line.strip()), "it said nothing")


def _answer(found: daemon_record.DaemonRecord, what: str, content: dict[str, Any] | None) -> dict[str, Any]:
    address = urlsplit(found.info.endpoint_url)
    connection = http.client.HTTPConnection(str(address.hostname), address.port, timeout=120)
    headers = {"X-Inferstack-Token": found.token, "Content-Type": "application/json"}
    try:
        connection.request("POST", f"/_inferstack/{what}", body=json.dumps(content or {}), headers=headers)
        response = connection.getresponse()
        answer = json.loads(response.read())
    except (OSError, http.client.HTTPException, ValueError) as error:
        raise CloudRefused(f"the embedded AWS does not answer: {error}", kind="host", hint="the next start clears what it left") from None
    finally:
        connection.close()
    if response.status != 200:
        raise CloudRefused(f"the embedded AWS refused: {answer.get('error', response.status)}", kind="other")
    return dict(answer)


def _environment() -> dict[str, str]:
    """Ours without any AWS setting: the daemon must not see a real account, not even by accident."""
    kept = {name: value for name, value in os.environ.items() if not name.startswith(("AWS_", "MOTO_", "BOTO"))}
    package_root = str(Path(__file__).resolve().parents[2])
    kept["PYTHONPATH"] = os.pathsep.join(filter(None, [package_root, kept.get("PYTHONPATH", "")]))
    return kept


def _gone(info: SandboxInfo, deadline_s: float) -> bool:
    until = time.monotonic() + deadline_s
    while time.monotonic() < until:
        with contextlib.suppress(ChildProcessError):
            os.waitpid(info.pid, os.WNOHANG)
        if not daemon_record.alive(info):
            return True
        time.sleep(0.02)
    return False


def _locked(handle: int) -> bool:
    try:
        fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    return True
