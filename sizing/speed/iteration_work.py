"""From a shape on a GPU in a layout to the seconds that each part of an iteration would take at datasheet peak.

The form and its terms are those that the calibration was fitted with: compute and bytes of dense GEMMs, experts and head, KV reads,
attention arithmetic, collectives, and counts of layers that carry a fixed overhead. Everything is for one GPU of one
pipeline stage; multiplied by a batch and divided by an efficiency it becomes time (`step`).
"""

from __future__ import annotations

import math
from dataclasses import dataclass

from sizing.attention.table import kind_of
from sizing.catalog import Gpu
from sizing.memory.kv_cost import KvCost
from sizing.models.quantisation.formats import Bits, peak_flops
from sizing.models.shape import LayerGroup, ModelShape
from sizing.models.weights import Shards

# Compute capability from which attention kernels read keys and values once for a group of query heads. To count it
# took the error of the time between tokens of dense models from 4.1 to 4.0 % (docs/accuracy.md, 2026-11-30).
AMPERE = 8.0
# Width of one expert on a GPU at which the efficiencies `em` and `emp` hold unchanged.
NARROW_EXPERT = 2000.0


@dataclass(slots=True, eq=False, repr=False)
class Features:
    """Seconds at peak unless the name says otherwise; `_s_per_token` multiplies tokens, `_s` is for one iteration."""

    stages: int = 1
    gpus: int = 1
    attention_dp: int = 1
    layers: float = 0.0
    moe_layers: float = 0.0
    recurrent_layers: float = 0.0
    latent_layers: float = 0.0
    sparse_layers: float = 0.0
    shared_layers: float = 0.0
    experts: int = 1
    experts_per_token: int = 1
    dense_compute: float = 0.0
    dense_read: float = 0.0
    expert_compute: float = 0.0
    expert_read: float = 0.0
    head_compute: float = 0.0
    head_read: float = 0.0
    kv_read: float = 0.0
    span_read: float = 0.0
    span_tokens: float = 1e9
    state_read: float = 0.0
    attention_compute: float = 0.0
    span_compute: float = 0.0
    latent_compute: float = 0.0
    collective: float = 0.0
    collectives: float = 0.0
    hop: float = 0.0
    hidden_pass: float = 0.0
    ffn_pass: float = 0.0
    log_expert_width: float = 0.0
    spread_attention: bool = False
    pcie: bool = False
    many_gpus: bool = False
    fp4: bool = False
    fp8: bool = False
    dense_fp4: bool = False
    mxfp4: bool = False
    emulated_fp4: bool = False
    weight_only_4bit: bool = False
    slow_experts: bool = False
    grace: bool = False
    has_experts: bool = False
    has_latent: bool = False
    has_collectives: bool = False


def features(shape: ModelShape, gpu: Gpu, bits: Bits, *, shards: Shards, kv: KvCost, hop_bytes_per_s: float) -> Features:
    f = Features(stages=shards.pp, gpus=shards.gpus, attention_dp=shards.gpus // shards.attention, grace=gpu.grace)
    f.experts, f.experts_per_token = max(shape.experts, 1), max(shape.experts_per_token, 1)
    for group in shape.layers:
        _add_attention(f, shape, group, gpu=gpu, bits=bits, shards=shards)
        _add_ffn(f, shape, group, gpu=gpu, bits=bits, shards=shards)
        _add_passes(f, shape, group, gpu=gpu, shards=shards)
    _divide_by_stages(f, shards.pp)
    _add_head(f, shape, gpu=gpu, shards=shards)
    _add_kv(f, kv, gpu, shape)
    _add_links(f, shape, gpu, shards=shards, hop_bytes_per_s=hop_bytes_per_s)
    _add_flags(f, shape, gpu, bits=bits, shards=shards)
    return f


def _add_attention(f: Features, shape: ModelShape, group: LayerGroup, *, gpu: Gpu, bits: Bits, shards: Shards) -> None:
    work = kind_of(group).work(shape, group)
    weights = work.projections * group.n / shards.attention
    f.dense_compute += weights / peak_flops(gpu, bits.attn, bits.compute)
    f.dense_read += weights * bits.attn / 8 / gpu.bandwidth_bytes_per_s
    # Attention multiplies in 16 bit, whatever the format of weights and cache.
    f.attention_compute += work.attended * group.n / shards.attention / gpu.flops_bf16
    f.span_compute += work.attended_in_span * group.n / shards.attention / gpu.flops_bf16
    f.latent_compute += work.attended_latents * group.n / shards.attention / gpu.flops_bf16
    for name in work.overheads:
        setattr(f, name, getattr(f, name) + group.n)


def _add_ffn(f: Features, shape: ModelShape, group: LayerGroup, *, gpu: Gpu, bits: Bits, shards: Shards) -> None:
    matrices, hidden = 3 if shape.gated_ffn else 2, shape.hidden
    narrow = peak_flops(gpu, bits.ffn, bits.compute)
    if group.ffn == "dense":
        _add_dense(f, matrices * hidden * group.intermediate * group.n / shards.attention, flops=narrow, bits=bits.ffn, gpu=gpu)
    if group.ffn != "moe":
        return
    f.moe_layers += group.n
    f.shared_layers += group.n if shape.shared_width else 0
    _add_dense(f, matrices * hidden * shape.shared_width * group.n / shards.attention, flops=narrow, bits=bits.ffn, gpu=gpu)
    # Routers stay in 16 bit in every quantised checkpoint seen.
    _add_dense(f, hidden * shape.experts * group.n, flops=gpu.flops_bf16, bits=16, gpu=gpu)
    one = matrices * hidden * shape.expert_width * group.n / shards.gpus
    f.expert_compute += one / peak_flops(gpu, bits.experts, bits.compute)
    f.expert_read += one * shape.experts * bits.experts / 8 / gpu.bandwidth_bytes_per_s


def _add_dense(f: Features, weights: float, *, flops: float, bits: float, gpu: Gpu) -> None:
    f.dense_compute += weights / flops
    f.dense_read += weights * bits / 8 / gpu.bandwidth_bytes_per_s


def _add_passes(f: Features, shape: ModelShape, group: LayerGroup, *, gpu: Gpu, shards: Shards) -> None:
    f.layers += group.n
    f.hidden_pass += 2 * shape.hidden * group.n / gpu.bandwidth_bytes_per_s
    width = group.intermediate if group.ffn == "dense" else shape.expert_width * shape.experts_per_token if group.ffn == "moe" else 0
    f.ffn_pass += 2 * width * group.n / shards.gpus / gpu.bandwidth_bytes_per_s


def _divide_by_stages(f: Features, stages: int) -> None:
    if stages > 1:
        for name in _BY_STAGE:
            setattr(f, name, getattr(f, name) / stages)


def _add_head(f: Features, shape: ModelShape, *, gpu: Gpu, shards: Shards) -> None:
    weights = shape.hidden * shape.vocab / shards.attention / shards.pp
    # Quantised checkpoints leave the head in 16 bit, so it is counted apart: of Llama 3.1 8B in 4 bit it is a fifth
    # of the bytes that a step reads.
    f.head_compute = weights / gpu.flops_bf16
    f.head_read = weights * 2 / gpu.bandwidth_bytes_per_s


def _add_kv(f: Features, kv: KvCost, gpu: Gpu, shape: ModelShape) -> None:
    """Attention kernels for GPUs before Ampere read keys and values for every query head, those from Ampere on once for its group."""
    times = 1.0
    if gpu.compute_capability < AMPERE:
        times = max((kind_of(group).heads_per_key(group) for group in shape.layers), default=1.0)
    f.kv_read = times * kv.full_bytes / gpu.bandwidth_bytes_per_s
    f.span_read = times * kv.span_bytes / gpu.bandwidth_bytes_per_s
    # 1e9 stands for no span: longer than any context.
    f.span_tokens = float(kv.span_tokens or 1e9)
    f.state_read = kv.state_bytes / gpu.bandwidth_bytes_per_s


def _add_links(f: Features, shape: ModelShape, gpu: Gpu, *, shards: Shards, hop_bytes_per_s: float) -> None:
    n, adp = shards.gpus, f.attention_dp > 1
    if n > 1:
        # Bytes on a link: a ring all-reduce sends 2 (n - 1) / n of the hidden state, twice a layer, in 16 bit.
        # Attention data parallelism has one all-gather and one reduce-scatter around the experts, half of that, and
        # nothing in dense layers.
        layers, copies = (f.moe_layers, 2) if adp else (f.layers, 4)
        f.collective = copies * (n - 1) / n * shape.hidden * 2 * layers / gpu.link_bytes_per_s
        f.collectives = 2 * layers
    if shards.pp > 1:
        f.hop = shape.hidden * 2 / hop_bytes_per_s
    f.pcie = gpu.nvlink_bytes_per_s is None
    f.many_gpus = n > 4


def _add_flags(f: Features, shape: ModelShape, gpu: Gpu, *, bits: Bits, shards: Shards) -> None:
    moe = f.moe_layers > 0
    # Bits a weight with scales: 4-bit formats take up to 5.5 (Q5_K), 8-bit ones up to 8.5 (Q8_0). What lies between
    # is a mean of both.
    four = (moe and bits.experts < 5.6) or bits.ffn < 5.6
    f.fp4 = four and bits.compute in ("fp4", "mxfp4")
    f.weight_only_4bit = four and not f.fp4
    f.fp8 = not four and min(bits.ffn, bits.experts if moe else 72.0) < 8.8
    f.has_experts, f.has_latent, f.has_collectives = f.expert_read > 0, f.latent_compute > 0, f.collectives > 0
    f.dense_fp4 = f.fp4 and bits.ffn < 5.6 and not moe
    f.mxfp4 = bits.compute == "mxfp4"
    f.emulated_fp4 = f.fp4 and not gpu.flops_fp4
    f.slow_experts = moe and (f.emulated_fp4 or f.weight_only_4bit)
    # Tensor parallelism narrows the expert that one GPU multiplies; expert and attention parallelism leave it whole.
    width = shape.expert_width or NARROW_EXPERT
    f.log_expert_width = math.log(width / (1 if shards.experts > 1 or f.attention_dp > 1 else shards.gpus) / NARROW_EXPERT)
    f.spread_attention = f.attention_dp > 1


_BY_STAGE = (
    "layers", "moe_layers", "recurrent_layers", "latent_layers", "sparse_layers", "shared_layers", "dense_compute", "dense_read",
    "expert_compute", "expert_read", "attention_compute", "span_compute", "latent_compute", "hidden_pass", "ffn_pass",
)  # fmt: skip
