"""Layouts: which an engine accepts, and which are worth trying on a node. TP stays within a node, PP may cross nodes, DP adds replicas."""

from __future__ import annotations

import functools
import math
from collections.abc import Iterator
from dataclasses import dataclass

from sizing.attention.table import kind_of
from sizing.engines.engine import EngineVersion, parsed
from sizing.models.quantisation.formats import Bits
from sizing.models.shape import ModelShape
from sizing.models.weights import Shards

# vLLM pads the vocabulary to a multiple of 64 before it cuts it (layers/vocab_parallel_embedding.py): the 128,256
# rows of Llama 3 divide by 2, 3, 4, 6 and 8, but not by 5.
VOCAB_MULTIPLE = 64


@dataclass(frozen=True, slots=True)
class ReplicaLayout:
    """One replica: `tp` x `pp` GPUs, experts over `ep` of the tp GPUs, attention data-parallel or not. `gpus_per_node` 0: not said."""

    tp: int = 1
    pp: int = 1
    ep: int = 1
    attention_dp: bool = False
    gpus_per_node: int = 0

    @property
    def gpus(self) -> int:
        return self.tp * self.pp

    @property
    def shards(self) -> Shards:
        return Shards(gpus=self.tp, attention=1 if self.attention_dp else self.tp, pp=self.pp, experts=self.ep)


@functools.lru_cache(65536)
def refused(shape: ModelShape, bits: Bits, layout: ReplicaLayout, *, engine: EngineVersion) -> str | None:
    """Return the rule that the layout breaks, with its numbers; None when the engine takes it."""
    for rule in RULES:
        why = rule(shape, bits, layout, engine)
        if why:
            return why
    return None


@functools.lru_cache(4096)
def legal(shape: ModelShape, bits: Bits, *, engine: EngineVersion, gpus_per_node: int, max_nodes: int = 1) -> tuple[ReplicaLayout, ...]:
    """Return every legal layout of one replica, fewest GPUs first; nodes are added only as pipeline stages of whole nodes."""
    found = [layout for layout in _shapes(shape, gpus_per_node, max_nodes) if refused(shape, bits, layout, engine=engine) is None]
    return tuple(sorted(found, key=lambda one: (one.gpus, one.pp, one.ep)))


def _shapes(shape: ModelShape, gpus_per_node: int, max_nodes: int) -> Iterator[ReplicaLayout]:
    # Degrees of 3, 5, 6 and 7 are not tried. 40 query heads divide by 5, but the 8 KV heads beside them do not, and
    # EC2 sells H100 in nodes of one and of eight.
    for tp in _powers_of_two(gpus_per_node):
        for pp in _powers_of_two(gpus_per_node // tp):
            yield from _with_experts(shape, tp, pp)
        for nodes in range(2, max_nodes + 1):
            if tp == gpus_per_node:
                yield from _with_experts(shape, tp, nodes)


def _with_experts(shape: ModelShape, tp: int, pp: int) -> Iterator[ReplicaLayout]:
    yield ReplicaLayout(tp=tp, pp=pp)
    if shape.is_moe and tp > 1:
        yield ReplicaLayout(tp=tp, pp=pp, ep=tp)


def _powers_of_two(limit: int) -> Iterator[int]:
    n = 1
    while n <= limit:
        yield n
        n *= 2


def _model_class(shape: ModelShape, _: Bits, __: ReplicaLayout, engine: EngineVersion) -> str | None:
    return engine.gave_up(shape.architecture)


def _pipeline(shape: ModelShape, _: Bits, layout: ReplicaLayout, engine: EngineVersion) -> str | None:
    if layout.pp > shape.num_layers:
        return f"pp={layout.pp} is more than the {shape.num_layers} layers"
    return None


def _within_a_node(_: ModelShape, __: Bits, layout: ReplicaLayout, engine: EngineVersion) -> str | None:
    # A layer all-reduces twice under tensor parallelism; a pipeline sends one hidden state per stage. No row of the
    # calibration runs tensor parallelism over a network, so its time would be a guess.
    node = layout.gpus_per_node
    if not node or layout.tp <= node:
        return None
    nodes = math.ceil(layout.gpus / node)
    return (
        f"tp={layout.tp} is more than the {node} GPUs of a node: tensor parallelism stays on the links within it; "
        f"{nodes} nodes are tp={node} with pp={nodes}"
    )


def _expert_parallel(shape: ModelShape, _: Bits, layout: ReplicaLayout, engine: EngineVersion) -> str | None:
    if layout.ep > 1 and not shape.is_moe:
        return f"ep={layout.ep} needs experts: {shape.id} is dense"
    if layout.ep > max(shape.experts, 1):
        return f"ep={layout.ep} is more than the {shape.experts} experts"
    return None


def _attention_heads(shape: ModelShape, _: Bits, layout: ReplicaLayout, engine: EngineVersion) -> str | None:
    tp = layout.shards.attention
    return next((why for group in shape.layers if (why := kind_of(group).refuse_tp(group, tp))), None)


def _ffn_width(shape: ModelShape, _: Bits, layout: ReplicaLayout, engine: EngineVersion) -> str | None:
    for group in shape.layers:
        if group.ffn == "dense" and group.intermediate % layout.shards.attention:
            return f"FFN width {group.intermediate} does not divide by tp={layout.tp}"
    # Expert parallelism keeps each expert whole, so its width need not divide. Experts may be unevenly many per GPU:
    # the first ranks hold one more (vLLM, fused_moe/expert_map_manager.py).
    if shape.is_moe and layout.ep == 1 and not layout.attention_dp and shape.expert_width % layout.tp:
        return f"expert width {shape.expert_width} does not divide by tp={layout.tp}"
    return None


def _vision_heads(shape: ModelShape, _: Bits, layout: ReplicaLayout, engine: EngineVersion) -> str | None:
    if shape.vision_heads and shape.vision_heads % layout.shards.attention:
        return f"{shape.vision_heads} vision heads do not divide by tp={layout.tp}"
    return None


def _vocabulary(shape: ModelShape, _: Bits, layout: ReplicaLayout, engine: EngineVersion) -> str | None:
    padded = math.ceil(shape.vocab / VOCAB_MULTIPLE) * VOCAB_MULTIPLE
    if padded % layout.shards.attention:
        return f"the vocabulary, padded to {padded}, does not divide by tp={layout.tp}"
    return None


def _quantised_groups(shape: ModelShape, bits: Bits, layout: ReplicaLayout, engine: EngineVersion) -> str | None:
    """Refuse a layout that cuts through blocks or groups of a quantised matrix."""
    block = _block(shape, bits)
    if block is None or not engine.keeps_blocks_whole:
        return None
    # Example: Qwen3-235B in FP8 has experts of 1,536 = 12 blocks of 128. TP 1, 2 and 4 cut between blocks, TP 8
    # through one, and vLLM then asks for expert parallelism (quantization/utils/fp8_utils.py).
    shared_out = shape.is_moe and bits.experts < 16 and layout.ep == 1 and not layout.attention_dp
    if shared_out and (shape.expert_width / layout.tp) % block and not _cuts_experts(shape, bits, layout, engine):
        return f"{bits.format} groups of {block}: expert width {shape.expert_width} / tp={layout.tp} is not a multiple; use ep={layout.tp}"
    for group in shape.layers:
        if group.ffn == "dense" and bits.ffn < 16 and (group.intermediate / layout.shards.attention) % block:
            return f"{bits.format} groups of {block}: FFN width {group.intermediate} / tp={layout.tp} is not a multiple"
    return None


def _cuts_experts(shape: ModelShape, bits: Bits, layout: ReplicaLayout, engine: EngineVersion) -> bool:
    """Whether the engine makes finer scales of the file's own where a GPU's part of an expert is no multiple of them."""
    # vLLM 0.29 refines FP8 blocks itself (refine_fp8_moe_block_shape, Triton kernels alone); 0.18, 0.25 and 0.28
    # raise in Fp8MoEMethod.create_weights. For AWQ and GPTQ moe_wna16.py halves the group down to 32.
    own, rules = shape.quantization if bits.own else None, engine.facts.get("cuts_expert_blocks", {})
    method = own.method if own else {"int4-awq": "awq", "int4-gptq": "gptq"}.get(bits.format, "")
    rule = next((one for one in rules.values() if method in one["methods"] and engine.version >= parsed(one["from"])), None)
    if rule is None:
        return False
    finest = math.gcd(_block(shape, bits) or 1, shape.expert_width // layout.tp, shape.hidden)
    return finest >= int(rule["least"])


def _block(shape: ModelShape, bits: Bits) -> int | None:
    """Weights that share a scale and are not cut; kernels of MXFP4 and MXFP8 pad theirs."""
    own = shape.quantization if bits.own else None
    if own and own.group and bits.format not in ("mxfp4", "int4-bnb") and not (bits.format == "fp8" and not own.block):
        return own.group
    # Without a file's own group: 128 is the group of published AWQ and GPTQ files; an NVFP4 scale covers 16 weights,
    # and vLLM asks for input / tp % 16 == 0 (layers/quantization/modelopt.py).
    return None if own and own.group == 0 else {"int4-awq": 128, "int4-gptq": 128, "nvfp4": 16}.get(bits.format)


RULES = (
    _model_class, _pipeline, _within_a_node, _expert_parallel, _attention_heads, _ffn_width, _vision_heads, _vocabulary, _quantised_groups,
)  # fmt: skip
