"""Layers without a token mixer: those of NemotronH that are an FFN alone."""

from __future__ import annotations

from sizing.attention.kind import AttentionKind, LayerLetter, TokenWork
from sizing.models.shape import LayerGroup, ModelShape


class NoAttention(AttentionKind):
    name = "none"
    sized_with_adapters = True
    letters = {"-": LayerLetter("dense", tensor="ffn_up.weight"), "E": LayerLetter("moe", tensor="ffn_up_exps.weight")}

    def params(self, shape: ModelShape, group: LayerGroup) -> int:
        return 0

    def work(self, shape: ModelShape, group: LayerGroup) -> TokenWork:
        return TokenWork(projections=0)


KIND = NoAttention()
