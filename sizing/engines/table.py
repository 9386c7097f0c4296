"""The engines that are sized, found by name: each is a module of this folder and a facts file of the same name."""

from __future__ import annotations

import functools
import importlib
from typing import Any

from inferstack.records import engines
from inferstack.records.errors import InputError
from sizing.engines.engine import EngineVersion


def engine_named(name: str) -> type[EngineVersion]:
    """Return the engine's class: `ENGINE` of its module."""
    found: type[EngineVersion] = importlib.import_module(f"{__package__}.{facts(name)['file']}").ENGINE
    return found


def facts(name: str) -> dict[str, Any]:
    """Return what the engine's facts file says."""
    return engines.table()[name]


def plain_name(name: str) -> str:
    """Return the engine's own name. Raises InputError for an engine that is not known."""
    try:
        return engines.named(name)
    except ValueError as error:
        raise InputError(f"engine: {error}") from None


def default() -> str:
    """Return the engine that is meant where none is named."""
    return engines.default()


def deployed() -> tuple[str, ...]:
    """Return the engines that a plan can start."""
    return engines.deployed()


@functools.cache
def chosen_unasked() -> tuple[str, ...]:
    """Return the engines that a plan chooses between where the request names none."""
    return tuple(name for name in engines.sized() if facts(name)["chosen_unasked"])


def for_format(format_: str) -> str:
    """Return the engine that is meant for a weight format where none is named: the first that reads GGUF files for one of those."""
    if not format_.startswith("gguf-"):
        return default()
    return next(name for name in engines.sized() if "gguf" in facts(name)["formats"])


@functools.cache
def remote_code_flags() -> tuple[str, ...]:
    """Return every engine's option that consents to code of the model's repository."""
    return tuple(flag for name in engines.sized() if (flag := engine_named(name).remote_code_flag))
