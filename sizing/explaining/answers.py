"""The sums of an answer, each from the facts at the time of the question: lines of text with their figures, units and dates."""

from __future__ import annotations

import functools
import re
from collections.abc import Callable, Iterator
from datetime import date
from typing import Any

from inferstack.pricing.rates.rates import history, on_demand, regions
from inferstack.records.files.facts import load
from sizing.catalog import GIB, Gpu, Instance, find_gpu, find_instance, find_model, instances
from sizing.engines import layouts, table
from sizing.engines.engine import EngineVersion
from sizing.engines.layouts import ReplicaLayout
from sizing.engines.start_checks import fewer_sequences, state_pages
from sizing.engines.versions import engine_version, settings
from sizing.memory.kv_cache import kv_cost
from sizing.models.parameters import count
from sizing.models.quantisation.formats import Bits, bits_of
from sizing.models.shape import ModelShape
from sizing.models.weights import Shards, checkpoint_bytes
from sizing.planning.demand import SECONDS_A_DAY, planning
from sizing.speed.operating_point import capacity_per_s
from sizing.speed.replica import Replica, replica
from sizing.speed.traffic import Traffic

ORDINARY_CONTEXT = 8192
SNAPSHOT_ENDS = date(2026, 7, 1)
BATCHES = (1, 8, 64)


def computed(sum_: str, **arguments: Any) -> tuple[str, ...]:
    """Raises KeyError for a sum that does not exist, InputError for names that the facts do not hold."""
    return tuple(SUMS[sum_](**arguments))


def names_of_family(*, family: str) -> Iterator[str]:
    """Versions of the facts, from the names of the checkpoints of the family's own publisher."""
    names = [record["id"].split("/")[-1] for group in load("sizing")["models"].values() for record in group["records"]]
    versions = {found.group(1) for name in names if (found := re.match(rf"(?:Meta-)?{family}-(\d+(?:\.\d+)?)-", name))}
    yield f"{family} versions known: {', '.join(sorted(versions, key=float))}"


def sizes_of_family(*, family: str) -> Iterator[str]:
    for one in instances():
        if one.family == family:
            yield f"{one.instance_type}: {one.gpu_count} x {one.gpu}, {one.vcpus} vCPU, {one.memory_gib:,.0f} GiB; {_price(one)}"


def prices_of_gpu(*, gpu: str, region: str | None = None) -> Iterator[str]:
    """Every type with this GPU, by the GPU-hour."""
    for one in instances():
        if one.gpu == find_gpu(gpu).id:
            yield from prices_of_type(instance_type=one.instance_type, region=region)


def prices_of_type(*, instance_type: str, region: str | None = None) -> Iterator[str]:
    one, region = find_instance(instance_type), region or planning("region")
    rate = on_demand(one.instance_type, region)
    if rate and one.gpu_count > 1:
        yield f"{one.instance_type}: ${rate.usd:,.2f} an hour on demand in {region}, ${rate.usd / one.gpu_count:.2f} a GPU-hour"
    listed = [f"${rate.usd / one.gpu_count:.2f} from {rate.as_of}" for rate in history(f"ec2/on-demand/{one.instance_type}")
              if rate.region == region]  # fmt: skip
    known = [where for where in regions() if on_demand(one.instance_type, where)]
    if known:
        share = f"{one.gpu_share:g} of a" if one.gpu_share < 1 else f"{one.gpu_count} x"
        each = "an hour" if one.gpu_share < 1 else "a GPU-hour"
        yield f"{one.instance_type}, {share} {one.gpu}, on demand in {region}, {each}: {', '.join(listed) or 'no price'}"
    else:
        yield f"{one.instance_type}, {one.gpu_count} x {one.gpu}: no on-demand price in any of the {len(regions())} regions with prices"
    blocks = {rate.as_of: rate.usd for rate in history(f"ec2/capacity-block/{one.instance_type}")}
    if blocks:
        yield "  capacity block, a GPU-hour: " + ", ".join(f"${usd:.3f} from {day}" for day, usd in sorted(blocks.items()))
    spot = [rate.usd / one.gpu_count for rate in history(f"ec2/spot/{one.instance_type}") if rate.as_of < SNAPSHOT_ENDS]
    if spot:
        yield f"  spot, a GPU-hour, first half of 2026: ${min(spot):.2f} to ${max(spot):.2f}"


def blocks_against_on_demand() -> Iterator[str]:
    for one in instances():
        blocks, rate = history(f"ec2/capacity-block/{one.instance_type}"), on_demand(one.instance_type, planning("region"))
        if blocks and rate and one.gpu_count:
            block, each = blocks[-1], rate.usd / one.gpu_count
            share = f"{block.usd / each:.1%} of ${each:.3f} on demand"
            yield f"{one.instance_type}: block ${block.usd:.3f} a GPU-hour from {block.as_of}, {share}"


def memory_of_gpu(*, gpu: str) -> Iterator[str]:
    one, record = find_gpu(gpu), _gpu_record(gpu)
    yield f"{one.name}: {record['memory_gb_nominal']} GB of {record['memory_type']}, {one.bandwidth_bytes_per_s / 1e12:.2f} TB/s"
    if record.get("nvidia_smi_mib"):
        shown = record["nvidia_smi_mib"]
        yield f"nvidia-smi shows {shown:,} MiB = {shown / 1024:.1f} GiB; torch sees {one.total_gib:.1f} GiB"
    for held in instances():
        if held.gpu == one.id and held.gpu_count > 1:
            yield f"{held.instance_type}: {held.gpu_count} of them, {held.gpu_count * record['usable_gib']:,.0f} GiB"


def arithmetic_of_gpu(*, gpu: str) -> Iterator[str]:
    one = find_gpu(gpu)
    rates = {"16 bit": one.flops_bf16, "FP8": one.flops_fp8, "INT8": one.flops_int8, "FP4": one.flops_fp4}
    shown = ", ".join(f"{name} {flops / 1e12:,.0f} TFLOPS" for name, flops in rates.items() if flops)
    yield f"{one.name}, dense, without sparsity: {shown}"


def experts(*, model: str) -> Iterator[str]:
    """Parameters resident and used; experts read by a batch in expectation, if routing were uniform."""
    shape = find_model(model)
    counts, k, n = count(shape), shape.experts_per_token, shape.experts
    moe = sum(group.n for group in shape.layers if group.ffn == "moe")
    shared = " and 1 shared expert that always runs" if shape.shared_width else ""
    yield f"{shape.id}: {n} experts in {moe} of {shape.num_layers} layers; {k} routed a token{shared}"
    size = _gb(checkpoint_bytes(shape, bits_of(shape, None)))
    yield f"resident {counts.total / 1e9:.1f} B parameters ({size}), used by a token {counts.active / 1e9:.1f} B"
    read = ", ".join(f"{n * (1 - (1 - k / n) ** batch):.1f} by a batch of {batch}" for batch in BATCHES)
    yield f"experts read in one layer and step, of {n}: {read}"


def layout(*, model: str, gpu: str, gpus: int) -> Iterator[str]:
    shape, card = find_model(model), find_gpu(gpu)
    bits, engine = bits_of(shape, None), engine_version(None, None)
    why = layouts.refused(shape, bits, ReplicaLayout(tp=gpus), engine=engine)
    yield f"tensor parallel over {gpus}: {'refused: ' + why if why else 'legal'}"
    size = checkpoint_bytes(shape, bits)
    yield f"weights in {bits.format}: {_gb(size)} = {size / GIB:.0f} GiB; {gpus} x {card.id} have {gpus * card.total_gib:.0f} GiB"
    sold = sorted({one.gpu_count for one in instances() if one.gpu == card.id})
    if sold:
        yield f"EC2 sells {card.id} in instances of {', '.join(map(str, sold))}"


def fit(*, model: str, weight_quant: str | None, gpu: str, gpus: int, tokens: int = ORDINARY_CONTEXT) -> Iterator[str]:
    """Weights, the rest and the KV cache of one GPU, with room for one sequence of `tokens`."""
    shape, card = find_model(model), find_gpu(gpu)
    bits = bits_of(shape, weight_quant)
    size = checkpoint_bytes(shape, bits)
    yield f"{shape.id} in {bits.format}: {_gb(size)} of weights, all {count(shape).total / 1e9:.1f} B parameters"
    if tokens > shape.max_positions:
        yield beyond_positions(shape, tokens)
        tokens = shape.max_positions
    r = replica_on(shape, card, bits, layout=over(shape, bits, gpus), tokens=tokens)
    b = r.budget
    rest = b.activation_gib + b.graph_gib + b.non_torch_gib
    yield (
        f"{gpus} x {card.id}, a GPU: {b.weights_gib:.1f} GiB of weights + {rest:.1f} GiB of activations, graphs and runtime, "
        f"of {b.usable_gib:.1f} GiB that {r.engine.name} {r.engine.text} may use"
    )
    yield verdict(r, tokens)


def cheapest(*, model: str, weight_quant: str | None, tokens: int = ORDINARY_CONTEXT, region: str | None = None) -> Iterator[str]:
    """The cheapest instance type of the facts on which the engine starts with room for one sequence of `tokens`."""
    shape = find_model(model)
    bits, region = bits_of(shape, weight_quant), region or planning("region")
    if tokens > shape.max_positions:
        yield beyond_positions(shape, tokens)
        tokens = shape.max_positions
    found = _cheapest(shape, bits, tokens, region)
    if found is None:
        yield f"no instance type with a price in {region} starts {shape.id} in {bits.format} with {tokens:,} tokens on one node"
        return
    one, r, usd = found
    where = f"{one.instance_type} (tp{r.layout.tp} on {one.gpu}), ${usd:.2f} an hour in {region}"
    yield f"cheapest that starts it in {bits.format} with {tokens:,} tokens: {where}"


def long_context(*, model: str, weight_quant: str | None, tokens: int, gpu: str, gpus: int) -> Iterator[str]:
    """KV of one such sequence with and without the saving of windowed layers; the time and the price of its prompt."""
    shape, card = find_model(model), find_gpu(gpu)
    bits, engine = bits_of(shape, weight_quant), engine_version(None, None)
    if tokens > shape.max_positions:
        yield beyond_positions(shape, tokens)
        return
    yield from kv_of_one(shape, engine, tokens)
    r = replica_on(shape, card, bits, layout=over(shape, bits, gpus), tokens=tokens)
    yield f"{gpus} x {card.id}: {verdict(r, tokens)}"
    yield f"its prompt takes {_prompt_s(r, tokens) / 60:,.1f} minutes of these GPUs by the formula, far outside of what was measured"
    found = _cheapest(shape, bits, tokens, planning("region"))
    if found is None:
        yield f"no instance type with a price in {planning('region')} holds one on one node"
        return
    one, small, usd = found
    seconds = _prompt_s(small, tokens)
    yield (
        f"cheapest that holds one: {one.instance_type}, ${usd:.2f} an hour; the prompt takes {seconds / 60:,.1f} minutes there, "
        f"${usd * seconds / 3600:.2f}"
    )


def beyond_positions(shape: ModelShape, tokens: int) -> str:
    return f"{tokens:,} tokens are more than its {shape.max_positions:,} positions: not served at this length"


def owned(*, capital_usd: float, years: float, running_usd_per_year: float, tokens_per_day: float) -> Iterator[str]:
    a_year = capital_usd / years + running_usd_per_year
    tokens = tokens_per_day * 365
    yield f"${capital_usd:,.0f} / {years:g} years + ${running_usd_per_year:,.0f} a year = ${a_year:,.0f} a year"
    yield f"{tokens_per_day:,.0f} tokens a day = {tokens / 1e6:,.0f} M a year: ${a_year / tokens * 1e6:,.2f} per 1 M tokens"


def owned_at(*, usd_per_year: float, usd_per_mtok: float, model: str, weight_quant: str | None, gpu: str, gpus: int) -> Iterator[str]:
    """How many tokens a day owned GPUs of this yearly cost would have to serve for a price, beside what they take when full."""
    shape, card = find_model(model), find_gpu(gpu)
    r = replica_on(shape, card, bits_of(shape, weight_quant), layout=ReplicaLayout(), tokens=ORDINARY_CONTEXT)
    full = gpus * capacity_per_s(r, Traffic(isl=1024, osl=256)) * (1024 + 256)
    needed = usd_per_year / usd_per_mtok * 1e6 / 365
    yield (
        f"for ${usd_per_mtok:g} per 1 M tokens they would have to serve {needed / 1e9:,.1f} G tokens a day, "
        f"{needed / SECONDS_A_DAY:,.0f} tokens/s day and night, of prompts and answers together"
    )
    yield (
        f"{gpus} x {card.id}, every one full of {shape.id} in {r.bits.format} day and night, take {full:,.0f} tokens/s "
        f"(1,024 in, 256 out): ${usd_per_year / (full * SECONDS_A_DAY * 365) * 1e6:,.3f} per 1 M tokens"
    )


def load_of_day(*, tokens_per_day: float, model: str, weight_quant: str | None, gpu: str) -> Iterator[str]:
    """The mean rate beside what one GPU gives when it is full, at 1,024 tokens in and 256 out."""
    shape, card = find_model(model), find_gpu(gpu)
    rate = tokens_per_day / SECONDS_A_DAY
    r = replica_on(shape, card, bits_of(shape, weight_quant), layout=ReplicaLayout(), tokens=ORDINARY_CONTEXT)
    full = capacity_per_s(r, Traffic(isl=1024, osl=256)) * (1024 + 256)
    yield f"{tokens_per_day:,.0f} tokens a day are {rate:,.1f} tokens/s in the mean"
    yield (
        f"one {card.id} full of {shape.id} in {r.bits.format} takes {full:,.0f} tokens/s "
        f"(prompts of 1,024 and answers of 256 counted together): {rate / full:.2%} of it"
    )


def _prompt_s(r: Replica, tokens: int) -> float:
    return float(r.prefill_s(tokens) * r.features.stages)


def kv_of_one(shape: ModelShape, engine: EngineVersion, tokens: int) -> Iterator[str]:
    for width in (2.0, 1.0):
        cost = kv_cost(shape, Shards(gpus=1, attention=1, pp=1, experts=1), element_bytes=width, engine=engine)
        whole, kept = (cost.full_bytes + cost.span_bytes) * tokens, cost.sequence_bytes(tokens)
        saved = f"; {_gb(whole)} where the engine keeps the windowed layers whole" if cost.span_bytes else ""
        yield f"KV of one sequence of {tokens:,} tokens in {8 * width:.0f} bit ({engine.name} {engine.text}): {_gb(kept)}{saved}"


def _cheapest(shape: ModelShape, bits: Bits, tokens: int, region: str) -> tuple[Instance, Replica, float] | None:
    priced = [(rate.usd, one) for one in instances() if not one.why_unsupported and (rate := on_demand(one.instance_type, region))]
    for usd, one in sorted(priced, key=lambda pair: (pair[0], pair[1].instance_type)):
        r = _starting(shape, bits, one, tokens=tokens)
        if r:
            return one, r, usd
    return None


def _starting(shape: ModelShape, bits: Bits, instance: Instance, *, tokens: int) -> Replica | None:
    card, engine = find_gpu(instance.gpu or ""), _engine(bits)
    needs = engine.facts["min_capability"]
    if card.compute_capability < needs.get(bits.format, needs["any"]):
        return None
    for one in layouts.legal(shape, bits, engine=engine, gpus_per_node=instance.gpu_count):
        if one.tp > 1 and not engine.cuts_matrices:
            continue
        r = replica_on(shape, card, bits, layout=one, tokens=tokens)
        if r.why_not is None and r.concurrency(tokens) >= 1:
            return r
    return None


def over(shape: ModelShape, bits: Bits, gpus: int) -> ReplicaLayout:
    """Tensor parallel; with the experts spread whole where they cannot be cut."""
    cut = ReplicaLayout(tp=gpus)
    spread = ReplicaLayout(tp=gpus, ep=gpus)
    why = layouts.refused(shape, bits, cut, engine=_engine(bits))
    return spread if why and shape.is_moe and not layouts.refused(shape, bits, spread, engine=_engine(bits)) else cut


def replica_on(shape: ModelShape, gpu: Gpu, bits: Bits, *, layout: ReplicaLayout, tokens: int) -> Replica:
    """Return a replica under the engine's own settings, with fewer sequences where their recurrent states would find no room."""
    engine = _engine(bits)
    under = settings(engine, shape, gpu=gpu, offline=False, max_model_len=tokens)
    started = functools.partial(
        replica, shape, gpu, bits, layout=layout, engine=engine, kv_quant="auto", offline=False, hop_bytes_per_s=gpu.link_bytes_per_s
    )
    found = started(settings=under)
    fewer = fewer_sequences(found.kv, found.budget, under)
    return started(settings=fewer) if fewer else found


def _engine(bits: Bits) -> EngineVersion:
    return engine_version(table.for_format(bits.format), None)


def verdict(r: Replica, tokens: int) -> str:
    if r.why_not:
        return f"does not start: {r.why_not}"
    need, left = r.kv.sequence_bytes(tokens) / GIB, r.budget.kv_gib
    if need > left:
        return f"does not start with {tokens:,} tokens: one sequence needs {need:.1f} GiB of KV cache a GPU, {left:.1f} are left"
    pages = state_pages(r.kv, r.budget)
    limit = f", with --max-num-seqs {r.settings.max_num_seqs} (its states have {pages:,} pages)" if pages is not None else ""
    return f"starts: {left:.1f} GiB of KV cache a GPU, {r.kv_tokens:,} tokens, {r.concurrency(tokens):,.1f} sequences of {tokens:,}{limit}"


def _price(one: Instance) -> str:
    rate = on_demand(one.instance_type, planning("region"))
    if rate is None:
        return f"no on-demand price in {planning('region')}"
    return f"${rate.usd:.2f} an hour on demand in {rate.region} ({rate.as_of}), ${rate.usd / max(one.gpu_count, 1):.2f} a GPU-hour"


def _gpu_record(name: str) -> dict[str, Any]:
    wanted = find_gpu(name).id
    return next(record for group in load("sizing")["gpus"].values() for record in group["records"] if record["id"] == wanted)


def _gb(size: float) -> str:
    return f"{size / 1e9:,.1f} GB"


SUMS: dict[str, Callable[..., Iterator[str]]] = {
    "names_of_family": names_of_family,
    "sizes_of_family": sizes_of_family,
    "prices_of_gpu": prices_of_gpu,
    "prices_of_type": prices_of_type,
    "blocks_against_on_demand": blocks_against_on_demand,
    "memory_of_gpu": memory_of_gpu,
    "arithmetic_of_gpu": arithmetic_of_gpu,
    "experts": experts,
    "layout": layout,
    "fit": fit,
    "cheapest": cheapest,
    "long_context": long_context,
    "owned": owned,
    "owned_at": owned_at,
    "load": load_of_day,
}
