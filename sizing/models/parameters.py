"""Parameter counts of a shape by part: embeddings, head, attention, dense FFN, experts, norms, vision, multi-token prediction."""

from __future__ import annotations

import functools
from dataclasses import dataclass

from sizing.models.shape import LayerGroup, ModelShape


@dataclass(frozen=True, slots=True)
class Parameters:
    """`ffn` holds what every token reads: dense layers, shared experts, routers. `experts` are the routed ones."""

    embed: int
    head: int
    attn: int
    ffn: int
    router: int
    experts: int
    other: int
    vision: int
    mtp: int
    total: int
    active: int
    stored: int


@functools.cache
def count(shape: ModelShape) -> Parameters:
    """`total`: what a server loads; `active`: text weights read for one token; `stored`: elements of the checkpoint."""
    embed = shape.vocab * shape.hidden
    head = 0 if shape.tied else embed
    attn = sum(attention(shape, group) * group.n for group in shape.layers)
    fixed = sum(ffn(shape, group)[0] * group.n for group in shape.layers)
    routed = sum(ffn(shape, group)[1] * group.n for group in shape.layers)
    norm = (2 if shape.norm_bias else 1) * shape.hidden
    other = norm * shape.final_norm + shape.extra_params + sum(group.norms * norm * group.n for group in shape.layers)
    text = embed + head + attn + fixed + routed + other
    share = shape.experts_per_token / shape.experts if shape.experts else 1
    mtp = _mtp(shape)
    total = text + shape.vision_params
    return Parameters(
        embed=embed,
        head=head,
        attn=attn,
        ffn=fixed,
        router=sum(router(shape) * group.n for group in shape.layers if group.ffn == "moe"),
        experts=routed,
        other=other,
        vision=shape.vision_params,
        mtp=mtp,
        total=total,
        active=text - round(routed * (1 - share)),
        stored=total + mtp * shape.mtp_in_checkpoint + embed * shape.tied_head_stored,
    )


def attention(shape: ModelShape, group: LayerGroup) -> int:
    """Of one layer, norms of q and k included."""
    kinds = {"mla": _mla, "gated_deltanet": _delta_net, "kda": _kimi_delta, "mamba2": _mamba, "none": lambda *_: 0}
    return kinds.get(group.attn, _grouped_query)(shape, group)


def ffn(shape: ModelShape, group: LayerGroup) -> tuple[int, int]:
    """Of one layer: read for every token, and all routed experts."""
    hidden, matrices = shape.hidden, 3 if shape.gated_ffn else 2
    if group.ffn == "none":
        return 0, 0
    if group.ffn == "dense":
        return matrices * hidden * group.intermediate + ((matrices - 1) * group.intermediate + hidden) * shape.ffn_bias, 0
    width = shape.expert_width
    routed = shape.experts * (matrices * hidden * width + (2 * width + hidden) * shape.expert_bias)
    return router(shape) + matrices * hidden * shape.shared_width + hidden * shape.shared_gate, routed


def router(shape: ModelShape) -> int:
    """Of one MoE layer; stays 16 bit in every quantised checkpoint seen."""
    return shape.hidden * shape.experts + shape.experts * shape.router_bias


def qkv(shape: ModelShape, group: LayerGroup) -> tuple[int, int, int]:
    """Weights of q (with its gate), of k and v together, and of the output projection of one grouped-query layer."""
    q = shape.hidden * group.heads * shape.head_dim * (2 if shape.attention_gate else 1)
    return q, 2 * shape.hidden * group.kv_heads * shape.head_dim, group.heads * shape.head_dim * shape.hidden


def latents(shape: ModelShape) -> int:
    """Of one MLA layer: what projects down to the latents, and the indexer; no tensor parallelism cuts it."""
    mla, hidden = shape.mla, shape.hidden
    assert mla is not None
    n = hidden * mla.q_lora_rank + mla.q_lora_rank + hidden * (mla.kv_lora_rank + mla.rope_dim) + mla.kv_lora_rank
    return n + _indexer(shape)


def _grouped_query(shape: ModelShape, group: LayerGroup) -> int:
    dim = shape.head_dim
    n = sum(qkv(shape, group))
    n += (group.heads + 2 * group.kv_heads) * dim * shape.attention_bias + shape.hidden * shape.attention_out_bias
    cross = group.attn == "cross"
    norm = "per_head" if cross else shape.qk_norm
    n += {"per_head": 2 * dim, "full": (group.heads + group.kv_heads) * dim}.get(norm or "", 0)
    return n + group.heads * shape.attention_sinks + 2 * cross


def _mla(shape: ModelShape, group: LayerGroup) -> int:
    mla, hidden, heads = shape.mla, shape.hidden, group.heads
    assert mla is not None
    qk = mla.nope_dim + mla.rope_dim
    n = hidden * mla.q_lora_rank + mla.q_lora_rank + mla.q_lora_rank * heads * qk if mla.q_lora_rank else hidden * heads * qk
    n += hidden * (mla.kv_lora_rank + mla.rope_dim) + mla.kv_lora_rank
    n += mla.kv_lora_rank * heads * (mla.nope_dim + mla.v_dim) + heads * mla.v_dim * hidden
    return n + _indexer(shape)


def _indexer(shape: ModelShape) -> int:
    """Of DeepSeek's sparse attention."""
    mla, hidden = shape.mla, shape.hidden
    assert mla is not None
    if not mla.index_head_dim:
        return 0
    return (mla.q_lora_rank * mla.index_heads + hidden + 2) * mla.index_head_dim + hidden * mla.index_heads


def _delta_net(shape: ModelShape, _: LayerGroup) -> int:
    r, hidden = shape.recurrent, shape.hidden
    assert r is not None
    keys, values = r.key_heads * r.key_dim, r.value_heads * r.value_dim
    projections = hidden * (2 * keys + values) + hidden * values + 2 * hidden * r.value_heads + values * hidden
    return projections + (2 * keys + values) * r.conv + 2 * r.value_heads + r.value_dim


def _kimi_delta(shape: ModelShape, _: LayerGroup) -> int:
    """Kimi delta attention: three convolutions, and a decay and a gate of low rank."""
    r, hidden = shape.recurrent, shape.hidden
    assert r is not None
    inner = r.value_heads * r.value_dim
    low_rank = 2 * r.value_dim * (hidden + inner)
    return 4 * hidden * inner + low_rank + hidden * r.value_heads + 3 * inner * r.conv + r.value_heads + inner + r.value_dim


def _mamba(shape: ModelShape, _: LayerGroup) -> int:
    r, hidden = shape.recurrent, shape.hidden
    assert r is not None
    inner, groups = r.value_heads * r.value_dim, r.groups * r.state
    projections = hidden * (2 * inner + 2 * groups + r.value_heads) + inner * hidden
    return projections + (inner + 2 * groups) * (r.conv + 1) + 3 * r.value_heads + inner


def _mtp(shape: ModelShape) -> int:
    """Multi-token prediction layers: in the file, not loaded by a plain server."""
    if not shape.mtp_layers:
        return 0
    last = shape.layers[-1]
    body = attention(shape, last) + sum(ffn(shape, last)) + shape.norms_per_layer * shape.hidden
    copies = 2 * shape.vocab * shape.hidden * shape.mtp_copies_embeddings
    return shape.mtp_layers * (body + 2 * shape.hidden**2 + 3 * shape.hidden + copies)
