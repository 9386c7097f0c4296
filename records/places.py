"""Where inferstack keeps what it writes; one rule for the command line and for `python -m sizing.estimate`."""

from __future__ import annotations

import functools
import os
from collections.abc import Mapping
from pathlib import Path

ADDED_MODELS = Path("facts.d") / "models"  # a dot: no stack can be called so
OWN_PRICES = Path("facts.d") / "prices"
REHEARSAL_PRICES = Path("sandbox") / "prices"


def root(environment: Mapping[str, str] = os.environ) -> Path:
    """The checkout; for an installed wheel the user's state folder. Never the folder that the user happens to stand in."""
    checkout = _checkout()
    if checkout:
        return checkout
    state = environment.get("XDG_STATE_HOME") or Path(environment.get("HOME") or Path.home()) / ".local" / "state"
    return Path(state) / "inferstack"


@functools.cache
def _checkout() -> Path | None:
    """Asked with each price: where this file lies does not change."""
    folder = Path(__file__).resolve().parent.parent
    return folder if (folder / "Pulumi.yaml").exists() or (folder / "pyproject.toml").exists() else None


def work_folder(environment: Mapping[str, str] = os.environ) -> Path:
    """`.inferstack`, or what INFERSTACK_DIR says."""
    chosen = environment.get("INFERSTACK_DIR")
    return Path(chosen).absolute() if chosen else root(environment) / ".inferstack"


def added_models(environment: Mapping[str, str] = os.environ) -> Path:
    """The folder of the models that `inferstack model add` stored, one file each."""
    return work_folder(environment) / ADDED_MODELS


def own_prices(environment: Mapping[str, str] = os.environ) -> Path:
    """The folder of the prices that `inferstack prices refresh` read from AWS, one file for each region."""
    return work_folder(environment) / OWN_PRICES


def rehearsal_prices(environment: Mapping[str, str] = os.environ) -> Path:
    """The same of a rehearsal: synthetic, and no plan looks here."""
    return work_folder(environment) / REHEARSAL_PRICES
