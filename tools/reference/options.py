"""Which verbs take an option."""

from __future__ import annotations

from functools import cache
from typing import Any


@cache
def verbs_by_option() -> dict[str, list[str]]:
    from inferstack.cli import verbs_table

    found: dict[str, list[str]] = {}
    for name in verbs_table.VERBS:
        for called, verb in _flat(name, verbs_table.load(name)):
            for parameter in verb.params:
                for option in [*parameter.opts, *parameter.secondary_opts]:
                    found.setdefault(option, []).append(called)
    return found


def _flat(name: str, verb: Any) -> list[tuple[str, Any]]:
    children = getattr(verb, "commands", None)
    return [(f"{name} {child}", one) for child, one in children.items()] if children else [(name, verb)]
