"""One plan for one tool: what the tool cannot run is refused with the names of those that can."""

from __future__ import annotations

import shlex
from dataclasses import dataclass

from inferstack.exports import deployment, header, table
from inferstack.exports.target import ExportTarget
from inferstack.records.errors import InputError
from inferstack.records.plan import Plan


@dataclass(frozen=True)
class Exported:
    """`file_name` is what the tool looks for, or what the document's own commands call it."""

    target: str
    file_name: str
    text: str


def exported(plan: Plan, to: str, *, source: str, file_name: str | None = None) -> Exported:
    """Return the document; `source` says which plan it is. Raises InputError for a tool that does not run such a plan."""
    target = table.target_named(to)
    _refuse_unfit(plan, target)
    found = deployment.of_plan(plan)
    name = file_name or target.file_name
    content = target.content(found, shlex.quote(name))
    above = header.text(found, content, target=target.name, file_name=name, source=source)
    return Exported(target.name, name, above + content.body)


def _refuse_unfit(plan: Plan, target: ExportTarget) -> None:
    across = plan.nodes_per_replica > 1
    if table.fits(target, plan.engine, across_nodes=across):
        return
    what = f"one replica of {plan.engine} on {plan.nodes_per_replica} nodes" if across else plan.engine
    others = table.fitting(plan.engine, across_nodes=across)
    hint = (
        f"these do: {', '.join(others)}" if others else f"no target does: plan {'a replica for one node' if across else 'another engine'}"
    )
    raise InputError(f"--to {target.name}: it does not run {what}", hint=hint)
