"""Plans beside each other: a column each, a line for each figure that a decision looks at."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from inferstack.cli.screen import Screen
from inferstack.records.plan import Plan
from inferstack.show import tables
from inferstack.show.plan import layout
from inferstack.show.tables import TableColumn, name, words

HOURS_PER_MONTH = 730
FIGURES: tuple[tuple[str, Callable[[Plan], str]], ...] = (
    ("model", lambda plan: plan.model.id.rpartition("/")[2]),
    ("instances", lambda plan: f"{plan.instance_count} x {plan.instance_type}"),
    ("GPUs", lambda plan: f"{plan.instance_count * plan.gpus_per_instance} x {plan.gpu}"),
    ("format", lambda plan: plan.model.weight_quant),
    ("engine", lambda plan: f"{plan.engine} {plan.engine_version}"),
    ("layout", lambda plan: layout(plan.layout)),
    ("load", lambda plan: plan.load.says if plan.load else "-"),
    ("TTFT mean ms", lambda plan: f"{plan.prediction.ttft_ms.value:,.0f}"),
    ("ITL mean ms", lambda plan: "-" if plan.prediction.itl_ms is None else f"{plan.prediction.itl_ms.value:,.1f}"),
    ("output tokens/s", lambda plan: f"{plan.prediction.output_tokens_per_s.value:,.0f}"),
    ("$/h", lambda plan: f"{plan.usd_per_hour:,.2f}"),
    ("$/month", lambda plan: f"{plan.usd_per_hour * HOURS_PER_MONTH:,.0f}"),
    ("$/1M output tokens", lambda plan: f"{plan.usd_per_mtok:,.2f}"),
)


def beside(screen: Screen, plans: Sequence[tuple[str, Plan]]) -> None:
    """Print the figures of each plan; lines that are the same for all are marked."""
    heads: list[TableColumn] = [name(""), *(words(one) for one, _ in plans), name("", 1)]
    rows = []
    for figure, value in FIGURES:
        values = [value(plan) for _, plan in plans]
        rows.append((figure, *values, "same" if len(set(values)) == 1 else ""))
    tables.table(screen, heads, rows)
