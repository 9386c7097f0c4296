"""Where inferstack keeps what it writes; one rule for the command line and for `python -m sizing.estimate`."""

from __future__ import annotations

import functools
import os
import stat
from collections.abc import Container, Mapping
from pathlib import Path

WORK = ".inferstack"
ADDED_MODELS = Path("facts.d") / "models"  # a dot: no stack can be called so
OWN_PRICES = Path("facts.d") / "prices"
REHEARSAL_PRICES = Path("sandbox") / "prices"
PACKED = Path(__file__).resolve().parents[2] / "packed"


def root(environment: Mapping[str, str] = os.environ) -> Path:
    """The checkout, where the program and its Pulumi project lie; for an installed wheel the user's state folder."""
    checkout = _checkout()
    if checkout:
        return checkout
    state = environment.get("XDG_STATE_HOME") or Path(environment.get("HOME") or Path.home()) / ".local" / "state"
    return Path(state) / "inferstack"


def of_checkout(name: str) -> Path:
    """A file or folder of the checkout that the program reads as it lies there; a wheel carries it (hatch_build.py)."""
    return (_checkout() or PACKED) / name


def is_checkout() -> bool:
    """Whether this program lies in a checkout, which has a Makefile and an environment of its own."""
    return _checkout() is not None


@functools.cache
def _checkout() -> Path | None:
    """Return the checkout that this file lies in, or None; it is remembered, because every price asks for it."""
    folder = Path(__file__).resolve().parents[3]
    return folder if (folder / "Pulumi.yaml").exists() or (folder / "pyproject.toml").exists() else None


def work_folder(environment: Mapping[str, str] = os.environ) -> Path:
    """What INFERSTACK_DIR says, else the `.inferstack` of the current folder or of its nearest parent that has one, else a new one here.

    A parent's folder counts only if it is the user's own: in a folder that many may write, such as /tmp, anybody could lay one.
    """
    chosen = environment.get("INFERSTACK_DIR")
    if chosen:
        return Path(chosen).absolute()
    here = Path.cwd()
    if (here / WORK).is_dir():
        return here / WORK
    owners = {str(os.getuid()), environment.get("SUDO_UID")}
    return next((folder / WORK for folder in here.parents if _is_of(folder / WORK, owners)), here / WORK)


def _is_of(folder: Path, owners: Container[str | None]) -> bool:
    try:
        found = folder.stat()
    except OSError:
        return False
    return stat.S_ISDIR(found.st_mode) and str(found.st_uid) in owners


def added_models(environment: Mapping[str, str] = os.environ) -> Path:
    """The folder of the models that `inferstack model add` stored, one file each."""
    return work_folder(environment) / ADDED_MODELS


def own_prices(environment: Mapping[str, str] = os.environ) -> Path:
    """The folder of the prices that `inferstack prices refresh` read from AWS, one file for each region."""
    return work_folder(environment) / OWN_PRICES


def rehearsal_prices(environment: Mapping[str, str] = os.environ) -> Path:
    """The same of a rehearsal: synthetic, and no plan looks here."""
    return work_folder(environment) / REHEARSAL_PRICES
