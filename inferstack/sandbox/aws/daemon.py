"""`python -m inferstack.sandbox.aws.daemon --folder F`: serves the embedded AWS of one folder until its life is over."""

from __future__ import annotations

import argparse
import fcntl
import signal
import sys
import time
from pathlib import Path

from inferstack.records.errors import InferstackError
from inferstack.sandbox.aws import daemon_record, moto_settings

ENDING_S = 75.0
"""Below the time that the starting command waits for this daemon (inferstack/sandbox/control.py)."""


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--folder", type=Path, required=True)
    folder = parser.parse_args().folder
    moto_settings.apply()
    with (folder / "daemon.lock").open("w") as lock:
        if not _held(lock.fileno()):
            sys.stderr.write("another daemon serves this folder\n")
            return 1
        try:
            _serve(folder)
        except InferstackError as error:
            sys.stderr.write(f"{error.message}\n")
            return error.code
    return 0


def _held(handle: int) -> bool:
    """False when another daemon keeps the folder. One that is ending still closes its hosts: it is waited for."""
    until = time.monotonic() + ENDING_S
    while True:
        try:
            fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            if time.monotonic() > until:
                return False
            time.sleep(0.1)
        else:
            return True


def _serve(folder: Path) -> None:
    from inferstack.sandbox.aws.embedded_aws import EmbeddedAws

    cloud = EmbeddedAws(folder)
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, lambda *_: cloud.lifetime.end("it was told to end by a signal"))
    with cloud.served(announce=lambda: daemon_record.write(folder, cloud.as_record())):
        cloud.lifetime.wait()
        if cloud.lifetime.stacks:
            daemon_record.write_private(folder / daemon_record.LOST, {"reason": cloud.lifetime.reason, "stacks": cloud.lifetime.stacks})
        daemon_record.path_of(folder).unlink(missing_ok=True)


if __name__ == "__main__":
    sys.exit(main())
