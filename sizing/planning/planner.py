"""`plan(request)`: every instance type of the facts x legal layout x count; rejected with a reason, sorted by cost, the first one taken."""

from __future__ import annotations

import math
from datetime import datetime

from inferstack.pricing.purchase.options import purchase_options
from inferstack.records.errors import Finding, InputError
from inferstack.records.plan import Candidate, Figure, Guard, Layout, ModelFacts, Plan, Prediction, Rejected, SplitFleet
from inferstack.records.request import Request
from sizing.catalog import asked_model, find_sold_gpu, instance_names
from sizing.engines import flags
from sizing.models import licence, remote_code
from sizing.models.parameters import count
from sizing.models.shape import ModelShape
from sizing.options import request as special_loads
from sizing.planning import formats_and_engines, over_budget, over_nodes, reasons, sensitivity, variants
from sizing.planning.checkpoint import Checkpoint, as_published
from sizing.planning.demand import demand, planning
from sizing.planning.formats_and_engines import FoundFits
from sizing.planning.pareto import Worth, front
from sizing.planning.ranking import worth
from sizing.planning.savings import savings
from sizing.planning.search import Fit, Loss, Search
from sizing.planning.storage import storage
from sizing.planning.target_limits import of_targets
from sizing.planning.time_to_ready import time_to_ready
from sizing.speed import error_bands, percentiles

# The longest admitted request is four times the mean (planning.yaml, context_over_mean); for short means a chat of a
# few turns would be refused.
SHORTEST_CONTEXT = 2048


def plan(request: Request, *, now: datetime) -> Plan:
    """Raises Finding when nothing serves the load within the limits, InputError with the nearest names for what does not exist."""
    asked, found = _searched(search_of(request))
    return _plan(asked, found, now=now)


def _searched(asked: Search) -> tuple[Search, FoundFits]:
    """Search one node a replica, and several nodes only where that is no matter of money."""
    found = formats_and_engines.over(asked)
    if not found.good:
        over_budget.refuse(asked, found)
    if not found.good and over_nodes.needed(found):
        asked = over_nodes.allowed(asked)
        found = formats_and_engines.over(asked)
        if not found.good:
            over_budget.refuse(asked, found)
    if not found.good:
        raise _infeasible(asked, found)
    return asked, found


def search_of(request: Request) -> Search:
    """The asked format on the asked engine, the checkpoint's own and the default where the request leaves them open."""
    shape = as_published(asked_model(request), request.weight_quant)
    _refuse_unservable(shape)
    licence.refuse(shape, request.domicile)
    first = variants.asked(request, shape)
    if first.engine.remote_code_flag:
        remote_code.refuse(shape, engine=first.engine.name, consent=request.trust_remote_code)
    request = _with_types(request)
    if request.gpu:
        find_sold_gpu(request.gpu)
    wanted = demand(request)
    return Search(
        request=request, shape=shape, bits=first.bits, engine=first.engine, demand=wanted,
        region=request.region or planning("region"), max_model_len=_max_model_len(request, shape, prompt=wanted.traffic.isl),
        headroom=request.headroom or planning("headroom"), reserve_gib=planning("reserve_gib"), spare_groups=int(request.n_plus_1),
        special=special_loads.of_request(request, shape, first.engine),
    )  # fmt: skip


def _with_types(request: Request) -> Request:
    """Return the request with the instance types of each family or pattern that it names. Raises InputError for what names none."""
    one = instance_names(request.instance_type) if request.instance_type else ()
    several = tuple(dict.fromkeys(name for pattern in request.instance_types or () for name in instance_names(pattern)))
    if len(one) > 1:
        return request.replaced(instance_type=None, instance_types=one)
    return request.replaced(instance_types=several) if several and several != request.instance_types else request


def _refuse_unservable(shape: ModelShape) -> None:
    if not shape.generates:
        raise Finding(
            f"model: {shape.id} is a classifier ({shape.architecture}), which generates no text",
            hint="it runs as a small service on the CPU beside a model; plan the model that it guards",
        )


def _max_model_len(request: Request, shape: ModelShape, *, prompt: float) -> int:
    """`prompt`: the tokens of a mean prompt, those of its images included."""
    mean = math.ceil(prompt + request.osl)
    seen = f", {prompt - request.isl:g} of images" if prompt > request.isl else ""
    if mean > shape.max_positions:
        raise InputError(
            f"isl: {prompt:g}{seen} + osl {request.osl:g} tokens are more than the {shape.max_positions} positions of {shape.id}",
            hint="shorten the prompts or choose a model with a longer context",
        )
    if request.max_model_len is None:
        longest = max(mean * planning("context_over_mean"), SHORTEST_CONTEXT)
        return int(min(2 ** math.ceil(math.log2(longest)), shape.max_positions))
    if not mean <= request.max_model_len <= shape.max_positions:
        raise InputError(
            f"max_model_len: {request.max_model_len} must lie between isl{seen} + osl = {mean} and {shape.max_positions} of {shape.id}"
        )
    return request.max_model_len


def _infeasible(search: Search, found: FoundFits) -> Finding:
    best = reasons.nearest_losses(found.bad)
    lost = "; ".join(f"{one.instance_type}: {one.reason}" for one in best)
    narrower = f"; {found.narrower}" if found.narrower else ""
    return Finding(
        f"no instance type serves {search.demand.says} of {search.shape.id} ({search.bits.format}) in {search.region}; "
        f"limited by {best[0].constraint}: {lost}",
        hint=reasons.way_out(best[0].constraint) + narrower,
    )


def _plan(asked: Search, found: FoundFits, *, now: datetime) -> Plan:
    found, beside = _with_guards(asked, found)
    good, bad = found.good, found.bad
    search, files = found.of(good[0])
    best, request = good[0], search.request
    instance = best.instance
    usd, prediction = best.usd_per_hour + sum(one.usd_per_hour for one in beside), predicted(search, best)
    options = purchase_options(instance.instance_type, search.region, best.count)
    stored = storage(instance, files.bytes_on_disk, shape=search.shape, engine=search.engine.name)
    return Plan(
        created_at=now,
        request=request,
        load=search.demand.load,
        region=search.region,
        model=_model_facts(search, files),
        weights=files.stored,
        engine=search.engine.name,
        engine_version=search.engine.text,
        engine_flags=_flags(search, best, online=bool(files.online)),
        kv_quant="fp8" if best.replica.kv.element_bytes == 1 else "bf16",
        instance_type=instance.instance_type,
        instance_count=best.count,
        gpu=best.replica.gpu.id,
        gpus_per_instance=instance.gpu_count,
        vcpus_per_instance=instance.vcpus,
        nvswitch=instance.nvswitch,
        layout=_layout(best),
        nodes_per_replica=best.nodes_per_replica,
        replicas_per_node=best.replicas_on_a_node,
        prediction=prediction,
        storage=stored,
        time_to_ready=time_to_ready(instance, stored, engine=search.engine.name),
        quota_code=instance.quota_code,
        usd_per_hour=usd,
        usd_per_mtok=usd_per_mtok(usd, prediction.output_tokens_per_s.value),
        price_date=best.rate.as_of,
        price_source=best.rate.source,
        binding_constraint=reasons.binding(search, good, bad),
        assumptions=_assumptions(asked, found, beside),
        licence=licence.of_model(search.shape),
        guards=beside,
        what_would_change=_what_would_change(search, found),
        why=reasons.why(search, good, bad),
        savings=savings(search, found, options),
        split_fleet=_split(search, best),
        purchase_options=options,
        searched=found.searched,
        candidates=_candidates(search, good),
        rejected=_rejected(search, good, bad),
    )


def _flags(search: Search, best: Fit, *, online: bool) -> flags.Flags:
    return flags.flags(
        best.replica,
        online_quantisation=online,
        kv_quant=search.request.kv_quant,
        trust_remote_code=search.request.trust_remote_code,
        replicas_per_node=best.replicas_on_a_node,
        nodes=best.nodes_per_replica,
    )


def _with_guards(asked: Search, found: FoundFits) -> tuple[FoundFits, tuple[Guard, ...]]:
    if not asked.request.guards:
        return found, ()
    from sizing.planning.guards import choice

    return choice.chosen(asked, found)


def _assumptions(asked: Search, found: FoundFits, beside: tuple[Guard, ...]) -> tuple[str, ...]:
    search, files = found.of(found.good[0])
    said = (*reasons.assumptions(search, found.good[0], files), *formats_and_engines.assumptions(asked, found))
    if not beside:
        return said
    from sizing.planning.guards import choice

    return (*choice.assumptions(search, found.good[0], beside), *said)


def _what_would_change(search: Search, found: FoundFits) -> tuple[str, ...]:
    tried = [one for one, _ in found.tried]
    narrower = [found.narrower] if found.narrower else []
    one_node = over_nodes.on_one_node(search, found.good[0])
    return (*sensitivity.what_would_change(search, found.good), *of_targets(search, found.good, tried), *narrower, *one_node)


def _split(search: Search, best: Fit) -> SplitFleet | None:
    if not search.request.split:
        return None
    from sizing.fleet import split_fleet

    return split_fleet.beside(search, best)


def predicted(search: Search, best: Fit) -> Prediction:
    r, point, osl = best.replica, best.point, search.request.osl
    rate = point.requests_per_s * best.replicas
    values: dict[error_bands.Metric, float] = {
        "output_tokens_per_s": rate * osl,
        "requests_per_s": rate,
        "ttft_ms": point.ttft_s * 1e3,
        "itl_ms": point.itl_s * 1e3,
        "e2e_ms": point.e2e_s(osl) * 1e3,
    }
    if not search.demand.traffic.writes_on:
        del values["itl_ms"]
    b = r.budget
    return Prediction(
        **{name: _figure(search, best, name, value=value) for name, value in values.items()},
        weights_gib=round(b.weights_gib, 3),
        activation_gib=round(b.activation_gib, 3),
        cuda_graph_gib=round(b.graph_gib, 3),
        non_torch_gib=round(b.non_torch_gib, 3),
        kv_cache_gib=round(b.kv_gib, 3),
        kv_cache_tokens=r.kv_tokens,
        max_concurrency=round(r.max_batch(search.demand.traffic.isl + osl) * best.replicas, 1),
        bound=point.bound,
        saturated=point.saturated,
        basis=error_bands.basis(r, search.demand.share(best.replicas)),
        p99_ms=_p99_ms(search, best),
    )


def _p99_ms(search: Search, best: Fit) -> dict[percentiles.Figure, float]:
    """Return the predicted p99 of each figure whose p99 the request limits, in milliseconds."""
    limited = [name for name in percentiles.FIGURES if f"{name}_p99_ms" in search.targets]
    if not limited:
        return {}
    late = percentiles.p99_s(best.replica, search.demand.share(best.replicas), best.point)
    return {name: _rounded(late[name] * 1e3) for name in limited}


def usd_per_mtok(usd_per_hour: float, output_tokens_per_s: float) -> float:
    """Dollars for a million output tokens at this load, not at full load."""
    return usd_per_hour / (output_tokens_per_s * 3600) * 1e6


def _figure(search: Search, best: Fit, metric: error_bands.Metric, *, value: float) -> Figure:
    band = error_bands.of(best.replica, metric, t=search.demand.share(best.replicas), point=best.point)
    return Figure(value=_rounded(value), low=_rounded(value * band.low), high=_rounded(value * band.high), band=band.says)


def _rounded(value: float) -> float:
    """Six significant digits: far finer than any band, and stable between platforms."""
    return float(f"{value:.6g}")


def _model_facts(search: Search, files: Checkpoint) -> ModelFacts:
    shape, counts = search.shape, count(search.shape)
    return ModelFacts(
        id=shape.id, architecture=shape.architecture, params_total=counts.total, params_active=counts.active,
        weight_quant=search.bits.format, checkpoint_bytes=files.bytes_on_disk, max_position_embeddings=shape.max_positions,
        license=shape.license, gated=shape.gated, source=shape.source,
    )  # fmt: skip


def _layout(fit: Fit) -> Layout:
    return Layout(tp=fit.layout.tp, pp=fit.layout.pp, ep=fit.layout.ep, dp=fit.replicas)


def _candidates(search: Search, good: list[Fit]) -> tuple[Candidate, ...]:
    worths = [worth(search, fit) for fit in good]
    return tuple(_candidate(search, fit, value=value, on_front=kept) for fit, value, kept in zip(good, worths, front(worths), strict=True))


def _candidate(search: Search, fit: Fit, *, value: Worth, on_front: bool) -> Candidate:
    tokens = fit.point.requests_per_s * fit.replicas * search.request.osl
    return Candidate(
        instance_type=fit.instance.instance_type, instance_count=fit.count, gpu=fit.replica.gpu.id, layout=_layout(fit),
        engine=fit.replica.engine.name, weight_quant=fit.replica.bits.format,
        output_tokens_per_s=_rounded(tokens), ttft_ms=_rounded(fit.point.ttft_s * 1e3),
        itl_ms=_rounded(fit.point.itl_s * 1e3) if search.demand.traffic.writes_on else None,
        usd_per_hour=fit.usd_per_hour, usd_per_mtok=usd_per_mtok(fit.usd_per_hour, tokens),
        bound=fit.point.bound, capacity_requests_per_s=_rounded(value.capacity_per_s), on_pareto_front=on_front,
    )  # fmt: skip


def _rejected(search: Search, good: list[Fit], bad: list[Loss]) -> tuple[Rejected, ...]:
    """Those that serve the load but cost more, then those that do not serve it, the nearest first."""
    dearer = [
        Rejected(instance_type=fit.instance.instance_type, reason=reasons.dearer(good[0], fit), constraint="cost", layout=_layout(fit))
        for fit in good[1:]
    ]
    unfit = [
        Rejected(
            instance_type=loss.instance_type, reason=loss.reason, constraint=loss.constraint,
            layout=Layout(tp=loss.layout.tp, pp=loss.layout.pp, ep=loss.layout.ep, dp=search.request.dp or 1) if loss.layout else None,
        )
        for loss in reasons.nearest_first(bad)
    ]  # fmt: skip
    return (*dearer, *unfit)
