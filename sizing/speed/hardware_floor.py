"""What no software outruns: the arithmetic of prompts and answers at the datasheet's peak, and one reading of the weights a step.

Fitted efficiencies lie below these peaks; what measured points near a question say of a time is not held by them, so that it is here.
All figures are seconds of one pipeline stage of one replica, whose stages work at the same time; no published run of the calibration
lies below them.
"""

from __future__ import annotations

from sizing.speed.replica import Replica
from sizing.speed.traffic import Traffic


def prompt_s(r: Replica, tokens: float) -> float:
    """Return the arithmetic of one prompt at the GPU's peak: matrices for each token, attention to the tokens before it."""
    f = r.features
    held = min(tokens, f.span_tokens)
    attended = f.attention_compute * tokens / 2 + f.span_compute * (held - held * held / (2 * tokens))
    return tokens * _matrices_s(r) + attended / f.attention_dp


def request_s(r: Replica, t: Traffic) -> float:
    """Return the arithmetic of a prompt and of its answer's tokens; its reciprocal is the highest rate under any load."""
    return prompt_s(r, t.computed_prompt) + max(t.osl - 1, 0.0) * _matrices_s(r)


def token_s(r: Replica, t: Traffic) -> float:
    """Return the least time between two tokens of a request alone: all stages read their weights and its KV cache, once for each step of
    the engine."""
    f = r.features
    experts = f.expert_read * f.experts_per_token / f.experts
    read = f.dense_read + f.head_read + experts + f.kv_read * t.context + f.span_read * min(t.context, f.span_tokens)
    step = read * f.stages
    return step * r.decode_s(1.0, t.context) / r.step_s(1.0, t.context)


def _matrices_s(r: Replica) -> float:
    f = r.features
    return 2 * f.dense_compute / f.attention_dp + 2 * f.experts_per_token * f.expert_compute
