"""Words for a plan: what binds it, why the others lost, what was assumed."""

from __future__ import annotations

import re
from collections.abc import Iterator

from sizing.models.quantisation.formats import runs_natively
from sizing.options import request
from sizing.planning.checkpoint import Checkpoint
from sizing.planning.constraints import broken
from sizing.planning.search import CONSTRAINTS, Breach, Fit, Loss, Search

PASSED_BY_CHOICE = frozenset({"instance", "request", "region", "price"})
MEANT = " is read as "
LAYOUT = re.compile(r"^tp=\d+(?: [a-z]+=\d+)*: ")
WHEN = re.compile(r" (?:at .* on (?:one replica|\d+ replicas)|with one request in flight)(?=; the target)")
WAYS_OUT = {
    "memory": "choose a smaller weight format (weight_quant), or allow more GPUs (tp, pp, instance_types)",
    "context": "lower max_model_len, or set kv_quant to fp8",
    "ttft": "raise ttft_ms, shorten the prompts, or allow faster GPUs",
    "itl": "raise itl_ms, choose a smaller weight format (weight_quant), or allow faster GPUs",
    "e2e": "raise e2e_ms or shorten the answers",
    "capacity": "raise dp, or leave it out",
    "failure": "raise dp, or leave n_plus_1 out",
    "budget": "raise max_usd_per_hour, or lower the load",
    "price": "read its prices with inferstack prices refresh --region REGION; list the known regions with inferstack prices list --regions",
    "region": "choose another region",
    "layout": "leave tp, pp and ep out: the planner then picks a legal layout",
    "engine": "choose another weight_quant or engine",
    "request": "allow more instance types",
}


def binding(search: Search, good: list[Fit], bad: list[Loss]) -> str:
    """What would break with less: with fewer instances, or on what costs less; the constraint's name first."""
    best = good[0]
    groups = best.count // best.nodes_per_replica - 1 - search.spare_groups
    fewer = groups * best.replicas_per_node
    why = broken(search, best.replica, fewer) if fewer > 0 and not search.request.dp else None
    if why:
        lost = " when one node is lost" if search.spare_groups else ""
        return f"{why.constraint}: {_few(groups * best.nodes_per_replica)}{lost}: {why.reason}"
    return (
        _of_more_smaller_ones(search, good)
        or _of_cheaper_ones(best, bad)
        or ("request: the cheapest type that the request allows" if any(loss.constraint == "request" for loss in bad) else "")
        or "none: the cheapest known instance type serves this load"
    )


def why(search: Search, good: list[Fit], bad: list[Loss]) -> str:
    """Return the next cheaper choice, its price and what it lacks, short enough for one line."""
    best = good[0]
    groups = best.count // best.nodes_per_replica - 1 - search.spare_groups
    broke = broken(search, best.replica, groups * best.replicas_per_node) if groups > 0 and not search.request.dp else None
    if broke:
        lost = ", one of them lost" if search.spare_groups else ""
        return _priced(best, best.count - best.nodes_per_replica, broke, lost)
    for fit in sorted((one for one in good[1:] if one.rate.usd < best.rate.usd), key=lambda one: -one.rate.usd):
        nodes = int(best.usd_per_hour / fit.rate.usd) // fit.nodes_per_replica
        left = max(nodes - search.spare_groups, 0)
        broke = broken(search, fit.replica, left * fit.replicas_per_node) if left else None
        if broke:
            return _priced(fit, nodes * fit.nodes_per_replica, broke)
    cheaper = [loss for loss in bad if loss.usd_per_hour is not None and loss.usd_per_hour < best.usd_per_hour]
    if cheaper:
        nearest = max(cheaper, key=lambda loss: (CONSTRAINTS.index(loss.constraint), loss.usd_per_hour or 0.0))
        return f"{nearest.instance_type} at ${nearest.usd_per_hour:,.2f}/h: {_lacks(nearest)}"
    return "no cheaper instance type is known"


def _priced(fit: Fit, count: int, broke: Breach, lost: str = "") -> str:
    return f"{count} x {fit.instance.instance_type} at ${count * fit.rate.usd:,.2f}/h{lost}: {_lacks(broke)}"


def _lacks(broke: Breach | Loss) -> str:
    """Return the reason without the layout, the load and the sum: the details have them."""
    if broke.constraint == "capacity":
        return f"{broke.excess:.0%} loaded, the limit is {broke.reason.rpartition(' ')[2]}"
    if broke.constraint == "memory":
        return "too little memory for weights and KV cache"
    if broke.constraint == "context":
        return "too little KV cache for the longest request"
    said = LAYOUT.sub("", broke.reason)
    return WHEN.sub("", said).replace("; the target is ", ", target ")


def _few(instances: int) -> str:
    return "one instance is too few" if instances == 1 else f"{instances} instances are too few"


def _of_more_smaller_ones(search: Search, good: list[Fit]) -> str | None:
    """A type that is cheaper by the instance, but not by as many as it needs."""
    best = good[0]
    smaller = [fit for fit in good[1:] if fit.rate.usd < best.rate.usd]
    for fit in sorted(smaller, key=lambda one: -one.rate.usd):
        nodes = int(best.usd_per_hour / fit.rate.usd) // fit.nodes_per_replica
        left = max(nodes - search.spare_groups, 0)
        why = broken(search, fit.replica, left * fit.replicas_per_node) if left else None
        if why:
            return f"{why.constraint}: {nodes} x {fit.instance.instance_type} would cost no more, but {why.reason}"
    return None


def _of_cheaper_ones(best: Fit, bad: list[Loss]) -> str | None:
    cheaper = [loss for loss in bad if loss.usd_per_hour is not None and loss.usd_per_hour < best.usd_per_hour]
    if not cheaper:
        return None
    nearest = max(cheaper, key=lambda loss: (CONSTRAINTS.index(loss.constraint), loss.usd_per_hour or 0.0))
    price = f"{nearest.instance_type} at ${nearest.usd_per_hour:.2f}/h an instance"
    return f"{nearest.constraint}: the closest cheaper type, {price}, fails: {nearest.reason}"


def assumptions(search: Search, best: Fit, files: Checkpoint) -> tuple[str, ...]:
    return (
        *search.demand.assumptions,
        *_of_limits(search, best),
        *request.assumptions(search.special, search.shape, search.engine),
        *([files.says] if files.says else []),
        *_of_gpu(search, best),
        *_of_targets(search, best),
        *_of_idle_gpus(best),
        *(f"not verified for this model: {one}" for one in search.shape.uncertain),
    )


def dearer(best: Fit, fit: Fit) -> str:
    return (
        f"serves the load for {fit.count} x ${fit.rate.usd:.2f} = ${fit.usd_per_hour:.2f}/h; "
        f"{best.count} x {best.instance.instance_type} costs ${best.usd_per_hour:.2f}/h"
    )


def nearest_first(bad: list[Loss]) -> list[Loss]:
    """Those that came farthest through the constraints first, of equal ones the cheaper."""
    return sorted(bad, key=lambda loss: (-CONSTRAINTS.index(loss.constraint), loss.usd_per_hour or 0.0, loss.instance_type))


def nearest_losses(bad: list[Loss], n: int = 3) -> list[Loss]:
    """Return the nearest losses among the types that the request leaves in, unless it leaves none."""
    left = [one for one in bad if one.constraint not in PASSED_BY_CHOICE]
    return nearest_first(left or bad)[:n]


def way_out(constraint: str) -> str:
    return WAYS_OUT.get(constraint, "change the request; inferstack plan --help lists what it may hold")


def _of_limits(search: Search, best: Fit) -> Iterator[str]:
    r, asked = best.replica, search.request
    if asked.model and asked.model.lower() not in (search.shape.id.lower(), search.shape.id.rpartition("/")[2].lower()):
        yield f"the model {asked.model!r}{MEANT}{search.shape.id}"
    if asked.region is None:
        yield f"region {search.region}: the default, as the request names none"
    if asked.max_model_len is None:
        yield f"--max-model-len {search.max_model_len}: four times the mean request, rounded up; the engine refuses longer requests"
    yield (f"headroom: each replica stays below {search.headroom:.0%} of the load that it can serve (here {best.point.utilisation:.0%})")
    yield f"{search.reserve_gib:g} GiB of KV cache per GPU is held in reserve, so that a cold first start fits"
    yield f"KV cache in {'8' if r.kv.element_bytes == 1 else '16'} bit; prefix cache hit rate {asked.prefix_hit_rate:.0%}"


def _of_gpu(search: Search, best: Fit) -> Iterator[str]:
    gpu, bits = best.replica.gpu, search.bits
    if not runs_natively(gpu, bits.compute):
        yield f"{gpu.id} has no {bits.compute.upper()} arithmetic: {bits.format} weights are converted in the kernel and computed in 16 bit"
    if gpu.estimated:
        yield f"{gpu.id}: peak FLOP/s are estimates, not the vendor's dense figures"
    if best.nodes_per_replica > 1:
        yield f"one replica spans {best.nodes_per_replica} nodes: pipeline stages over the network, tensor parallelism within a node"


def _of_targets(search: Search, best: Fit) -> Iterator[str]:
    from sizing.speed import error_bands

    asked = search.request
    if any((asked.ttft_p99_ms, asked.itl_p99_ms, asked.e2e_p99_ms)):
        yield "p99 latencies are computed from queue, batch and other prompts, for requests of equal length; they have no error band"
    point, osl = best.point, asked.osl
    values: dict[error_bands.Metric, float] = {"ttft_ms": point.ttft_s * 1e3, "itl_ms": point.itl_s * 1e3, "e2e_ms": point.e2e_s(osl) * 1e3}
    if not search.demand.traffic.writes_on:
        del values["itl_ms"]
    for metric, value in values.items():
        target = getattr(search.request, metric)
        high = value * error_bands.of(best.replica, metric, t=search.demand.share(best.replicas), point=point).high
        if target is not None and high > target:
            name = metric.removesuffix("_ms").upper()
            yield f"{name} target {target:g} ms: predicted mean {value:.0f} ms, could be up to {high:.0f} ms"


def _of_idle_gpus(best: Fit) -> Iterator[str]:
    idle = best.count * best.instance.gpu_count - best.replicas * best.layout.gpus
    if idle > 0:
        shape, engine = best.replica.shape, best.replica.engine
        apart = engine.keeps_replicas_apart(shape)
        why = "" if apart else f", and {engine.name} runs only one replica{' of a model with experts' * shape.is_moe} per node"
        yield f"{idle} GPUs stay idle although you pay for them: the request fixes the layout{why}"
