"""Which verbs take an option."""

from __future__ import annotations

from functools import cache
from typing import Any


@cache
def verbs_by_option() -> dict[str, list[str]]:
    from inferstack.cli import verbs_table

    found: dict[str, list[str]] = {}
    whole = verbs_table.command()
    with whole.make_context("inferstack", ["status"], resilient_parsing=True) as context:
        for name in verbs_table.VERBS:
            for called, verb in _flat(name, whole.get_command(context, name)):
                for parameter in verb.params:
                    for option in [*parameter.opts, *parameter.secondary_opts]:
                        found.setdefault(option, []).append(called)
    return found


def _flat(name: str, verb: Any) -> list[tuple[str, Any]]:
    children = getattr(verb, "commands", None)
    return [(f"{name} {child}", one) for child, one in children.items()] if children else [(name, verb)]
