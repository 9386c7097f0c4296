"""The cost of one iteration and of one prompt: the function that latency, throughput and every plan rest on."""

from __future__ import annotations

from typing import Literal

from sizing.arithmetic import least, smooth_max
from sizing.calibration import Efficiency
from sizing.features import Features

Bound = Literal["weights", "kv", "compute", "bandwidth", "network", "overhead"]
TINY = 1e-12


def decode_s(f: Features, k: Efficiency, batch: float, context: float) -> float:
    """One decode iteration of one pipeline stage with `batch` sequences in the micro batch at this mean context."""
    mine = batch / f.attention_dp
    return (
        smooth_max(2 * mine * f.dense_compute / k.compute, f.dense_read / k.read, k.corner)
        + experts_s(f, k, batch)
        + smooth_max(2 * mine * f.head_compute / k.compute, f.head_read / k.read, k.corner)
        + attention_s(f, k, mine, context)
        + collectives_s(f, k, batch)
        + mine * (f.hidden_pass * k.hidden_pass + f.ffn_pass * k.ffn_pass)
        + overhead_s(f, k, mine)
    )


def prefill_s(f: Features, k: Efficiency, tokens: float) -> float:
    """GPU time of one stage that one prompt of so many tokens adds; chunks are large, so compute decides."""
    mine = tokens / f.attention_dp
    held = least(tokens, f.span_tokens)
    attended = f.attention_compute * tokens / 2 + f.span_compute * (held - held * held / (2 * tokens))
    hops = (f.stages - 1) / f.stages * tokens * f.hop
    return (
        2 * mine * f.dense_compute / k.prefill
        + 2 * tokens * f.experts_per_token * f.expert_compute / k.expert_prefill * k.imbalance
        + mine * attended / k.attention
        + (tokens * f.collective + hops) / k.link_prefill
        + mine * (f.hidden_pass * k.hidden_pass + f.ffn_pass * k.ffn_pass)
        + k.request_s / f.attention_dp
    )


def experts_s(f: Features, k: Efficiency, batch: float) -> float:
    """Compute follows the routed tokens padded to tiles; bytes follow the share of experts that the batch touches."""
    if not f.has_experts:
        return 0.0
    covered = 1 - (1 - f.experts_per_token / f.experts) ** (1 + (batch - 1) * k.coverage)
    tokens = batch * f.experts_per_token + f.experts * covered * k.padding_tokens
    compute = 2 * tokens * f.expert_compute / k.expert
    return smooth_max(compute + TINY, f.expert_read * covered / k.expert_read + TINY, k.corner) * k.imbalance


def attention_s(f: Features, k: Efficiency, mine: float, context: float) -> float:
    read = mine * (f.kv_read * context + f.span_read * least(context, f.span_tokens) + 2 * f.state_read) / k.kv
    if not f.has_latent:
        return read
    return smooth_max(read + TINY, mine * f.latent_compute * context / k.latent + TINY, k.corner)


def collectives_s(f: Features, k: Efficiency, batch: float) -> float:
    """One-shot against ring all-reduce, whichever is faster, and the hop to the next stage."""
    hops = (f.stages - 1) / f.stages * (batch * f.hop / k.link + k.stage_s)
    if not f.has_collectives:
        return hops
    one_shot = f.collectives * k.collective_s + batch * f.collective * f.gpus * 0.5 / k.link_one_shot
    return least(one_shot, f.collectives * k.ring_s + batch * f.collective / k.link) + hops


def overhead_s(f: Features, k: Efficiency, mine: float) -> float:
    return (
        f.layers * k.layer_s
        + f.moe_layers * k.moe_layer_s
        + f.recurrent_layers * k.recurrent_layer_s
        + f.sparse_layers * k.sparse_layer_s
        + f.mla_layers * k.mla_layer_s
        + f.shared_layers * k.shared_layer_s
        + k.step_s
        + k.sequence_s * mine
    )


def bound(f: Features, k: Efficiency, batch: float, context: float, *, prefill_s_per_step: float) -> Bound:
    """The largest part of an iteration. `bandwidth` is reading weights and KV."""
    mine = batch / f.attention_dp
    parts: dict[Bound, float] = {
        "compute": 2 * mine * f.dense_compute / k.compute + prefill_s_per_step,
        "bandwidth": f.dense_read / k.read + f.expert_read / k.expert_read + attention_s(f, k, mine, context),
        "network": collectives_s(f, k, batch),
        "overhead": overhead_s(f, k, mine),
    }
    return max(parts, key=lambda name: parts[name])
