"""Parameter counts of a shape by part: embeddings, head, attention, dense FFN, experts, norms, vision, multi-token prediction."""

from __future__ import annotations

import functools
from dataclasses import dataclass

from sizing.attention.table import kind_of
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
    """Count parameters. `total` is what a server loads, `active` the text weights read for one token, `stored` the checkpoint's
    elements."""
    embed = shape.vocab * shape.hidden
    head = 0 if shape.tied else embed
    attn = sum(kind_of(group).params(shape, group) * group.n for group in shape.layers)
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


def ffn(shape: ModelShape, group: LayerGroup) -> tuple[int, int]:
    """Count the parameters of one layer: those read for every token, and those of all routed experts."""
    hidden, matrices = shape.hidden, 3 if shape.gated_ffn else 2
    if group.ffn == "none":
        return 0, 0
    if group.ffn == "dense":
        return matrices * hidden * group.intermediate + ((matrices - 1) * group.intermediate + hidden) * shape.ffn_bias, 0
    width = shape.expert_width
    routed = shape.experts * (matrices * hidden * width + (2 * width + hidden) * shape.expert_bias)
    return router(shape) + matrices * hidden * shape.shared_width + hidden * shape.shared_gate, routed


def router(shape: ModelShape) -> int:
    """Count the router of one MoE layer, which stays 16 bit in every quantised checkpoint seen."""
    return shape.hidden * shape.experts + shape.experts * shape.router_bias


def _mtp(shape: ModelShape) -> int:
    """Count the multi-token prediction layers, which are in the file and which a plain server does not load."""
    if not shape.mtp_layers:
        return 0
    last = shape.layers[-1]
    body = kind_of(last).params(shape, last) + sum(ffn(shape, last)) + shape.norms_per_layer * shape.hidden
    copies = 2 * shape.vocab * shape.hidden * shape.mtp_copies_embeddings
    return shape.mtp_layers * (body + 2 * shape.hidden**2 + 3 * shape.hidden + copies)
