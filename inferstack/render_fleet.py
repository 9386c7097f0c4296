"""A fleet for people: each model with where it runs, each kind of node with what shares its GPUs, the gap, and who fits nowhere."""

from __future__ import annotations

from collections import Counter

from inferstack import render
from inferstack.screen import Screen
from records.fleet import FleetPlan, Node, Placement, Served

MODELS = ("name", "model", "instance", "replicas", "of a GPU", "TTFT ms", "ITL ms", "alone $/h")
NODES = ("n", "instance", "GPU", "$/h each", "what runs on its GPUs")


def show(screen: Screen, plan: FleetPlan) -> None:
    date = f", prices of {plan.price_date}" if plan.price_date else ""
    screen.say(f"{len(plan.served)} models on {len(plan.nodes)} instances in {plan.region}{date}")
    render.table(screen, MODELS, [_served(one) for one in plan.served], right=(3, 4, 5, 6, 7))
    kinds = Counter((node.instance_type, node.gpu, node.usd_per_hour, _running(node)) for node in plan.nodes)
    render.table(screen, NODES, [(n, kind, gpu, render.usd(usd), text) for (kind, gpu, usd, text), n in kinds.items()], right=(0, 3))
    saved = plan.alone_usd_per_hour - plan.usd_per_hour
    share = saved / plan.alone_usd_per_hour if plan.alone_usd_per_hour else 0.0
    screen.say(
        f"Cost: {render.usd(plan.usd_per_hour)} an hour; each model alone: {render.usd(plan.alone_usd_per_hour)} ({share:.1%} saved)"
    )
    screen.say(
        f"  proven: no fleet of these {plan.columns} columns costs less than {render.usd(plan.lower_bound_usd_per_hour)} "
        f"(gap {plan.proven_gap:.2%}); columns {plan.columns_s:.2f} s, solved in {plan.solve_s:.2f} s"
    )
    for assumption in plan.assumptions:
        screen.say(f"  assumed: {assumption}")
    for lost in plan.not_served:
        screen.say(f"Not served: {lost.name} ({lost.model}): {lost.reason}")


def _served(one: Served) -> tuple[object, ...]:
    latency = (f"{one.ttft_ms:,.0f}", f"{one.itl_ms:.1f}")
    share = "whole" if one.share == 1 else f"{one.share:g}"
    return (one.name, one.model, one.instance_type, one.replicas, share, *latency, render.usd(one.alone_usd_per_hour))


def _running(node: Node) -> str:
    return ", ".join(_placed(one) for one in node.placements)


def _placed(one: Placement) -> str:
    gpus = f"{one.gpus[0]}-{one.gpus[-1]}" if len(one.gpus) > 1 else str(one.gpus[0])
    return f"{gpus}: {one.name}" + (f" x {one.share:g}" if one.share < 1 else "")
