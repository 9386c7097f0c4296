"""Arithmetic intensity: where a decode iteration and a prompt lie under the roof of one GPU."""

from __future__ import annotations

from dataclasses import dataclass

from sizing.explaining.time_terms import speculating
from sizing.models.quantisation.formats import peak_flops
from sizing.options.speculation import verify_s
from sizing.speed.replica import Replica


@dataclass(frozen=True, slots=True)
class WorkPoint:
    """`intensity` in FLOP a byte read; `flops_per_s` attained in the predicted time; `roof_flops_per_s` what the roof allows there."""

    name: str
    intensity: float
    flops_per_s: float
    roof_flops_per_s: float
    bound: str


@dataclass(frozen=True, slots=True)
class Roofline:
    """Datasheet peaks of one GPU. Work is counted in the arithmetic of the weights; wider parts count by their time."""

    peak_flops_per_s: float
    bandwidth_bytes_per_s: float
    points: tuple[WorkPoint, ...]

    @property
    def ridge(self) -> float:
        """FLOP a byte from which on arithmetic bounds, not memory."""
        return self.peak_flops_per_s / self.bandwidth_bytes_per_s


def roofline(r: Replica, *, batch: float, context: float, prompt_tokens: float) -> Roofline:
    """Return the roofline of one GPU of one stage. Prompts fill an iteration up to the engine's token limit, which reads the weights
    once. With speculation the verification of a step is shown, without the draft; of a prompt with images the text model's part."""
    bits = r.bits.experts if r.shape.is_moe else r.bits.ffn
    peak, bandwidth = peak_flops(r.gpu, bits, r.bits.compute), r.gpu.bandwidth_bytes_per_s
    stages = r.features.stages
    s, each = speculating(r), batch / stages
    decode = _decode(r, each, context, width=s.tokens + 1 if s else 1)
    took_s = verify_s(r, s, each, context=context) if s else r.decode_s(batch, context) / stages
    prompt = _prompt(r, prompt_tokens)
    return Roofline(
        peak,
        bandwidth,
        (
            _point("decode", decode, took_s=took_s, peak=peak, bandwidth=bandwidth),
            _point("prompt", prompt, took_s=Replica.prefill_s(r, prompt_tokens), peak=peak, bandwidth=bandwidth),
        ),
    )


def _point(name: str, at_peak_s: tuple[float, float], *, took_s: float, peak: float, bandwidth: float) -> WorkPoint:
    """`at_peak_s` are the seconds of the arithmetic and of the reading at datasheet peak."""
    flop, read = at_peak_s[0] * peak, at_peak_s[1] * bandwidth
    roof = min(peak, flop / read * bandwidth)
    return WorkPoint(name, float(flop / read), float(flop / took_s), float(roof), "bandwidth" if roof < peak else "compute")


def _decode(r: Replica, batch: float, context: float, *, width: int) -> tuple[float, float]:
    """`width` tokens of each sequence at once: matrices see all of them, its KV is read once."""
    f, k = r.features, r.efficiency
    mine, held, tokens = batch / f.attention_dp, min(context, f.span_tokens), batch * width
    covered = 1 - (1 - f.experts_per_token / f.experts) ** (1 + (tokens - 1) * k.coverage)
    scores = f.latent_compute * context if f.latent_compute else f.attention_compute * context + f.span_compute * held
    matrices = 2 * mine * width * (f.dense_compute + f.head_compute) + 2 * tokens * f.experts_per_token * f.expert_compute
    compute = matrices + mine * width * scores
    read = f.dense_read + f.head_read + f.expert_read * covered
    return compute, read + mine * (f.kv_read * context + f.span_read * held + 2 * f.state_read)


def _prompt(r: Replica, tokens: float) -> tuple[float, float]:
    f, iterations = r.features, tokens / r.settings.max_num_batched_tokens
    mine, held = tokens / f.attention_dp, min(tokens, f.span_tokens)
    scores = f.attention_compute * tokens / 2 + f.span_compute * (held - held * held / (2 * tokens))
    compute = 2 * mine * f.dense_compute + 2 * tokens * f.experts_per_token * f.expert_compute + mine * scores
    return compute, (f.dense_read + f.head_read + f.expert_read) * iterations
