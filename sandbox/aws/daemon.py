"""`python -m sandbox.aws.daemon --folder F`: serves the embedded AWS of one folder until its life is over."""

from __future__ import annotations

import argparse
import fcntl
import signal
import sys
from pathlib import Path

from records.errors import InferstackError
from sandbox.aws import moto_settings, record


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
        try:
            _serve(folder)
        except InferstackError as error:
            sys.stderr.write(f"{error.message}\n")
            return error.code
    return 0


def _serve(folder: Path) -> None:
    from sandbox.aws.cloud import Cloud

    cloud = Cloud(folder)
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, lambda *_: cloud.lifetime.end("it was told to end by a signal"))
    with cloud.served(announce=lambda: record.write(folder, cloud.as_record())):
        cloud.lifetime.wait()
        if cloud.lifetime.stacks:
            record.write_private(folder / record.LOST, {"reason": cloud.lifetime.reason, "stacks": cloud.lifetime.stacks})
        record.path_of(folder).unlink(missing_ok=True)


if __name__ == "__main__":
    sys.exit(main())
