"""Sums of an answer that count: the KV cache of many users, the fewest GPUs that start a model, what so many GPUs cost."""

from __future__ import annotations

from collections.abc import Iterator

from inferstack.pricing.rates.rates import on_demand
from sizing.catalog import GIB, find_gpu, find_model, instances
from sizing.engines.layouts import ReplicaLayout
from sizing.engines.versions import engine_version
from sizing.explaining.answers import ORDINARY_CONTEXT, beyond_positions, kv_of_one, over, replica_on, verdict
from sizing.memory.kv_cache import kv_cost
from sizing.models.quantisation.formats import Bits, bits_of
from sizing.models.shape import ModelShape
from sizing.models.weights import Shards
from sizing.planning.demand import planning
from sizing.speed.replica import Replica

COUNTS = (1, 2, 4, 8, 16, 24, 32)
NODE = 8


def sold(*, gpu: str, gpus: int, region: str | None = None) -> Iterator[str]:
    """Yield the hourly cost of this number of GPUs in the sizes in which they are sold: never less than a whole instance."""
    card, where = find_gpu(gpu), region or planning("region")
    whole = [
        (one, rate.usd)
        for one in instances()
        if one.gpu == card.id and one.gpu_share >= 1 and (rate := on_demand(one.instance_type, where))
    ]
    if not whole:
        yield f"{card.id}: no instance type with it has an on-demand price in {where}"
        return
    yield f"EC2 sells {card.id} in {where} in instances of {', '.join(str(n) for n in sorted({one.gpu_count for one, _ in whole}))}"
    for size in sorted({one.gpu_count for one, _ in whole}):
        usd, one = min(((usd, one) for one, usd in whole if one.gpu_count == size), key=lambda pair: pair[0])
        needed = -(-gpus // size)
        yield f"{gpus} of them: {needed} x {one.instance_type} = ${needed * usd:,.2f} an hour on demand"


def kv(*, model: str, tokens: int, users: int | None = None) -> Iterator[str]:
    """The KV cache of one sequence, and of as many at once, in both widths."""
    shape, engine = find_model(model), engine_version(None, None)
    tokens = min(tokens, shape.max_positions)
    yield from kv_of_one(shape, engine, tokens)
    if users and users > 1:
        for width in (2.0, 1.0):
            cost = kv_cost(shape, Shards(gpus=1, attention=1, pp=1, experts=1), element_bytes=width, engine=engine)
            whole = users * cost.sequence_bytes(tokens)
            yield f"for {users:,} users at {tokens:,} tokens each in {8 * width:.0f} bit: {whole / GIB:,.1f} GiB, beside the weights"


def fewest(*, model: str, weight_quant: str | None, gpu: str, tokens: int = ORDINARY_CONTEXT) -> Iterator[str]:
    """How many of a GPU the engine starts on with room for one sequence of `tokens`, in the model's own format and in FP8."""
    shape, card = find_model(model), find_gpu(gpu)
    formats = [None, "fp8"] if weight_quant is None and bits_of(shape, None).format in ("bf16", "fp16") else [weight_quant]
    if tokens > shape.max_positions:
        yield beyond_positions(shape, tokens)
        tokens = shape.max_positions
    for bits in (bits_of(shape, quant) for quant in formats):
        tried = [(gpus, replica_on(shape, card, bits, layout=_over_nodes(shape, bits, gpus), tokens=tokens)) for gpus in COUNTS]
        held = next(((gpus, r) for gpus, r in tried if _starts(r, tokens)), None)
        if held is None:
            yield f"not even {COUNTS[-1]} x {card.id} start it in {bits.format} with {tokens:,} tokens: {verdict(tried[-1][1], tokens)}"
            continue
        gpus, r = held
        nodes = f", {gpus // NODE} nodes of {NODE}" if gpus > NODE else ""
        yield f"at least {gpus} x {card.id} in {bits.format}{nodes}: {verdict(r, tokens)}"
        less = [(fewer, one) for fewer, one in tried if fewer < gpus]
        if less:
            yield f"  {less[-1][0]} x {card.id}: {verdict(less[-1][1], tokens)}"


def beyond(*, model: str, tokens: int) -> str | None:
    """Return why no engine starts the model with this many tokens; None within its positions."""
    shape = find_model(model)
    return beyond_positions(shape, tokens) if tokens > shape.max_positions else None


def _over_nodes(shape: ModelShape, bits: Bits, gpus: int) -> ReplicaLayout:
    """Tensor parallel within a node, pipeline stages over nodes."""
    return over(shape, bits, gpus) if gpus <= NODE else ReplicaLayout(tp=NODE, pp=gpus // NODE)


def _starts(r: Replica, tokens: int) -> bool:
    return r.why_not is None and r.kv.sequence_bytes(tokens) / GIB <= r.budget.kv_gib
