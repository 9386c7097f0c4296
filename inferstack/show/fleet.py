"""A fleet for people: each model with where it runs, each kind of node with what shares its GPUs, the gap, and who fits nowhere."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator

from inferstack.cli.screen import Screen
from inferstack.records.fleet import FleetNode, FleetPlan, Placement, Served
from inferstack.show import tables
from inferstack.show.tables import name, number, words

MODELS = (
    name("name"),
    name("model", 6),
    name("engine", 5),
    name("format", 3),
    name("instance"),
    number("replicas"),
    number("GPU share", 4),
    number("TTFT ms", 1),
    number("ITL ms", 1),
    number("alone $/h", 2),
)
NODES = (number("n"), name("instance"), name("GPU", 1), number("$/h each"), words("what runs on its GPUs"))
WAYS = {"on-demand": "on demand", "spot": "spot", "capacity-block": "capacity block", "savings-plan": "savings plan"}


def show(screen: Screen, plan: FleetPlan) -> None:
    if plan.served:
        _chosen(screen, plan)
    for assumption in plan.assumptions:
        screen.say(f"  assumption: {assumption}")
    for lost in plan.not_served:
        screen.say(f"Not served: {lost.name} ({lost.model}): {lost.reason}")


def _chosen(screen: Screen, plan: FleetPlan) -> None:
    date = f", prices of {plan.price_date}" if plan.price_date else ""
    screen.say(f"{len(plan.served)} models on {len(plan.nodes)} instances in {plan.region}{date}")
    tables.table(screen, MODELS, [_served(one) for one in plan.served])
    kinds = Counter((node.instance_type, node.gpu, node.usd_per_hour, _running(node)) for node in plan.nodes)
    tables.table(screen, NODES, [(n, kind, gpu, tables.usd(usd), text) for (kind, gpu, usd, text), n in kinds.items()])
    saved = plan.alone_usd_per_hour - plan.usd_per_hour
    share = saved / plan.alone_usd_per_hour if plan.alone_usd_per_hour else 0.0
    screen.say(
        f"Cost: {tables.usd(plan.usd_per_hour)}/h; each model on its own: {tables.usd(plan.alone_usd_per_hour)}/h ({share:.1%} saved)"
    )
    screen.say(
        f"  proven: no fleet of these {plan.columns} columns costs less than {tables.usd(plan.lower_bound_usd_per_hour)} "
        f"(gap {plan.proven_gap:.2%}); columns {plan.columns_s:.2f} s, solved in {plan.solve_s:.2f} s"
    )
    screen.say(f"  pricing options: {'; '.join(_bought(plan))}")
    screen.say("  for flags and environment of each process, use --json")


def _bought(plan: FleetPlan) -> Iterator[str]:
    """Sums over the types with a rate; how many have none is said."""
    for option, text in WAYS.items():
        found = [one.usd_per_hour for bought in plan.purchases for one in bought.options if one.option == option]
        known = [usd for usd in found if usd is not None]
        part = f" for {len(known)} of {len(found)} types, no price for the others" if len(known) < len(found) else ""
        yield f"{text} {tables.usd(sum(known))}{part}" if known else f"{text}: no price"


def _served(one: Served) -> tuple[object, ...]:
    latency = (f"{one.ttft_ms:,.0f}", "" if one.itl_ms is None else f"{one.itl_ms:.1f}")
    share = "whole" if one.share == 1 else f"{one.share:g}"
    return (
        one.name,
        one.model,
        one.engine,
        one.weight_quant,
        one.instance_type,
        one.replicas,
        share,
        *latency,
        tables.usd(one.alone_usd_per_hour),
    )


def _running(node: FleetNode) -> str:
    return ", ".join(_placed(one) for one in node.placements)


def _placed(one: Placement) -> str:
    gpus = f"{one.gpus[0]}-{one.gpus[-1]}" if len(one.gpus) > 1 else str(one.gpus[0])
    memory = f" of {one.memory_gib:.1f} GiB" if one.gpu_memory_utilization is None else f" at {one.gpu_memory_utilization:g} of the memory"
    return f"{gpus}: {one.name}" + (f" x {one.share:g}{memory}" if one.share < 1 else "")
