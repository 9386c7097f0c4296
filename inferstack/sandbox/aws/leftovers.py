"""What a daemon that died leaves behind, and its clearing: hosts first, then the records that named it."""

from __future__ import annotations

import argparse
import shutil
from pathlib import Path

from inferstack.sandbox.aws import daemon_record
from inferstack.sandbox.aws.instances import host_launcher

FILES = ("daemon.json", "faults.json", daemon_record.LOST)


def clear(folder: Path) -> None:
    """Only for a folder whose daemon does not live."""
    found = daemon_record.read(folder)
    if found is not None and daemon_record.alive(found.info):
        raise RuntimeError("the daemon of this folder lives")
    host_launcher.sweep(folder)
    for name in FILES:
        (folder / name).unlink(missing_ok=True)
    shutil.rmtree(folder / "faults.used", ignore_errors=True)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--folder", type=Path, required=True)
    clear(parser.parse_args().folder)


if __name__ == "__main__":
    main()
