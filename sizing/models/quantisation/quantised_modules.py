"""The matrices of a model under the names that lists of a quantised checkpoint use, layer by layer: what a format is said of."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace

from sizing.attention.kind import MatrixNames
from sizing.attention.table import kind_of
from sizing.models.shape import LayerGroup, ModelShape

LLAMA_NAMES = MatrixNames()


@dataclass(frozen=True, slots=True)
class Style:
    """Where a family keeps its layers, and what it calls the parts and the matrices in them."""

    layers: tuple[str, ...] = ("model.layers", "model.language_model.layers", "language_model.model.layers")
    attention: MatrixNames = LLAMA_NAMES
    ffn: tuple[str, ...] = ("mlp",)
    up: tuple[str, ...] = ("up_proj", "gate_up_proj")
    down: tuple[str, ...] = ("down_proj",)
    gate: tuple[str, ...] = ("gate_proj", "gate_up_proj")


LLAMA = Style()
OF_EXPERTS = Style(ffn=("block_sparse_moe", "mlp"), up=("w3", "up_proj"), down=("w2", "down_proj"), gate=("w1", "gate_proj"))
OLDER = Style(
    layers=("transformer.h", "model.decoder.layers", "gpt_neox.layers", "model.layers"),
    attention=MatrixNames(
        module=("attn", "self_attn", "self_attention", "attention"), fused=("query_key_value", "c_attn", "Wqkv"),
        output=("c_proj", "dense", "out_proj", "o_proj"),
    ),
    up=("c_fc", "fc1", "dense_h_to_4h", "fc_in", "up_proj"), down=("c_proj", "fc2", "dense_4h_to_h", "fc_out", "down_proj"),
)  # fmt: skip
STYLES = {
    **dict.fromkeys(("MixtralForCausalLM", "MiniMaxM2ForCausalLM", "PhiMoEForCausalLM", "GraniteMoeForCausalLM"), OF_EXPERTS),
    **dict.fromkeys(("Llama4ForConditionalGeneration", "Llama4ForCausalLM"), Style(ffn=("feed_forward",))),
    "NemotronHForCausalLM": Style(layers=("backbone.layers", "model.layers"),
        attention=MatrixNames(("mixer",)), ffn=("mixer",)),
    "JambaForCausalLM": Style(ffn=("feed_forward",)),
    "InternLM2ForCausalLM": Style(attention=MatrixNames(("attention",)), ffn=("feed_forward",), up=("w3",), down=("w2",), gate=("w1",)),
    "DbrxForCausalLM": Style(
        layers=("transformer.blocks",), attention=MatrixNames(("norm_attn_norm.attn",)), ffn=("ffn",),
        up=("w1",), down=("w2",), gate=("v1",),
    ),
    **dict.fromkeys(
        ("GPT2LMHeadModel", "GPTNeoXForCausalLM", "GPTJForCausalLM", "GPTBigCodeForCausalLM", "BloomForCausalLM", "FalconForCausalLM",
         "OPTForCausalLM", "MPTForCausalLM", "PhiForCausalLM", "Starcoder2ForCausalLM"), OLDER),
}  # fmt: skip
"""By class; what is none of these names its matrices as Llama does."""


@dataclass(frozen=True, slots=True)
class Module:
    """One matrix, or that of all experts of a layer together: `weights` elements, known under any of these `names`."""

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
    for one in kind_of(group).matrices(shape, group, style.attention):
        yield Module("attn", one.weights, _names(places, list(one.module), one.names))
    if group.ffn == "dense":
        yield from _ffn(shape, "ffn", shape.hidden * group.intermediate, style, places, list(style.ffn))
    elif group.ffn == "moe":
        inside = [f"{one}.{experts}" for one in style.ffn for experts in ("experts.0", "experts")]
        yield from _ffn(shape, "experts", shape.hidden * shape.expert_width * shape.experts, style, places, inside)
        if shape.shared_width:
            shared = [f"{one}.{name}" for one in style.ffn for name in ("shared_expert", "shared_experts")]
            yield from _ffn(shape, "ffn", shape.hidden * shape.shared_width, style, places, shared)


def _ffn(shape: ModelShape, part: str, each: int, style: Style, places: list[str], inside: list[str]) -> Iterator[Module]:
    """Yield up and down, and gate where there is one; up and gate are one matrix in some files."""
    for leaves in (style.up, style.down, *((style.gate,) if shape.gated_ffn else ())):
        yield Module(part, each, _names(places, inside, leaves))


def _names(places: list[str], inside: list[str], leaves: tuple[str, ...]) -> tuple[str, ...]:
    return tuple(f"{place}.{one}.{leaf}" for place in places for one in inside for leaf in leaves)
