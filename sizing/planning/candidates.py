"""Every instance type with its best legal layout for a load, or the first constraint that it breaks, in numbers."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator
from dataclasses import replace
from functools import lru_cache
from typing import NamedTuple

from inferstack.pricing.rates.rates import Rate
from inferstack.records.request import Request
from sizing.catalog import Gpu, Instance, find_gpu, instances, overridden
from sizing.engines import layouts
from sizing.engines.launch import LaunchSettings
from sizing.engines.layouts import ReplicaLayout
from sizing.engines.start_checks import fewer_sequences
from sizing.engines.versions import settings
from sizing.planning.constraints import broken, does_not_start, fewest, late, replicas_for_capacity
from sizing.planning.demand import planning
from sizing.planning.ranking import Rank, at_best, preference, the_front_first
from sizing.planning.search import CONSTRAINTS, Breach, Fit, Least, Loss, Search, Way
from sizing.speed.replica import Replica, replica


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
    rate = _price(search, instance)
    if isinstance(rate, Loss):
        return rate
    best, losses = _best(search, instance, rate, prefer=search)
    if best or losses:
        return best or max(losses, key=lambda one: (CONSTRAINTS.index(one.constraint), -one.excess))
    return _loss(instance, "layout", _no_layout(search, instance), rate=rate)


def no_worse(search: Search, instance: Instance, than: Rank, *, prefer: Search) -> Fit | None:
    """The best layout on this type by the preference of `prefer`; None where none can be as good as `than`. It may be worse all the same:
    what is looked into is what would be as good if it answered at once."""
    rate = _price(search, instance)
    return None if isinstance(rate, Loss) else _best(search, instance, rate, prefer=prefer, than=than)[0]


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
    """Return a replica on the GPUs of this type, whether it starts or not."""
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
    if instance.regions and search.region not in instance.regions and search.rate(instance.instance_type) is None:
        return _loss(instance, "region", f"not offered in {search.region}; in {', '.join(instance.regions[-3:])} for example")
    needs = search.engine.facts["min_capability"]
    least, has = needs.get(search.bits.format, needs["any"]), find_gpu(instance.gpu or "").compute_capability
    if has < least:
        return _loss(
            instance, "engine", f"{search.engine.name} runs {search.bits.format} from compute capability {least}; {instance.gpu} has {has}"
        )
    return None


def _layouts(search: Search, instance: Instance) -> tuple[ReplicaLayout, ...]:
    """List the layouts of one node; over several nodes only where the request fixes more stages than a node has GPUs, or where nothing
    fits one node."""
    asked = search.request
    nodes = planning("max_nodes_a_replica") if _spans_nodes(search, instance) else search.max_nodes
    nodes = nodes if search.engine.facts["spans_nodes"] else 1
    known = layouts.legal(search.shape, search.bits, engine=search.engine, gpus_per_node=instance.gpu_count, max_nodes=nodes)
    fixed = {name: value for name, value in (("tp", asked.tp), ("pp", asked.pp), ("ep", asked.ep)) if value is not None}
    return tuple(
        one
        for one in known
        if not any(getattr(one, name) != value for name, value in fixed.items())
        and _one_process_a_node(search, one, instance)
        and search.special.takes(one)
    )


def _spans_nodes(search: Search, instance: Instance) -> bool:
    """Whether the request fixes more stages than a node has GPUs for."""
    return (search.request.pp or 1) * (search.request.tp or 1) > instance.gpu_count


def _one_process_a_node(search: Search, layout: ReplicaLayout, instance: Instance) -> bool:
    """Replicas share a node only where the engine's own data parallelism keeps them independent."""
    if layout.gpus >= instance.gpu_count or (search.request.tp or search.request.pp):
        return search.engine.cuts_matrices or layout.tp == 1
    return search.engine.keeps_replicas_apart(search.shape)


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


def _price(search: Search, instance: Instance) -> Rate | Loss:
    """Return the rate of one instance, or why the type is not looked into."""
    loss = _not_considered(search, instance)
    rate = None if loss else search.rate(instance.instance_type)
    if rate is None:
        return loss or _loss(instance, "price", f"no on-demand price of {instance.instance_type} in {search.region} is known")
    return rate if instance.gpu else _loss(instance, "instance", "no GPU")


class _Offer(NamedTuple):
    """So many instances serve the load. `at_best`: their rank, if they answered at once."""

    replica: Replica
    instances: int
    nodes: int
    at_best: Rank


def _best(search: Search, instance: Instance, rate: Rate, *, prefer: Search, than: Rank | None = None) -> tuple[Fit | None, list[Loss]]:
    """The best layout; where none serves the load, their losses in the order of the layouts. What may need the fewest instances comes
    first: the times of a layout, which cost the most to compute, are not asked where it is dearer whatever they are."""
    offers: dict[int, _Offer] = {}
    losses: dict[int, Loss] = {}
    for way in _ways(search, instance):
        if than is not None and _at_best(search, way, way.instances, rate=rate, prefer=prefer) > than:
            break
        found = _offer(search, instance, way, rate=rate, prefer=prefer)
        if isinstance(found, Loss):
            losses[way.place] = found
        else:
            offers[way.place] = found
            than = found.at_best if than is None else min(than, found.at_best)
    equal = [one for _, one in sorted(offers.items()) if than is not None and one.at_best <= than]
    if equal:
        return min((_fit(search, instance, one, rate) for one in equal), key=preference(prefer)), []
    return None, [one for _, one in sorted(losses.items())]


def _ways(search: Search, instance: Instance) -> tuple[Way, ...]:
    """Every layout on nodes of this kind, first those that may need the fewest of them; known once for types that differ in price alone."""
    over_network = search.max_nodes > 1 or _spans_nodes(search, instance)
    kind = (instance.gpu, instance.gpu_count, instance.network_bytes_per_s if over_network else None)
    if kind not in search.ways:
        found = (_way(search, instance, place, layout) for place, layout in enumerate(_layouts(search, instance)))
        search.ways[kind] = tuple(sorted(found, key=lambda way: (way.instances, way.nodes, way.place)))
    return search.ways[kind]


def _way(search: Search, instance: Instance, place: int, layout: ReplicaLayout) -> Way:
    """Return what memory and capacity allow."""
    gpu, nodes = _gpu(instance.gpu or "", search.request), math.ceil(layout.gpus / instance.gpu_count)
    hop = gpu.link_bytes_per_s if nodes == 1 else instance.network_bytes_per_s
    key = (gpu.id, layout, hop)
    if key not in search.known:
        r = _replica(search, gpu, layout, hop=hop)
        why = does_not_start(search, r)
        search.known[key] = _lost(why) if why else Least(r, replicas_for_capacity(search, r))
    known = search.known[key]
    return Way(0 if isinstance(known, Loss) else _instances(search, instance, layout, nodes, least=known.replicas), nodes, place, key)


def _at_best(search: Search, way: Way, instances: int, *, rate: Rate, prefer: Search) -> Rank:
    return at_best(search, instances * rate.usd, nodes_per_replica=way.nodes, count=instances, prefer=prefer)


def _exactly(search: Search, way: Way) -> Least | Loss:
    """The fewest replicas that hold the load within all targets."""
    known = search.known[way.key]
    if isinstance(known, Loss) or known.exact:
        return known
    r, most = known.replica, planning("max_instances") * 8
    why = late(search, r, None, "with one request in flight")
    least = None if why else fewest(search, r, most=most)
    why = why or Breach("count", f"{search.demand.says} need more than {most} replicas")
    search.known[way.key] = Least(r, least, exact=True) if least else _lost(why)
    return search.known[way.key]


def _offer(search: Search, instance: Instance, way: Way, *, rate: Rate, prefer: Search) -> _Offer | Loss:
    known = _exactly(search, way)
    if isinstance(known, Loss):
        return Loss(instance.instance_type, known.constraint, known.reason, way.layout, rate.usd, known.excess)
    r, least = known.replica, known.replicas
    why = _fixed_too_low(search, instance, r, least=least)
    count = _instances(search, instance, r.layout, way.nodes, least=least)
    why = why or _too_many(search, count, rate)
    if why:
        return Loss(instance.instance_type, why.constraint, why.reason, r.layout, rate.usd)
    return _Offer(r, count, way.nodes, _at_best(search, way, count, rate=rate, prefer=prefer))


def _fixed_too_low(search: Search, instance: Instance, r: Replica, *, least: int) -> Breach | None:
    """Where the request fixes dp and more replicas are needed."""
    fixed = search.request.dp
    if not fixed:
        return None
    if fixed < least:
        why = broken(search, r, fixed)
        assert why is not None, "fewer replicas than needed do not serve the load"
        return why
    lost = min(_per_node(search, instance, r.layout), fixed) if search.spare_groups else 0
    if fixed - lost >= least:
        return None
    return Breach("failure", f"dp={fixed} leaves {fixed - lost} replicas when one node is lost; {search.demand.says} need {least}")


def _too_many(search: Search, count: int, rate: Rate) -> Breach | None:
    most, usd, budget = planning("max_instances"), count * rate.usd, search.request.max_usd_per_hour
    if count > most:
        return Breach("count", f"{search.demand.says} need {count} instances, more than {most}")
    if budget and usd > budget:
        return Breach("budget", f"{count} x ${rate.usd:.2f} = ${usd:.2f}/h, above max_usd_per_hour ${budget:.2f}")
    return None


def _instances(search: Search, instance: Instance, layout: ReplicaLayout, nodes: int, *, least: int) -> int:
    """Return the instances that hold this many replicas and a spare group, or the replicas that the request fixes."""
    per_node = _per_node(search, instance, layout)
    return math.ceil((search.request.dp or least + search.spare_groups * per_node) / per_node) * nodes


def _per_node(search: Search, instance: Instance, layout: ReplicaLayout) -> int:
    """Replicas that a node's one engine process serves with, each on GPUs of its own."""
    return max(instance.gpu_count // layout.gpus, 1) if search.engine.keeps_replicas_apart(search.shape) else 1


def _fit(search: Search, instance: Instance, offer: _Offer, rate: Rate) -> Fit:
    """Whole instances: GPUs that are paid for anyway serve too, unless the request fixes dp."""
    r, per_node = offer.replica, _per_node(search, instance, offer.replica.layout)
    replicas = search.request.dp or offer.instances // offer.nodes * per_node
    point = search.point(r, search.demand.share(replicas))
    return Fit(instance, r.layout, r, replicas, offer.instances, per_node, offer.nodes, point, rate)


def _replica(search: Search, gpu: Gpu, layout: ReplicaLayout, *, hop: float) -> Replica:
    """Return a replica under the engine's own settings, with fewer sequences where their recurrent states would find no room."""
    under = plan_settings(search, gpu)
    found = _under(search, gpu, layout, hop=hop, settings=under)
    if search.request.max_num_seqs is not None:
        return found
    fewer = fewer_sequences(found.kv, found.budget, under)
    if fewer:
        return _under(search, gpu, layout, hop=hop, settings=fewer)
    return _with_slots(search, found, lambda slots: _under(search, gpu, layout, hop=hop, settings=replace(under, max_num_seqs=slots)))


def _with_slots(search: Search, found: Replica, under: Callable[[int], Replica]) -> Replica:
    """Where the engine's slots are a default and no limit: as many as the KV cache holds mean requests, in steps of a half and a third
    and no more than it is built for. Slots of their own windows leave the less room the more they are."""
    most, t = search.engine.facts.get("most_slots"), search.demand.traffic
    slots = found.settings.max_num_seqs
    while most and (wanted := slots * 4 // 3 if slots % 3 == 0 else slots * 3 // 2) <= most["value"]:
        more = under(wanted)
        if more.why_not or more.max_batch(t.isl + t.osl) < wanted or more.kv.sequence_bytes(search.max_model_len) > more.kv_bytes:
            return found
        slots, found = wanted, more
    return found


def _under(search: Search, gpu: Gpu, layout: ReplicaLayout, *, hop: float, settings: LaunchSettings) -> Replica:
    plain = replica(
        search.shape, gpu, search.bits, layout=layout, engine=search.engine, settings=settings,
        kv_quant=search.request.kv_quant, offline=False, hop_bytes_per_s=hop, reserve_gib=search.reserve_gib,
    )  # fmt: skip
    return search.special.on(plain)


def plan_settings(search: Search, gpu: Gpu) -> LaunchSettings:
    asked = search.request
    made = settings(
        search.engine, search.shape, gpu=gpu, offline=False, max_model_len=search.max_model_len, max_num_seqs=asked.max_num_seqs,
        max_num_batched_tokens=asked.max_num_batched_tokens, utilization=asked.gpu_memory_utilization,
    )  # fmt: skip
    return made if search.part == 1 else replace(made, utilization=round(made.utilization * search.part, 6))


def _loss(instance: Instance, constraint: str, reason: str, *, layout: ReplicaLayout | None = None, rate: Rate | None = None) -> Loss:
    return Loss(instance.instance_type, constraint, reason, layout, rate.usd if rate else None)


def _lost(why: Breach) -> Loss:
    """Return a loss that holds on whatever instance type."""
    return Loss("", why.constraint, why.reason, excess=why.excess)


@lru_cache(64)
def _overridden(name: str, override: str) -> Gpu:
    from inferstack.records.request import GpuOverride

    return overridden(find_gpu(name), GpuOverride.model_validate_json(override))


def _gpu(name: str, request: Request) -> Gpu:
    return _overridden(name, request.gpu_override.model_dump_json()) if request.gpu_override else find_gpu(name)
