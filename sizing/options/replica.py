"""A replica with more than its model loaded, or more than text to read: speculation, adapters and images, each on its own or together."""

from __future__ import annotations

import dataclasses
from dataclasses import dataclass
from typing import Any

from sizing.attention.table import kind_of
from sizing.models.image_tokens import Images
from sizing.models.quantisation.formats import peak_flops
from sizing.models.weights import stage_share
from sizing.options.lora import Adapters, adapters_gib
from sizing.options.speculation import Speculation, draft_gib, draft_kv_gib, step_s
from sizing.speed.replica import Replica


@dataclass(slots=True, eq=False, repr=False)
class SpecialReplica(Replica):
    """A replica with speculation, adapters or images; with speculation `decode_s` is the time of one token of a sequence: a whole step
    over the tokens expected of it. `encoder_s` and `cross_s` are seconds that images add for each token of a prompt: vision encoder, and
    attention to what cross-attention layers keep."""

    speculation: Speculation | None = None
    adapters: Adapters | None = None
    images: Images | None = None
    encoder_s: float = 0.0
    cross_s: float = 0.0

    def decode_s(self, batch: float, context: float) -> float:
        if self.speculation is None:
            return Replica.decode_s(self, batch, context)
        return self.step_s(batch, context) / self.speculation.tokens_a_step

    def step_s(self, batch: float, context: float) -> float:
        if self.speculation is None:
            return Replica.decode_s(self, batch, context)
        return step_s(self, self.speculation, batch, context=context)

    def prefill_s(self, tokens: float) -> float:
        return Replica.prefill_s(self, tokens) + tokens * (self.encoder_s + self.cross_s)


def with_speculation(r: Replica, s: Speculation) -> SpecialReplica:
    """Return the same replica with the draft's weights and KV taken from its KV. `why_not` says where nothing is left."""
    weights = draft_gib(r, s)
    held = weights + draft_kv_gib(r, s, kv_gib=r.budget.kv_gib - weights)
    beside = (("draft", weights), ("KV of the draft", held - weights)) if held else ()
    return _extended(r, held_gib=held, what=f"the draft of {s.method} needs {weights:.1f} GiB", beside=beside, speculation=s)


def with_adapters(r: Replica, a: Adapters) -> SpecialReplica:
    """Return the same replica with a slot for each adapter taken from its KV, at the same speed. Raises InputError as `slot_bytes` does."""
    held = adapters_gib(r, a)
    what = f"{a.slots} adapters of rank {a.held_rank} need {held:.1f} GiB"
    return _extended(r, held_gib=held, what=what, beside=(("LoRA adapters", held),), adapters=a)


def with_images(r: Replica, images: Images, *, prompt_tokens: float) -> SpecialReplica:
    """The same replica reading prompts of so many tokens with these images in them. The encoder's time is an estimate: 2 x its parameters
    x patches FLOP at the efficiency of the prompt's matrices, cut over the GPUs of tensor parallelism; weights and the encoder's buffers
    are in the budget already."""
    f = r.features
    read = dataclasses.replace(f, state_read=f.state_read + _cross_bytes(r, images, all_layers=False) / 2 / r.gpu.bandwidth_bytes_per_s)
    kv = dataclasses.replace(r.kv, state_bytes=r.kv.state_bytes + _cross_bytes(r, images, all_layers=r.engine.images_in_all_layers))
    encoder, cross = _encoder_s(r, images) / prompt_tokens, _cross_s_a_token(r, images)
    return _extended(r, features=read, kv=kv, images=images, encoder_s=encoder, cross_s=cross)


def _extended(
    r: Replica, *, held_gib: float = 0.0, what: str = "", beside: tuple[tuple[str, float], ...] = (), **changes: Any
) -> SpecialReplica:
    left = dataclasses.replace(r.budget, weights_gib=r.budget.weights_gib + held_gib, kv_gib=r.budget.kv_gib - held_gib)
    why = r.why_not or (f"{what}, more than is available" if left.kv_gib <= 0 else None)
    if not why:
        why = r.engine.start_refusal(changes.get("kv", r.kv), left, gpu=r.gpu, settings=r.settings)
    known = {one.name: getattr(r, one.name) for one in dataclasses.fields(r)}
    return SpecialReplica(**{**known, "budget": left, "why_not": why, "beside": (*r.beside, *beside), **changes})


def _encoder_s(r: Replica, images: Images) -> float:
    """Return the encoder's GPU time of one request in one stage: only the first runs it, so that all stages together take it once."""
    flop = 2 * r.shape.vision_params * images.patches * images.per_request
    flop += 2 * _cross_weights(r) * images.cross_tokens * images.per_request
    return flop / (r.layout.shards.gpus * r.gpu.flops_bf16 * r.efficiency.prefill) / r.features.stages


def _cross_weights(r: Replica) -> float:
    """Projections to keys and values that cross-attention layers run over the image; counted in 16 bit."""
    wide = r.gpu.flops_bf16 / peak_flops(r.gpu, r.bits.attn, r.bits.compute)
    return sum(kind_of(group).image_weights(r.shape, group) * group.n for group in r.shape.layers) * wide


def _cross_s_a_token(r: Replica, images: Images) -> float:
    each = sum(kind_of(group).image_flop(r.shape, group) * group.n for group in r.shape.layers)
    flop = each * images.cross_tokens * images.per_request
    return flop / (r.layout.shards.attention * r.gpu.flops_bf16 * r.efficiency.attention) / r.features.stages


def _cross_bytes(r: Replica, images: Images, *, all_layers: bool) -> float:
    """A request on one GPU; `all_layers` where blocks hold all of them, whichever keep the image."""
    if not images.cross_tokens:
        return 0.0
    groups = [group for group in r.shape.layers if all_layers or kind_of(group).reads_images]
    shards, width = r.layout.shards.attention, r.kv.element_bytes
    each = sum(kind_of(group).token_bytes(r.shape, group, shards, element_bytes=width) * group.n for group in groups)
    return each * images.cross_tokens * images.per_request * stage_share(r.shape, r.layout.pp)
