"""The matrices of a model under the names that lists of a quantised checkpoint use, layer by layer: what a format is said of."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace

from sizing.models import parameters
from sizing.models.shape import LayerGroup, ModelShape


@dataclass(frozen=True, slots=True)
class Style:
    """Where a family keeps its layers, and what it calls the parts and the matrices in them."""

    layers: tuple[str, ...] = ("model.layers", "model.language_model.layers", "language_model.model.layers")
    attention: tuple[str, ...] = ("self_attn",)
    ffn: tuple[str, ...] = ("mlp",)
    up: tuple[str, ...] = ("up_proj", "gate_up_proj")
    down: tuple[str, ...] = ("down_proj",)
    gate: tuple[str, ...] = ("gate_proj", "gate_up_proj")


LLAMA = Style()
OF_EXPERTS = Style(ffn=("block_sparse_moe", "mlp"), up=("w3", "up_proj"), down=("w2", "down_proj"), gate=("w1", "gate_proj"))
OLDER = Style(
    layers=("transformer.h", "model.decoder.layers", "gpt_neox.layers", "model.layers"),
    attention=("attn", "self_attn", "self_attention", "attention"),
    up=("c_fc", "fc1", "dense_h_to_4h", "fc_in", "up_proj"), down=("c_proj", "fc2", "dense_4h_to_h", "fc_out", "down_proj"),
)  # fmt: skip
STYLES = {
    **dict.fromkeys(("MixtralForCausalLM", "MiniMaxM2ForCausalLM", "PhiMoEForCausalLM", "GraniteMoeForCausalLM"), OF_EXPERTS),
    **dict.fromkeys(("Llama4ForConditionalGeneration", "Llama4ForCausalLM"), Style(ffn=("feed_forward",))),
    "NemotronHForCausalLM": Style(layers=("backbone.layers", "model.layers"),
    attention=("mixer",), ffn=("mixer",)),
    "JambaForCausalLM": Style(ffn=("feed_forward",)),
    "InternLM2ForCausalLM": Style(attention=("attention",), ffn=("feed_forward",), up=("w3",), down=("w2",), gate=("w1",)),
    "DbrxForCausalLM": Style(
        layers=("transformer.blocks",), attention=("norm_attn_norm.attn",), ffn=("ffn",), up=("w1",), down=("w2",), gate=("v1",)
    ),
    **dict.fromkeys(
        ("GPT2LMHeadModel", "GPTNeoXForCausalLM", "GPTJForCausalLM", "GPTBigCodeForCausalLM", "BloomForCausalLM", "FalconForCausalLM",
         "OPTForCausalLM", "MPTForCausalLM", "PhiForCausalLM", "Starcoder2ForCausalLM"), OLDER),
}  # fmt: skip
"""By class; what is none of these names its matrices as Llama does."""


@dataclass(frozen=True, slots=True)
class Module:
    """One matrix, or that of all experts of a layer: so many `weights`, under any of these `names`."""

    part: str
    weights: int
    names: tuple[str, ...]


def modules(shape: ModelShape, kinds: list[tuple[str, str]]) -> Iterator[Module]:
    """`kinds`: token mixer and FFN of every layer, in the order of the layers. Prediction layers come last, under the part `mtp`."""
    groups: dict[tuple[str, str], LayerGroup] = {(group.attn, group.ffn): group for group in shape.layers}
    style = STYLES.get(shape.architecture, LLAMA)
    for layer, (mixer, ffn) in enumerate(kinds):
        yield from _of_layer(shape, groups[mixer, ffn], style, [f"{prefix}.{layer}" for prefix in style.layers])
    if shape.mtp_layers:
        places = ["mtp.layers.0", *(f"{prefix}.{len(kinds)}" for prefix in style.layers)]
        yield from (replace(one, part="mtp") for one in _of_layer(shape, shape.layers[-1], style, places))


def _of_layer(shape: ModelShape, group: LayerGroup, style: Style, places: list[str]) -> Iterator[Module]:
    yield from _mixer(shape, group, style, places)
    if group.ffn == "dense":
        yield from _ffn(shape, "ffn", shape.hidden * group.intermediate, style, places, list(style.ffn))
    elif group.ffn == "moe":
        inside = [f"{one}.{experts}" for one in style.ffn for experts in ("experts.0", "experts")]
        yield from _ffn(shape, "experts", shape.hidden * shape.expert_width * shape.experts, style, places, inside)
        if shape.shared_width:
            shared = [f"{one}.{name}" for one in style.ffn for name in ("shared_expert", "shared_experts")]
            yield from _ffn(shape, "ffn", shape.hidden * shape.shared_width, style, places, shared)


def _ffn(shape: ModelShape, part: str, each: int, style: Style, places: list[str], inside: list[str]) -> Iterator[Module]:
    """Up and down, and gate where there is one; up and gate are one matrix in some files."""
    for leaves in (style.up, style.down, *((style.gate,) if shape.gated_ffn else ())):
        yield Module(part, each, _names(places, inside, leaves))


def _mixer(shape: ModelShape, group: LayerGroup, style: Style, places: list[str]) -> Iterator[Module]:
    if group.attn in ("gqa", "cross"):
        q, kv, out = parameters.qkv(shape, group)
        fused = ("qkv_proj",) if style is not OLDER else ("query_key_value", "c_attn", "Wqkv")
        closing = ("o_proj",) if style is not OLDER else ("c_proj", "dense", "out_proj", "o_proj")
        where = ["cross_attn"] if group.attn == "cross" else list(style.attention)
        for weights, leaves in ((q, ("q_proj", *fused)), (kv // 2, ("k_proj", *fused)), (kv // 2, ("v_proj", *fused)), (out, closing)):
            yield Module("attn", weights, _names(places, where, leaves))
    elif group.attn == "mla":
        yield from _latent(shape, group, places)
    elif group.attn == "gated_deltanet":
        yield from _delta_net(shape, places)
    elif group.attn == "kda":
        yield from _kimi_delta(shape, places)
    elif group.attn == "mamba2":
        r = shape.recurrent
        assert r is not None
        inner = r.value_heads * r.value_dim
        for weights, leaf in ((2 * inner + 2 * r.groups * r.state + r.value_heads, "in_proj"), (inner, "out_proj")):
            yield Module("attn", weights * shape.hidden, _names(places, ["mixer", "mamba"], (leaf,)))


def _kimi_delta(shape: ModelShape, places: list[str]) -> Iterator[Module]:
    """Kimi delta attention: square matrices, and a decay and a gate of low rank."""
    r, hidden = shape.recurrent, shape.hidden
    assert r is not None
    inner = r.value_heads * r.value_dim
    sizes = {
        **dict.fromkeys(("q_proj", "k_proj", "v_proj", "o_proj"), hidden * inner),
        **dict.fromkeys(("f_a_proj", "g_a_proj"), hidden * r.value_dim),
        **dict.fromkeys(("f_b_proj", "g_b_proj"), inner * r.value_dim),
        "b_proj": hidden * r.value_heads,
    }
    for leaf, weights in sizes.items():
        yield Module("attn", weights, _names(places, ["self_attn"], (leaf,)))


def _delta_net(shape: ModelShape, places: list[str]) -> Iterator[Module]:
    """Gated delta net; its convolution is no matrix that anybody quantises."""
    r = shape.recurrent
    assert r is not None
    keys, values = r.key_heads * r.key_dim, r.value_heads * r.value_dim
    sizes = (
        (2 * keys + values, ("in_proj_qkv", "in_proj_qkvz")), (values, ("in_proj_z", "in_proj_qkvz")),
        (r.value_heads, ("in_proj_b", "in_proj_ba")),
        (r.value_heads, ("in_proj_a", "in_proj_ba")), (values, ("out_proj",)),
    )  # fmt: skip
    for rows, leaves in sizes:
        yield Module("attn", rows * shape.hidden, _names(places, ["linear_attn"], leaves))


def _latent(shape: ModelShape, group: LayerGroup, places: list[str]) -> Iterator[Module]:
    """Multi-head latent attention."""
    mla, heads = shape.mla, group.heads
    assert mla is not None
    qk, wide = mla.nope_dim + mla.rope_dim, mla.q_lora_rank or shape.hidden
    sizes = {
        "q_a_proj": shape.hidden * mla.q_lora_rank,
        "q_b_proj" if mla.q_lora_rank else "q_proj": wide * heads * qk,
        "kv_a_proj_with_mqa": shape.hidden * (mla.kv_lora_rank + mla.rope_dim),
        "kv_b_proj": mla.kv_lora_rank * heads * (mla.nope_dim + mla.v_dim),
        "o_proj": heads * mla.v_dim * shape.hidden,
        "indexer.wq_b": mla.q_lora_rank * mla.index_heads * mla.index_head_dim,
        "indexer.wk": shape.hidden * mla.index_head_dim,
    }
    yield from (Module("attn", weights, _names(places, ["self_attn"], (leaf,))) for leaf, weights in sizes.items() if weights)


def _names(places: list[str], inside: list[str], leaves: tuple[str, ...]) -> tuple[str, ...]:
    return tuple(f"{place}.{one}.{leaf}" for place in places for one in inside for leaf in leaves)
