"""Bytes of the weights: the checkpoint on disk, and what one GPU holds after load."""

from __future__ import annotations

import functools
import math
from dataclasses import dataclass

from sizing.attention.table import kind_of
from sizing.models.gguf import mix
from sizing.models.parameters import count, ffn
from sizing.models.quantisation.formats import Bits
from sizing.models.shape import LayerGroup, ModelShape

DTYPE_BYTES = {"bf16": 2.0, "fp16": 2.0, "fp32": 4.0}
# Engines pad embedding and head to whole multiples (vLLM: layers/vocab_parallel_embedding.py).
VOCAB_MULTIPLE = 64
# vLLM keeps cosines and sines of all positions in 16 bit, whole on every GPU: 0.03 GiB for Llama 3.1, 2.5 GiB for the
# 10,485,760 positions of Llama 4 Scout.
ROPE_BYTES = 2


@dataclass(frozen=True, slots=True)
class Shards:
    """How a replica is cut. `attention` GPUs share one attention (1 under attention data parallelism), `gpus` one pipeline stage."""

    gpus: int
    attention: int
    pp: int
    experts: int


@functools.cache
def checkpoint_bytes(shape: ModelShape, bits: Bits) -> int:
    """Return the bytes on disk: the published figure where the facts hold it, else every part at its width."""
    if bits.own and shape.checkpoint_bytes:
        return shape.checkpoint_bytes
    if bits.format.startswith("gguf-"):
        return round(mix.file_bytes(shape, bits.format.removeprefix("gguf-")))
    counts, wide = count(shape), DTYPE_BYTES[shape.dtype if bits.format in ("bf16", "fp16") else "bf16"]
    narrow = counts.attn * _bytes(bits.attn, wide) + counts.experts * _bytes(bits.experts, wide)
    narrow += (counts.ffn - counts.router) * _bytes(bits.ffn, wide) + counts.router * wide
    rest = counts.stored - counts.attn - counts.experts - counts.ffn
    if bits.own and shape.quantization and shape.mtp_in_checkpoint:
        # Prediction layers of DeepSeek's kind bring embedding and head a second time, and these stay in 16 bit.
        copies = 2 * counts.embed * shape.mtp_copies_embeddings
        narrow -= (counts.mtp - copies) * (wide - shape.quantization.bits.get("mtp", 16.0) / 8)
    return round(narrow + rest * wide + _kept(shape, bits) * (wide - min(bits.attn, bits.ffn, bits.experts) / 8))


@functools.cache
def per_gpu_bytes(
    shape: ModelShape, bits: Bits, shards: Shards, *, hidden_multiple: int = 1, expert_multiple: int = 1, tower_cut: bool = True
) -> float:
    """Return the weights of the fullest GPU after load: matrices cut by tensor, expert and pipeline parallelism, norms whole, and the
    rope table on every GPU."""
    layers = sum(_layer_bytes(shape, group, bits, shards) * group.n for group in shape.layers) * stage_share(shape, shards.pp)
    padding = _padding(shape, hidden_multiple, expert_multiple, cut=shards.gpus if shards.experts == 1 else 1) - 1
    if padding:
        layers += count(shape).experts * bits.experts / 8 / shards.gpus * padding * stage_share(shape, shards.pp)
    embed, head = _vocabulary_bytes(shape, bits, shards.attention)
    # The first stage holds the embedding and the last the head; the fullest GPU has the larger of them.
    ends = embed + head if shards.pp == 1 else max(embed, head)
    vision = tower_bytes(shape, shards, cut=tower_cut)
    kept = _kept(shape, bits) * (2.0 - min(bits.attn, bits.ffn, bits.experts) / 8) / shards.gpus / shards.pp
    return layers + ends + vision + kept + rope_bytes(shape) + shape.hidden * shape.final_norm * 2.0 + shape.extra_params * 2.0


def tower_bytes(shape: ModelShape, shards: Shards, *, cut: bool) -> float:
    """Return the bytes of the vision tower and its projector, in 16 bit; whole on every GPU where the engine does not cut it."""
    # Towers stay in 16 bit. vLLM is taken to copy them: Gemma 3 27B over four cards logs 13.17 GiB
    # (vllm-project/vllm#15676), between 12.81 with the tower cut and 13.40 with it whole, and the whole one is the
    # safe side.
    return shape.vision_params * 2.0 / (shards.gpus if cut else 1)


def stage_share(shape: ModelShape, pp: int) -> float:
    """Return the share of the layers that the fullest pipeline stage holds."""
    return math.ceil(shape.num_layers / pp) / shape.num_layers


def rope_bytes(shape: ModelShape) -> float:
    return float(shape.max_positions * shape.rotary_dim * ROPE_BYTES)


def _layer_bytes(shape: ModelShape, group: LayerGroup, bits: Bits, shards: Shards) -> float:
    fixed, routed = ffn(shape, group)
    router = shape.hidden * shape.experts + shape.experts * shape.router_bias if group.ffn == "moe" else 0
    norms = group.norms * shape.hidden * (2 if shape.norm_bias else 1)
    kind = kind_of(group)
    copies = 0.0 if bits.format.startswith("gguf-") else kind.decode_copy_bytes(shape, group) / shards.attention
    return copies + (
        kind.params_per_gpu(shape, group, shards.attention) * bits.attn / 8
        + (fixed - router) * bits.ffn / 8 / shards.attention
        + routed * bits.experts / 8 / shards.gpus
        + (router + norms) * 2.0
    )


def _vocabulary_bytes(shape: ModelShape, bits: Bits, shards: int) -> tuple[float, float]:
    rows = math.ceil(shape.vocab / VOCAB_MULTIPLE) * VOCAB_MULTIPLE / shards
    if bits.format.startswith("gguf-"):
        embed_bits, head_bits = mix.embedding_bits(shape, bits.format.removeprefix("gguf-"))
    else:
        embed_bits = head_bits = 16.0
    embed = rows * shape.hidden * embed_bits / 8
    return embed, 0.0 if shape.tied else rows * shape.hidden * head_bits / 8


def _kept(shape: ModelShape, bits: Bits) -> int:
    return shape.quantization.kept_params if shape.quantization and bits.own else 0


def _padding(shape: ModelShape, hidden_multiple: int, expert_multiple: int, *, cut: int) -> float:
    """Return the factor by which MXFP4 kernels enlarge the experts when they pad them, each expert cut into `cut` parts."""
    if not shape.expert_width or hidden_multiple == expert_multiple == 1:
        return 1.0
    # gpt-oss-20b grows from 12.83 to 13.47 GiB on an H100: its width of 2,880 becomes 3,072.
    hidden = math.ceil(shape.hidden / hidden_multiple) * hidden_multiple
    width = math.ceil(shape.expert_width / cut / expert_multiple) * expert_multiple * cut
    return hidden * width / (shape.hidden * shape.expert_width)


def _bytes(bits: float, wide: float) -> float:
    return wide if bits >= 16 else bits / 8
