"""The comment above every exported document: which plan it is of, what it is for, how it is used, and what it does not carry."""

from __future__ import annotations

import textwrap
from collections.abc import Iterable, Iterator
from importlib import metadata

from inferstack.exports.deployment import Deployment
from inferstack.exports.target import Content
from inferstack.records.plan import Figure, Plan

WIDTH = 118
NEVER_CARRIED = (
    "the private network and access by session alone: here the port is open to whoever reaches it",
    "TLS and its certificate",
    "the expiry, the reaper that enforces it, and the receipt of `down`",
    "the mirror of the weights in your bucket and its checksums: they come from the hub, or from where you put them",
    "the driver, fabric manager and NCCL settings of the nodes",
    "`bench`, and the verdict beside the prediction",
)

NAMES_IT = frozenset({"served-model-name", "alias"})
"""Options by which an engine calls the model otherwise than by what it loads."""


def text(deployment: Deployment, content: Content, *, target: str, file_name: str, source: str) -> str:
    """Return the header as comment lines."""
    plan = deployment.plan
    said = [f"{file_name}: for {target}, written by inferstack {metadata.version('inferstack')} from {source}", *_plan_lines(plan)]
    lines = [line for one in said for line in _comment(one)]
    for title, rows in (("Use", content.use), ("Needs", content.needs), ("Not carried over", _lacking(deployment, content))):
        lines += ["#", f"# {title}:", *(line for row in rows for line in _comment(row, mark="- "))] if rows else []
    return "\n".join([*lines, ""])


def _plan_lines(plan: Plan) -> Iterator[str]:
    layout, engine = plan.layout, f"{plan.engine} {plan.engine_version}"
    yield f"Plan: {plan.model.id} in {plan.model.weight_quant}, {engine}, made {plan.created_at:%Y-%m-%d}"
    yield (
        f"Cluster: {plan.instance_count} x {plan.instance_type} ({plan.gpus_per_instance} {plan.gpu} each) in {plan.region}, "
        f"tp {layout.tp}, pp {layout.pp}, ep {layout.ep}, {layout.dp} replica{'s' if layout.dp > 1 else ''} in all"
    )
    if plan.load:
        yield f"Load: {plan.load.says}"
    for name, figure in _targets(plan):
        yield f"Target: {name} at most {getattr(plan.request, name):g}" + (f", predicted {figure.value:,.4g}" if figure else "")
    yield f"Price: ${plan.usd_per_hour:,.2f} an hour, {plan.purchase_option}, prices of {plan.price_date}"


def _targets(plan: Plan) -> Iterator[tuple[str, Figure | None]]:
    """The targets that were asked for, with the prediction of the mean ones."""
    means = {"ttft_ms": plan.prediction.ttft_ms, "itl_ms": plan.prediction.itl_ms, "e2e_ms": plan.prediction.e2e_ms}
    for name in (*means, "ttft_p99_ms", "itl_p99_ms", "e2e_p99_ms"):
        if getattr(plan.request, name) is not None:
            yield name, means.get(name)


def _lacking(deployment: Deployment, content: Content) -> Iterator[str]:
    yield from content.lacks
    yield from _of_the_plan(deployment, content)
    yield from NEVER_CARRIED


def _of_the_plan(deployment: Deployment, content: Content) -> Iterator[str]:
    """Name what this plan has and no export carries."""
    plan, request = deployment.plan, deployment.plan.request
    yield f"the endpoint's key: set {deployment.key_words}"
    storage = plan.storage
    volume = f"{storage.root_volume_gib} GiB with {storage.root_iops:,} IOPS and {storage.root_throughput_mib_s:,} MiB/s"
    yield f"the storage: weights on {storage.weights_medium}, a root volume of {volume}"
    if deployment.model != plan.model.id and deployment.repository and not NAMES_IT.intersection(plan.engine_flags):
        yield f"the name {plan.model.id}: {plan.engine} answers to {deployment.model}"
    for guard in plan.guards:
        yield f"the guard {guard.id}: run it yourself ({guard.placement})"
    if request.max_usd_per_hour is not None:
        yield f"the limit of ${request.max_usd_per_hour:g} an hour"
    if request.lora_slots is not None:
        yield f"which LoRA adapters: the plan has room for {request.lora_slots} at once and knows none by name"
    if request.speculative_method is not None and not any("spec" in name for name in plan.engine_flags):
        yield f"speculation by {request.speculative_method}: no draft model is named"
    if deployment.container.get("moves"):
        yield f"version {plan.engine_version} of {plan.engine}: the tag {deployment.tag} of its image moves with the newest build"
    if deployment.revision and not deployment.revision_words and not content.carries_revision:
        yield f"revision {deployment.revision} of the weights: {plan.engine} {plan.engine_version} has no option for it"
    if deployment.nodes > 1:
        yield "EFA between the nodes of a replica: without it they talk over the pod or host network"


def _comment(line: str, mark: str = "") -> Iterable[str]:
    """Wrap one line. Whatever ends a line in text of others becomes a blank, so that the comment holds all of it."""
    yield from textwrap.wrap(
        " ".join(line.split()), WIDTH, initial_indent=f"# {mark}", subsequent_indent="#   ", break_long_words=False, break_on_hyphens=False
    )
