"""The files of an open way to the endpoint: its certificate and its key, under the run, for the owner alone."""

from __future__ import annotations

import contextlib
import os
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

from inferstack.chain.benchmark import CA_FILE
from inferstack.cli.command import Command
from inferstack.records.errors import InputError
from inferstack.records.record import write_text
from inferstack.stack.workdir import Run

if TYPE_CHECKING:
    from pydantic import SecretStr

FOLDER = "connect"
HEADER_FILE = "authorization.txt"
SECRET_MODE = 0o600


@contextmanager
def write_files(at: Command, run: Run, key: SecretStr) -> Iterator[tuple[Path, Path]]:
    """Certificate and key in files that only this user reads; they go when the way is closed."""
    folder = (run.folder / FOLDER / str(os.getpid())).absolute()
    folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    try:
        authority = (at.stack.folder / CA_FILE).read_text(encoding="utf-8")
        yield (
            write_text(folder / CA_FILE, authority, mode=SECRET_MODE),
            write_text(folder / HEADER_FILE, f"Authorization: Bearer {key.get_secret_value()}\n", mode=SECRET_MODE),
        )
    except FileNotFoundError:
        raise InputError(f"--stack {at.name}: it has no certificate", hint=f"inferstack configure --stack {at.name}") from None
    finally:
        shutil.rmtree(folder, ignore_errors=True)
        with contextlib.suppress(OSError):  # another way of the same run is open
            folder.parent.rmdir()


def remove_files(stack: Path) -> None:
    """Delete what a killed `connect` left in the runs of a stack: `down` calls it."""
    for folder in stack.glob(f"runs/*/{FOLDER}"):
        shutil.rmtree(folder, ignore_errors=True)
