"""Speculative decoding on a replica: tokens a step, the verification of several tokens a sequence, the draft's time and memory."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from inferstack.records.errors import InputError
from inferstack.records.files.facts import load
from sizing.arithmetic import least, smooth_max
from sizing.speed.replica import Replica
from sizing.speed.step_time import TINY, attention_s, decode_s, overhead_s

METHODS = ("eagle3", "mtp", "ngram", "draft")


@dataclass(frozen=True, slots=True)
class Speculation:
    """`acceptance` is of one proposed token, given that all before it were accepted; `basis` says what was given and what is assumed,
    `model` names the draft where there is one."""

    method: str
    tokens: int
    acceptance: float
    draft_layers: int
    draft_share: float
    basis: str
    model: str | None = None

    @property
    def tokens_a_step(self) -> float:
        return expected_tokens(self.tokens, self.acceptance)


def speculation(method: str, *, tokens: int | None = None, acceptance: float | None = None, model: str | None = None) -> Speculation:
    """Return what the request gives, else the facts. Raises InputError for an unknown method or a figure out of range."""
    if method not in METHODS:
        raise InputError(f"speculative_method: must be one of {', '.join(METHODS)}, not {method!r}")
    if tokens is not None and not 1 <= tokens <= 16:
        raise InputError(f"speculative_tokens: must be from 1 to 16, not {tokens}")
    if acceptance is not None and not 0 <= acceptance <= 1:
        raise InputError(f"acceptance_rate: must be from 0 to 1, not {acceptance:g}")
    facts = load("sizing")["calibration"]["speculation"][method]
    k = facts["tokens"]["value"] if tokens is None else tokens
    a = facts["acceptance"]["value"] if acceptance is None else acceptance
    layers, share = _value(facts, "draft_layers"), _value(facts, "draft_share")
    return Speculation(method, k, a, layers, share, _basis(facts, tokens, acceptance), model)


def expected_tokens(tokens: int, acceptance: float) -> float:
    """Return the expected tokens of one step: 1 + a + a^2 + ... + a^k = (1 - a^(k+1)) / (1 - a)."""
    # Leviathan et al. 2023, equation 1 (https://arxiv.org/abs/2211.17192). The sum also holds for a = 1.
    return float(sum(acceptance**i for i in range(tokens + 1)))


def draft_gib(r: Replica, s: Speculation) -> float:
    """Return the draft's memory on one GPU. Its layers are assumed as large as the target's mean one: an upper bound where the target
    has experts and the head has none."""
    return r.budget.weights_gib * _share(r, s)


def draft_kv_gib(r: Replica, s: Speculation, *, kv_gib: float) -> float:
    """Return how much of `kv_gib` the draft's own KV takes: as much a token as its share of the target's layers."""
    share = _share(r, s)
    return max(kv_gib, 0.0) * share / (1 + share)


def step_s(r: Replica, s: Speculation, batch: float, *, context: float) -> float:
    """Return the time of drafting and verifying for `batch` sequences, over all stages."""
    stages = r.features.stages
    draft = s.tokens * draft_s(r, s, batch / stages, context=context)
    return (verify_s(r, s, batch / stages, context=context) + draft) * stages


def verify_s(r: Replica, s: Speculation, batch: float, *, context: float) -> float:
    """Return the time of verification. Arithmetic, experts and collectives handle batch x (k + 1) tokens; KV is read and the scheduler's
    overhead paid once a sequence."""
    # KV is read once for all proposed tokens of a sequence; the arithmetic on it is done for each.
    f, k, width = r.features, r.efficiency, s.tokens + 1
    mine = batch / f.attention_dp
    many = decode_s(f, k, batch * width, context) - attention_s(f, k, mine * width, context) - overhead_s(k, mine * width)
    return many + attended_s(r, mine, width=width, context=context) + overhead_s(k, mine)


def attended_s(r: Replica, mine: float, *, width: int, context: float) -> float:
    f, k = r.features, r.efficiency
    read = mine * (f.kv_read * context + f.span_read * least(context, f.span_tokens) + 2 * f.state_read) / k.kv
    if not f.has_latent:
        return float(read)
    return float(smooth_max(read + TINY, mine * width * f.latent_compute * context / k.latent + TINY, k.corner))


def draft_s(r: Replica, s: Speculation, batch: float, *, context: float) -> float:
    """Return the time of one draft step: its layers' part of the target's step and the output head, or the share of a draft model."""
    f, k = r.features, r.efficiency
    whole = decode_s(f, k, batch, context)
    if not s.draft_layers:
        return s.draft_share * whole
    head = smooth_max(2 * batch / f.attention_dp * f.head_compute / k.compute, f.head_read / k.read, k.corner)
    return float((whole - head) * s.draft_layers * f.stages / r.shape.num_layers + head)


def _share(r: Replica, s: Speculation) -> float:
    return s.draft_layers * r.features.stages / r.shape.num_layers + s.draft_share


def _value(facts: dict[str, Any], name: str) -> Any:
    return facts[name]["value"] if name in facts else 0


def _basis(facts: dict[str, Any], tokens: int | None, acceptance: float | None) -> str:
    given = {"tokens": tokens, "acceptance": acceptance}
    told = [f"{key} given" if value is not None else f"{key} {facts[key]['kind']}: {facts[key]['source']}" for key, value in given.items()]
    return "speculation is assumed, no band was measured; " + "; ".join(told)
