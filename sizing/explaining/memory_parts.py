"""The memory of one GPU by its parts: weights by kind, activations, graphs, runtime, KV by kind of layer. The sum is the whole GPU."""

from __future__ import annotations

import math
from dataclasses import dataclass, replace

from sizing.attention.table import kind_of
from sizing.catalog import GIB
from sizing.memory.kv_cache import kv_cost
from sizing.models.gguf import mix
from sizing.models.parameters import ffn, router
from sizing.models.shape import LayerGroup
from sizing.models.weights import VOCAB_MULTIPLE, rope_bytes, stage_share, tower_bytes
from sizing.speed.replica import Replica

WIDE_BYTES = 2.0


@dataclass(frozen=True, slots=True)
class MemoryPart:
    """`group` is weights, runtime, kv or free."""

    group: str
    name: str
    bytes: float


@dataclass(frozen=True, slots=True)
class KvKind:
    """KV of one kind of layer on one GPU. `span_tokens` 0: every token is kept. `state_bytes` is for a sequence of any length."""

    kind: str
    layers: int
    bytes_per_token: float
    span_tokens: int
    state_bytes: float


def memory(r: Replica, *, reserve_gib: float) -> tuple[MemoryPart, ...]:
    """Return the parts of the fullest GPU's memory, in bytes; they add up to what torch sees of it. `reserve_gib` is what a plan keeps
    back of the KV cache."""
    b = r.budget
    parts = [
        *weights(r),
        MemoryPart("runtime", "activations", b.activation_gib * GIB),
        MemoryPart("runtime", "CUDA graphs", b.graph_gib * GIB),
        MemoryPart("runtime", "outside torch", b.non_torch_gib * GIB),
        MemoryPart("kv", "KV cache", r.kv_bytes),
        MemoryPart("kv", "pool of recurrent states", b.states_gib * GIB),
        MemoryPart("free", "kept back for a cold start", reserve_gib * GIB),
    ]
    left = b.total_gib * GIB - sum(part.bytes for part in parts)
    return tuple(part for part in (*parts, MemoryPart("free", "outside the engine's share", left)) if abs(part.bytes) >= 1)


def weights(r: Replica) -> tuple[MemoryPart, ...]:
    """Return the weights by kind; `scales and padding` is what the sum by kind does not explain of the weights after load."""
    named = {"attention": 0.0, "latent copies in 16 bit": 0.0, "MLP": 0.0, "shared experts": 0.0, "experts": 0.0, "router and norms": 0.0}
    for group in r.shape.layers:
        _add_group(named, r, group)
    share = stage_share(r.shape, r.layout.pp)
    named = {name: size * share for name, size in named.items()}
    named["router and norms"] += WIDE_BYTES * (r.shape.hidden * r.shape.final_norm + r.shape.extra_params)
    vision = tower_bytes(r.shape, r.layout.shards, cut=r.engine.cuts_towers)
    named |= _ends(r) | {"vision": vision, "rotary table": rope_bytes(r.shape)}
    named["layers kept wide"] = _kept_wide(r)
    named |= {name: size * GIB for name, size in r.beside}
    named["scales and padding"] = r.budget.weights_gib * GIB - sum(named.values())
    return tuple(MemoryPart("weights", name, size) for name, size in named.items() if abs(size) >= 1)


def kv_kinds(r: Replica) -> tuple[KvKind, ...]:
    """Layers of one kind together; the bytes a token of all kinds are those of the replica's KV cost."""
    share, whole = stage_share(r.shape, r.layout.pp), replace(r.layout.shards, pp=1)
    found: dict[tuple[str, int], KvKind] = {}
    for group in r.shape.layers:
        cost = kv_cost(replace(r.shape, layers=(group,)), whole, element_bytes=r.kv.element_bytes, engine=r.engine)
        each = (cost.full_bytes + cost.span_bytes) * share
        if not each and not cost.state_bytes:
            continue
        kept = cost.span_tokens if cost.span_bytes else 0
        name = _kind(group, kept)
        before = found.get((name, kept), KvKind(name, 0, 0.0, kept, 0.0))
        found[name, kept] = replace(
            before,
            layers=before.layers + group.n,
            bytes_per_token=before.bytes_per_token + each,
            state_bytes=before.state_bytes + cost.state_bytes * share,
        )
    return tuple(found.values())


def _add_group(named: dict[str, float], r: Replica, group: LayerGroup) -> None:
    shape, bits, shards, kind = r.shape, r.bits, r.layout.shards, kind_of(group)
    fixed, routed = ffn(shape, group)
    steering = router(shape) if group.ffn == "moe" else 0
    norms = group.norms * shape.hidden * (2 if shape.norm_bias else 1)
    named["attention"] += kind.params_per_gpu(shape, group, shards.attention) * bits.attn / 8 * group.n
    if not bits.format.startswith("gguf-"):
        named["latent copies in 16 bit"] += kind.decode_copy_bytes(shape, group) / shards.attention * group.n
    named["shared experts" if group.ffn == "moe" else "MLP"] += (fixed - steering) * bits.ffn / 8 / shards.attention * group.n
    named["experts"] += routed * bits.experts / 8 / shards.gpus * group.n
    named["router and norms"] += (steering + norms) * WIDE_BYTES * group.n


def _ends(r: Replica) -> dict[str, float]:
    """Embeddings and head; over several stages the fullest GPU holds one of them."""
    shape = r.shape
    rows = math.ceil(shape.vocab / VOCAB_MULTIPLE) * VOCAB_MULTIPLE / r.layout.shards.attention
    embed_bits, head_bits = (16.0, 16.0)
    if r.bits.format.startswith("gguf-"):
        embed_bits, head_bits = mix.embedding_bits(shape, r.bits.format.removeprefix("gguf-"))
    embed, head = rows * shape.hidden * embed_bits / 8, 0.0 if shape.tied else rows * shape.hidden * head_bits / 8
    if r.layout.pp == 1:
        return {"embeddings": embed, "head": head}
    return {"embeddings": embed} if embed >= head else {"head": head}


def _kept_wide(r: Replica) -> float:
    """What layers that a quantised checkpoint keeps in 16 bit take beyond the narrow width counted above."""
    if not (r.bits.own and r.shape.quantization):
        return 0.0
    narrow = min(r.bits.attn, r.bits.ffn, r.bits.experts) / 8
    return r.shape.quantization.kept_params * (WIDE_BYTES - narrow) / r.layout.shards.gpus / r.layout.pp


def _kind(group: LayerGroup, kept: int) -> str:
    kind = kind_of(group)
    if group.span == "full" or not kind.has_spans:
        return kind.label
    name = "sliding window" if group.span == "window" else "chunked attention"
    return name if kept else f"{name}, kept whole by this engine version"
