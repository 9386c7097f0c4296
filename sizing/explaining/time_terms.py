"""The time of one decode iteration and of one prompt by its terms. The terms add up to what the cost functions of `step` say."""

from __future__ import annotations

from dataclasses import dataclass

from sizing.options import speculation
from sizing.options.replica import SpecialReplica
from sizing.options.speculation import Speculation
from sizing.speed import step_time
from sizing.speed.replica import Replica


@dataclass(frozen=True, slots=True)
class TimeTerm:
    """`compute_s` and `read_s` are what its arithmetic or its bytes alone would take, where the term has both."""

    name: str
    seconds: float
    compute_s: float | None = None
    read_s: float | None = None


def iteration(r: Replica, batch: float, context: float) -> tuple[TimeTerm, ...]:
    """One token for each of `batch` sequences, all stages one after the other; adds up to `r.decode_s(batch, context)`. With speculation
    one whole step, of the draft and of the verification: that times the tokens that are expected of it."""
    stages, s = r.features.stages, speculating(r)
    one = _of_a_step(r, s, batch / stages, context) if s else _of_a_stage(r, batch / stages, context)
    return tuple(_times(term, stages) for term in one if term.seconds)


def prompt(r: Replica, tokens: float) -> tuple[TimeTerm, ...]:
    """Return the GPU time of one prompt of `tokens`, over all stages; it adds up to `r.prefill_s(tokens)` times the stages."""
    f, k, stages = r.features, r.efficiency, r.features.stages
    mine, held = tokens / f.attention_dp, min(tokens, f.span_tokens)
    attended = f.attention_compute * tokens / 2 + f.span_compute * (held - held * held / (2 * tokens))
    hops = (stages - 1) / stages * tokens * f.hop
    known = {
        "experts": 2 * tokens * f.experts_per_token * f.expert_compute / k.expert_prefill * k.imbalance,
        "attention": mine * attended / k.attention,
        "collectives": (tokens * f.collective + hops) / k.link_prefill,
        "elementwise passes": mine * k.pass_s,
        "fixed overhead": k.request_s / f.attention_dp,
    }
    if isinstance(r, SpecialReplica):
        known |= {"vision encoder": tokens * r.encoder_s, "attention to images": tokens * r.cross_s}
    dense = r.prefill_s(tokens) - sum(known.values())
    terms = [TimeTerm("dense GEMMs", float(dense)), *(TimeTerm(name, float(seconds)) for name, seconds in known.items())]
    return tuple(_times(term, stages) for term in terms if term.seconds)


def speculating(r: Replica) -> Speculation | None:
    """What the replica proposes and verifies with; None where each step gives one token."""
    return r.speculation if isinstance(r, SpecialReplica) else None


def _of_a_step(r: Replica, s: Speculation, batch: float, context: float) -> list[TimeTerm]:
    """All draft steps, then the verification by its terms: matrices see batch x (k + 1) tokens, KV is read once a sequence."""
    k, mine = r.efficiency, batch / r.features.attention_dp
    once = {
        "attention and KV reads": speculation.attended_s(r, mine, width=s.tokens + 1, context=context),
        "fixed overhead": step_time.overhead_s(k, mine),
    }
    verified = [
        TimeTerm(f"verify: {term.name}", float(once.get(term.name, term.seconds)), term.compute_s, term.read_s)
        for term in _of_a_stage(r, batch * (s.tokens + 1), context)
    ]
    return [TimeTerm("draft", float(s.tokens * speculation.draft_s(r, s, batch, context=context))), *verified]


def _of_a_stage(r: Replica, batch: float, context: float) -> list[TimeTerm]:
    """Dense GEMMs take what the other terms leave of the whole, so that nothing is lost."""
    f, k = r.features, r.efficiency
    mine = batch / f.attention_dp
    head = 2 * mine * f.head_compute / k.compute, f.head_read / k.read
    rest = [
        TimeTerm("head", float((head[0] ** k.corner + head[1] ** k.corner) ** (1 / k.corner)), float(head[0]), float(head[1])),
        TimeTerm("experts", float(step_time.experts_s(f, k, batch))),
        TimeTerm("attention and KV reads", float(step_time.attention_s(f, k, mine, context))),
        TimeTerm("collectives", float(step_time.collectives_s(f, k, batch))),
        TimeTerm("elementwise passes", float(mine * k.pass_s)),
        TimeTerm("fixed overhead", float(step_time.overhead_s(k, mine))),
    ]
    dense = float(step_time.decode_s(f, k, batch, context)) - sum(term.seconds for term in rest)
    return [TimeTerm("dense GEMMs", dense, float(2 * mine * f.dense_compute / k.compute), float(f.dense_read / k.read)), *rest]


def _times(term: TimeTerm, stages: int) -> TimeTerm:
    if stages == 1:
        return term
    compute, read = (None if one is None else one * stages for one in (term.compute_s, term.read_s))
    return TimeTerm(term.name, term.seconds * stages, compute, read)
