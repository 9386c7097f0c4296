"""Very long context: Llama 4 Scout at 1 M and 10 M tokens, from its published shape."""

from __future__ import annotations

import pytest

from sizing.batch.question import parse
from sizing.speed.replica import Replica

FULL_BYTES = 2 * 12 * 8 * 128 * 2
CHUNKED_BYTES = 2 * 36 * 8 * 128 * 2
GIB = 2**30


def _scout(gpu: str, tokens: int) -> Replica:
    asked = {"id": "x", "model": "Llama-4-Scout-17B-16E-Instruct", "gpu": gpu, "tp": 8, "memory_only": True, "max_model_len": tokens}
    return parse(asked).replica


@pytest.mark.parametrize(("tokens", "whole_gib", "saved_gib"), [(1_000_000, 183.1, 45.8), (10_000_000, 1831.1, 457.8)])
def test_chunked_layers_save_three_quarters(tokens: int, whole_gib: float, saved_gib: float) -> None:
    """12 of 48 layers keep everything, 36 a chunk of 8,192: 16 bit, over 8 GPUs, with the pages and the tokens in flight on top."""
    kv = _scout("H200", tokens).kv
    assert (FULL_BYTES / 8, CHUNKED_BYTES / 8) == (kv.full_bytes, kv.span_bytes)
    assert whole_gib == pytest.approx((kv.full_bytes + kv.span_bytes) * 8 * tokens / GIB, abs=0.1)
    assert saved_gib == pytest.approx(kv.full_bytes * 8 * tokens / GIB, abs=0.1)
    assert saved_gib < kv.sequence_bytes(tokens) * 8 / GIB < saved_gib + 5


@pytest.mark.parametrize(
    ("gpu", "tokens", "fits"), [("H100", 1_000_000, 5), ("H200", 1_000_000, 14), ("H100", 10_000_000, 0), ("H200", 10_000_000, 1)]
)
def test_what_fits_on_eight(gpu: str, tokens: int, fits: int) -> None:
    """BF16 weights and KV: whole sequences on one node."""
    assert fits == int(_scout(gpu, tokens).concurrency(tokens))


def test_the_prompt_grows_with_the_square_in_the_layers_that_see_everything() -> None:
    """Half a minute for 1 M and half an hour for 10 M on 8 x H200 by the formula: far outside of what was measured."""
    short, long = (_scout("H200", tokens).prefill_s(tokens) for tokens in (1_000_000, 10_000_000))
    assert 10 < short < 120
    assert 10 * short < long < 100 * short
