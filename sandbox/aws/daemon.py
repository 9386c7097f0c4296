"""`python -m sandbox.aws.daemon --folder F`: composes the embedded AWS of one folder and serves it until its life is over."""

from __future__ import annotations

import argparse
import fcntl
import os
import secrets
import signal
import sys
import threading
from pathlib import Path
from typing import Any

from sandbox.aws import moto_settings, record
from sandbox.aws.faults import ArmedFaults
from sandbox.aws.faultspec import FaultSpec
from sandbox.aws.lifetime import Lifetime


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--folder", type=Path, required=True)
    folder = parser.parse_args().folder
    moto_settings.apply()
    with (folder / "daemon.lock").open("w") as lock:
        try:
            fcntl.flock(lock.fileno(), fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            sys.stderr.write("another daemon serves this folder\n")
            return 1
        Daemon(folder).run()
    return 0


class Daemon:
    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.token = secrets.token_urlsafe(32)
        self.lifetime = Lifetime()
        self.lock = threading.RLock()
        self.faults = ArmedFaults(folder, account_id=moto_settings.ACCOUNT_ID)

    def run(self) -> None:
        from moto.moto_server.werkzeug_app import DomainDispatcherApplication, create_backend_app

        from sandbox.aws.controls import Controls
        from sandbox.aws.front import Front
        from sandbox.aws.listener import Listener

        for number in (signal.SIGTERM, signal.SIGINT):
            signal.signal(number, lambda *_: self.lifetime.end())
        moto = DomainDispatcherApplication(create_backend_app)
        front = Front(moto=moto, controls=Controls(self.token, self._questions()), faults=self.faults, lock=self.lock)
        front.log_to(self.folder / "calls.log")
        front.seen = self.lifetime.seen
        listener = Listener(front.on_loopback, "127.0.0.1", 0, clients="127.0.0.0/8").start()
        pid = os.getpid()
        self.info = record.SandboxInfo(
            pid=pid, started=record.start_ticks(pid) or 0, endpoint_url=listener.url, account_id=moto_settings.ACCOUNT_ID
        )
        record.write(self.folder, record.DaemonRecord(self.info, self.token))
        self.lifetime.wait()
        listener.close()
        record.path_of(self.folder).unlink(missing_ok=True)

    def _questions(self) -> dict[str, Any]:
        return {
            "info": lambda asked: {"stacks": list(self.lifetime.stacks)},
            "attach": self._attach,
            "release": lambda asked: {"ends": self.lifetime.release(asked["stack"])},
            "faults": self._faults,
            "stop": lambda asked: {"ends": self.lifetime.end() is None},
        }

    def _attach(self, asked: dict[str, Any]) -> dict[str, Any]:
        self.lifetime.attach(str(asked["stack"]))
        return {"stacks": list(self.lifetime.stacks)}

    def _faults(self, asked: dict[str, Any]) -> dict[str, Any]:
        if asked.get("clear"):
            self.faults.clear()
        self.faults.arm([FaultSpec.parse(text) for text in asked.get("add", [])])
        return {"armed": [str(fault) for fault in self.faults.armed]}


if __name__ == "__main__":
    sys.exit(main())
