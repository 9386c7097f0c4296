"""Every instance type with its best legal layout for a load, or the first constraint that it breaks, in numbers."""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import replace
from functools import lru_cache

from pricing.rates import Rate, on_demand
from records.request import Request
from sizing import layouts
from sizing.catalog import Gpu, Instance, find_gpu, instances, overridden
from sizing.constraints import broken, does_not_start, fewest, late, replicas_for_capacity
from sizing.demand import planning
from sizing.engines import Settings, settings
from sizing.layouts import ReplicaLayout
from sizing.preference import preference, the_front_first
from sizing.replica import Replica, replica
from sizing.search import CONSTRAINTS, Fit, Loss, Search


def fits(search: Search) -> tuple[list[Fit], list[Loss]]:
    """Cheapest first, one for each instance type that serves the load; and one loss for each that does not."""
    good: list[Fit] = []
    bad: list[Loss] = []
    for instance in instances():
        found = of_instance(search, instance)
        if isinstance(found, Fit):
            good.append(found)
        else:
            bad.append(found)
    return the_front_first(search, good), bad


def of_instance(search: Search, instance: Instance) -> Fit | Loss:
    """The best layout on this type, or of its layouts the loss that came farthest through the constraints."""
    loss = _not_considered(search, instance)
    rate = None if loss else on_demand(instance.instance_type, search.region)
    if loss is None and rate is None:
        loss = _loss(instance, "price", f"no on-demand price of {instance.instance_type} in {search.region} is known")
    if loss is not None or rate is None or instance.gpu is None:
        return loss or _loss(instance, "instance", "no GPU")
    gpu = _gpu(instance.gpu, search.request)
    found = [_of_layout(search, instance, gpu, layout=layout, rate=rate) for layout in _layouts(search, instance)]
    good = [one for one in found if isinstance(one, Fit)]
    if good:
        return min(good, key=preference(search))
    losses = [one for one in found if isinstance(one, Loss)]
    if not losses:
        return _loss(instance, "layout", _no_layout(search, instance), rate=rate)
    return max(losses, key=lambda one: (CONSTRAINTS.index(one.constraint), -one.excess))


def ways(search: Search, instance: Instance) -> Iterator[Replica]:
    """A replica in every legal layout that starts on one node of this type; nothing where the request or the region leaves it out."""
    if _not_considered(search, instance) or instance.gpu is None:
        return
    gpu = _gpu(instance.gpu, search.request)
    for layout in _layouts(search, instance):
        r = _replica(search, gpu, layout, hop=gpu.link_bytes_per_s)
        if layout.gpus <= instance.gpu_count and not does_not_start(search, r):
            yield r


def considered(search: Search, instance: Instance) -> bool:
    """Whether the request leaves the type open, the region has it, and the engine runs there."""
    return instance.gpu is not None and _not_considered(search, instance) is None


def layouts_on(search: Search, instance: Instance) -> tuple[ReplicaLayout, ...]:
    """The legal layouts that the request leaves open; none on a type that is not considered."""
    return _layouts(search, instance) if considered(search, instance) else ()


def replica_on(search: Search, instance: Instance, layout: ReplicaLayout) -> Replica:
    """On the GPUs of this type, whether it starts or not."""
    gpu = _gpu(instance.gpu or "", search.request)
    hop = gpu.link_bytes_per_s if layout.gpus <= instance.gpu_count else instance.network_bytes_per_s
    return _replica(search, gpu, layout, hop=hop)


def least_replicas(search: Search, r: Replica, *, most: int) -> int | None:
    """The fewest that hold the load within all targets; None where `r` does not start, or `most` of them do not hold it."""
    if does_not_start(search, r) or replicas_for_capacity(search, r) > most or broken(search, r, most):
        return None
    return fewest(search, r, most=most)


def _not_considered(search: Search, instance: Instance) -> Loss | None:
    asked = search.request
    if instance.why_unsupported:
        return _loss(instance, "instance", instance.why_unsupported)
    if asked.instance_type and instance.instance_type != asked.instance_type:
        return _loss(instance, "request", f"the request fixes instance_type {asked.instance_type}")
    if asked.instance_types and instance.instance_type not in asked.instance_types:
        return _loss(instance, "request", f"not among the requested instance_types {', '.join(asked.instance_types)}")
    if asked.gpu and instance.gpu != find_gpu(asked.gpu).id:
        return _loss(instance, "request", f"has {instance.gpu}; the request fixes gpu {find_gpu(asked.gpu).id}")
    if instance.regions and search.region not in instance.regions and on_demand(instance.instance_type, search.region) is None:
        return _loss(instance, "region", f"not offered in {search.region}; in {', '.join(instance.regions[-3:])} for example")
    needs = search.engine.facts["min_capability"]
    least, has = needs.get(search.bits.format, needs["any"]), find_gpu(instance.gpu or "").compute_capability
    if has < least:
        return _loss(
            instance, "engine", f"{search.engine.name} runs {search.bits.format} from compute capability {least}; {instance.gpu} has {has}"
        )
    return None


def _layouts(search: Search, instance: Instance) -> tuple[ReplicaLayout, ...]:
    """Of one node; over several nodes only where the request fixes more stages than a node has GPUs or nothing fits a node."""
    asked = search.request
    nodes = planning("max_nodes_a_replica") if (asked.pp or 1) * (asked.tp or 1) > instance.gpu_count else 1
    known = layouts.legal(search.shape, search.bits, engine=search.engine, gpus_per_node=instance.gpu_count, max_nodes=nodes)
    fixed = {"tp": asked.tp, "pp": asked.pp, "ep": asked.ep}
    return tuple(
        one
        for one in known
        if all(value is None or getattr(one, name) == value for name, value in fixed.items())
        and _one_process_a_node(search, one, instance)
        and search.special.takes(one)
    )


def _one_process_a_node(search: Search, layout: ReplicaLayout, instance: Instance) -> bool:
    """Replicas share a node only where the engine's own data parallelism keeps them independent: vLLM with a dense model."""
    if layout.gpus >= instance.gpu_count or (search.request.tp or search.request.pp):
        return search.engine.name != "llama.cpp" or layout.tp == 1
    return search.engine.name == "vllm" and not search.shape.is_moe


def _no_layout(search: Search, instance: Instance) -> str:
    """Why no layout was legal: what the request fixes, or the rule that the whole node breaks."""
    asked = search.request
    tp, pp, ep = asked.tp or instance.gpu_count, asked.pp or 1, asked.ep or 1
    layout = ReplicaLayout(tp=tp, pp=pp, ep=ep, gpus_per_node=instance.gpu_count)
    why = layouts.refused(search.shape, search.bits, layout, engine=search.engine)
    if why:
        return why
    if not search.special.takes(layout):
        return f"pp={pp}: {asked.speculative_method} does not run over pipeline stages"
    return f"tp={tp} x pp={pp} needs {tp * pp} GPUs in whole nodes; {instance.instance_type} has {instance.gpu_count}"


def _of_layout(search: Search, instance: Instance, gpu: Gpu, *, layout: ReplicaLayout, rate: Rate) -> Fit | Loss:
    nodes = math.ceil(layout.gpus / instance.gpu_count)
    hop = gpu.link_bytes_per_s if nodes == 1 else instance.network_bytes_per_s
    key = (gpu, layout, hop)
    if key not in search.known:
        search.known[key] = _least_replicas(search, gpu, layout, hop=hop)
    found = search.known[key]
    if isinstance(found, Loss):
        return replace(found, instance_type=instance.instance_type, layout=layout, usd_per_hour=rate.usd)
    r, least = found
    return _counted(search, instance, r, least=least, nodes=nodes, rate=rate)


def _counted(search: Search, instance: Instance, r: Replica, *, least: int, nodes: int, rate: Rate) -> Fit | Loss:
    """Whole instances: GPUs that are paid for anyway serve too, unless the request fixes dp."""
    shares = search.engine.name == "vllm"  # the others run one process a node, with one replica in it
    per_node = max(instance.gpu_count // r.layout.gpus, 1) if shares else 1
    fixed = search.request.dp
    replicas = fixed or least + search.spare_groups * per_node
    if fixed and fixed < least:
        why = broken(search, r, fixed)
        assert why is not None, "fewer replicas than the least that serve the load break something"
        return _loss(instance, why.constraint, why.reason, layout=r.layout, rate=rate)
    lost = min(per_node, replicas) if search.spare_groups else 0
    if fixed and fixed - lost < least:
        reason = f"dp={fixed} leaves {fixed - lost} replicas when one node is lost; {search.demand.says} need {least}"
        return _loss(instance, "failure", reason, layout=r.layout, rate=rate)
    count = math.ceil(replicas / per_node) * nodes
    replicas = replicas if fixed else count // nodes * per_node
    most, usd = planning("max_instances"), count * rate.usd
    if count > most:
        return _loss(instance, "count", f"{search.demand.says} need {count} instances, more than {most}", layout=r.layout, rate=rate)
    if search.request.max_usd_per_hour and usd > search.request.max_usd_per_hour:
        reason = f"{count} x ${rate.usd:.2f} = ${usd:.2f}/h, above max_usd_per_hour ${search.request.max_usd_per_hour:.2f}"
        return _loss(instance, "budget", reason, layout=r.layout, rate=rate)
    point = search.point(r, search.demand.share(replicas))
    return Fit(instance, r.layout, r, replicas, count, per_node, nodes, point, rate)


def _least_replicas(search: Search, gpu: Gpu, layout: ReplicaLayout, *, hop: float) -> tuple[Replica, int] | Loss:
    r = _replica(search, gpu, layout, hop=hop)
    why = does_not_start(search, r) or late(search, r, None, "with one request in flight")
    if why:
        return Loss("", why.constraint, why.reason, excess=why.excess)
    most = planning("max_instances") * 8
    least = fewest(search, r, most=most)
    return (r, least) if least else Loss("", "count", f"{search.demand.says} need more than {most} replicas")


def _replica(search: Search, gpu: Gpu, layout: ReplicaLayout, *, hop: float) -> Replica:
    plain = replica(
        search.shape, gpu, search.bits, layout=layout, engine=search.engine, settings=plan_settings(search, gpu),
        kv_quant=search.request.kv_quant, offline=False, hop_bytes_per_s=hop, reserve_gib=search.reserve_gib,
    )  # fmt: skip
    return search.special.on(plain)


def plan_settings(search: Search, gpu: Gpu) -> Settings:
    asked = search.request
    made = settings(
        search.engine, search.shape, gpu=gpu, offline=False, max_model_len=search.max_model_len, max_num_seqs=asked.max_num_seqs,
        max_num_batched_tokens=asked.max_num_batched_tokens, utilization=asked.gpu_memory_utilization,
    )  # fmt: skip
    return made if search.part == 1 else replace(made, utilization=round(made.utilization * search.part, 6))


def _loss(instance: Instance, constraint: str, reason: str, *, layout: ReplicaLayout | None = None, rate: Rate | None = None) -> Loss:
    return Loss(instance.instance_type, constraint, reason, layout, rate.usd if rate else None)


@lru_cache(64)
def _overridden(name: str, override: str) -> Gpu:
    from records.request import GpuOverride

    return overridden(find_gpu(name), GpuOverride.model_validate_json(override))


def _gpu(name: str, request: Request) -> Gpu:
    return _overridden(name, request.gpu_override.model_dump_json()) if request.gpu_override else find_gpu(name)
