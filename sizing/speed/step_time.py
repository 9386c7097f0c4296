"""The cost of one iteration and of one prompt: the function that latency, throughput and every plan rest on."""

from __future__ import annotations

import math
from typing import Literal

from sizing.arithmetic import least, most, smooth_max
from sizing.speed.constants import Efficiency
from sizing.speed.iteration_work import Features

Bound = Literal["weights", "kv", "compute", "bandwidth", "network", "overhead"]
TINY = 1e-12
# Prompts in a step. Keeps (1 - exp(-x)) / x defined where no prompt is ever there; at 1e-6 the quotient is off by
# 5e-7.
RARE = 1e-6


def decode_s(f: Features, k: Efficiency, batch: float, context: float) -> float:
    """Return one decode iteration of one pipeline stage, with `batch` sequences in the micro batch at this mean context."""
    # The rounded corner (p = 2.1) matters little once there are fixed times: a hard maximum errs by 9.6 % over all
    # rows, a plain sum by 9.5, this by 9.4 (ablation of 2026-11-21).
    mine = batch / f.attention_dp
    total = (
        smooth_max(2 * mine * f.dense_compute / k.compute, f.dense_read / k.read, k.corner)
        + smooth_max(2 * mine * f.head_compute / k.compute, f.head_read / k.read, k.corner)
        + attention_s(f, k, mine, context)
        + k.fixed_s
        + mine * (k.pass_s + k.sequence_s)
    )
    if f.has_experts:
        total = total + experts_s(f, k, batch)
    if f.has_collectives or f.stages > 1:
        total = total + collectives_s(f, k, batch)
    return total


def prefill_s(f: Features, k: Efficiency, tokens: float) -> float:
    """Return the GPU time of one stage that a prompt of `tokens` adds. Chunks are large, so arithmetic decides."""
    # A token looks back at all before it, half of the prompt in the mean; with a span s of n tokens at s - s^2 / (2
    # n). Matrices and attention add up: chunks are large, so reading hides nothing.
    held = least(tokens, f.span_tokens)
    attended = f.attention_compute * tokens / 2 + f.span_compute * (held - held * held / (2 * tokens))
    return tokens * (k.prompt_token_s + attended / k.attention / f.attention_dp) + k.request_s / f.attention_dp


def hidden_s(f: Features, k: Efficiency, tokens: float, batch: float, *, room: float, per_step: float) -> float:
    """Return the GPU time of one stage that a prompt of `tokens` saves by running beside decoding, which leaves arithmetic idle while
    weights are read. The saving counts once for each step with prompts. A step takes `room` tokens of prompts; on average `per_step`
    prompts, Poisson distributed, are in one."""
    # Without this, open loops had 22 % too long a time between tokens, and a GPU left out erred by 26.4 % in place of
    # 23.6 (fit of 2026-11-30). It counts once a step, not once a prompt: what idles is the reading of the weights,
    # and that is done once.
    part = tokens / most(room, 1.0)
    chunks = most(part, 1.0)
    met = least(per_step, most(1 / part, 1.0)) * chunks + RARE
    often = (1 - math.e ** (-met)) / met
    together = least(tokens / chunks / often, most(room, tokens / chunks))
    mine = batch / f.attention_dp
    prompts = 2 * together * f.dense_compute / k.prefill / f.attention_dp
    compute, read = 2 * mine * f.dense_compute / k.compute, f.dense_read / k.read
    hidden = prompts + smooth_max(compute, read, k.corner) - smooth_max(compute + prompts, read, k.corner)
    if f.has_experts:
        hidden = hidden + _hidden_in_experts_s(f, k, together, batch)
    return hidden * chunks * often


def _hidden_in_experts_s(f: Features, k: Efficiency, tokens: float, batch: float) -> float:
    """Return the hidden time of a prompt that goes to all experts: of them decoding reads those that its batch is sent to."""
    prompt = 2 * tokens * f.experts_per_token * f.expert_compute / k.expert_prefill
    compute = 2 * (batch * f.experts_per_token + f.experts * k.padding_tokens) * f.expert_compute / k.expert
    both = smooth_max(compute + prompt + TINY, f.expert_read / k.expert_read + TINY, k.corner) * k.imbalance
    return prompt * k.imbalance + experts_s(f, k, batch) - both


def experts_s(f: Features, k: Efficiency, batch: float) -> float:
    """Compute follows the routed tokens padded to tiles; bytes follow the share of experts that the batch touches."""
    if not f.has_experts:
        return 0.0
    # Expected share of experts that independent draws touch, but the batch counts at 0.78 (`kap`): as if tokens of
    # one batch chose alike. The first token touches its own k whatever the rest does.
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
    """Return the faster of one-shot and ring all-reduce, and the hop to the next stage."""
    hops = (f.stages - 1) / f.stages * (batch * f.hop / k.link + k.stage_s)
    if not f.has_collectives:
        return hops
    # Two regimes pay only on a GPU that was not fitted: throughput with the GPU left out errs by 10.0 in place of
    # 11.3 % (dense) and by 12.5 in place of 14.1 (MoE) (ablation of 2026-11-21).
    one_shot = f.collectives * k.collective_s + batch * f.collective * f.gpus * 0.5 / k.link_one_shot
    return least(one_shot, f.collectives * k.ring_s + batch * f.collective / k.link) + hops


def overhead_s(k: Efficiency, mine: float) -> float:
    return k.fixed_s + k.sequence_s * mine


def bound(f: Features, k: Efficiency, batch: float, context: float, *, prefill_s_per_step: float) -> Bound:
    """Return the largest part of an iteration. `bandwidth` is the reading of weights and KV."""
    mine = batch / f.attention_dp
    parts: dict[Bound, float] = {
        "compute": 2 * mine * f.dense_compute / k.compute + prefill_s_per_step,
        "bandwidth": f.dense_read / k.read + f.expert_read / k.expert_read + attention_s(f, k, mine, context),
        "network": collectives_s(f, k, batch),
        "overhead": overhead_s(k, mine),
    }
    return max(parts, key=lambda name: parts[name])
