"""The tools that take a plan, found by name: each is a module of this folder that has an `EXPORT`."""

from __future__ import annotations

import difflib
import importlib

from inferstack.exports.target import ExportTarget
from inferstack.records.errors import InputError

NAMES = (
    "vllm", "docker-compose", "kubernetes", "llm-d", "production-stack", "kserve", "skypilot", "dstack", "trtllm-serve", "ollama",
)  # fmt: skip
"""In the order in which they are listed."""


def target_named(name: str) -> ExportTarget:
    """Return the tool. Raises InputError with all names, or the nearest, for one that is not known."""
    plain = name.strip().lower().replace("_", "-").replace(" ", "-")
    if plain in NAMES:
        return _load(plain)
    spelt = {spelling: known for known in NAMES for spelling in _load(known).spellings}
    if plain in spelt:
        return _load(spelt[plain])
    near = difflib.get_close_matches(plain, [*NAMES, *spelt], n=1)
    hint = f"did you mean {spelt.get(near[0], near[0])}?" if near else "inferstack export --help"
    raise InputError(f"--to {name!r:.40}: must be {', '.join(NAMES[:-1])} or {NAMES[-1]}", hint=hint)


def fitting(engine: str, *, across_nodes: bool) -> tuple[str, ...]:
    """Return the names of the tools that can run the engine."""
    return tuple(name for name in NAMES if fits(_load(name), engine, across_nodes=across_nodes))


def fits(target: ExportTarget, engine: str, *, across_nodes: bool) -> bool:
    """Whether the tool can run the engine; `across_nodes` with one replica on several nodes."""
    return engine in (target.across_nodes if across_nodes else target.engines)


def _load(name: str) -> ExportTarget:
    found: ExportTarget = importlib.import_module(f"{__package__}.{name.replace('-', '_')}").EXPORT
    return found
