"""Which of an engine's options run code or reach out of the node, by the frozen option tables; a plan that holds one needs a person's word.

A plan.json is a file that others may have written: an option that the engine knows is not yet an option that is harmless.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from functools import cache
from typing import Any

from inferstack.records.files.facts import load
from playbooks import flags
from playbooks.flags import OWNED, EngineOption, Value

REFUSED = ("runs_code", "reaches_out")
UNCLASSIFIED = "is in no class of sizing/facts/flag_classes/known.yaml"


@dataclass(frozen=True)
class Danger:
    """An option of a plan that is refused unless it is allowed by name; `why` says what it does."""

    flag: str
    value: Value
    why: str


def dangers(engine: str, given: Mapping[str, Value], *, allowed: Iterable[str] = ()) -> tuple[Danger, ...]:
    """Return the options of the plan that run code or reach out and that nobody allowed. Raises InputError for an unknown option."""
    known, let = flags.options(engine), {name.lstrip("-") for name in allowed}
    found = (_danger(engine, known.get(name), name, value) for name, value in given.items() if name not in OWNED)
    return tuple(one for one in found if one is not None and one.flag not in let)


@cache
def classes(engine: str) -> dict[str, Any]:
    """The record of an engine: `runs_code` and `reaches_out` with their reasons, `safe_values`, `harmless`."""
    records = load("sizing")["flag_classes"]["known"]["records"]
    return next((dict(record) for record in records if record["engine"] == engine), {})


def class_of(engine: str, option: EngineOption) -> tuple[str, str] | None:
    """Return the option's class and the reason, or None for an option that nobody has judged."""
    names = {spelling.lstrip("-") for spelling in option.spellings}
    if names & OWNED:
        return "owned", "is set by the role"
    told = classes(engine)
    for kind in REFUSED:
        why = next((reason for name, reason in told.get(kind, {}).items() if name in names), None)
        if why is not None:
            return kind, str(why)
    return ("harmless", "") if names & set(told.get("harmless", ())) else None


def _danger(engine: str, option: EngineOption | None, name: str, value: Value) -> Danger | None:
    if option is None or value is False:  # an unknown option is refused by the table; what is switched off does nothing
        return None
    kind, why = class_of(engine, option) or ("unclassified", UNCLASSIFIED)
    if kind in ("owned", "harmless"):
        return None
    safe = classes(engine).get("safe_values", {})
    if any(str(value) in safe.get(spelling.lstrip("-"), ()) for spelling in option.spellings):
        return None
    return Danger(name, value, why)
