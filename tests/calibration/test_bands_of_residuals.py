"""Bands made from held-out residuals."""

from __future__ import annotations

from hypothesis import given, settings
from hypothesis import strategies as st

from sizing.speed.error_bands import factors, names
from tools.calibration.bands import _quantiles


@settings(max_examples=50)
@given(st.lists(st.floats(-1, 1), min_size=20, max_size=200))
def test_a_band_holds_nine_of_ten_of_what_it_was_made_from(ratios: list[float]) -> None:
    """Never fewer: the quantile levels are those of split-conformal prediction."""
    from math import exp

    low, high = _quantiles(ratios)
    inside = sum(1 for one in ratios if low - 1e-3 <= exp(one) <= high + 1e-3)
    assert 0.9 * len(ratios) - 1 <= inside
    assert low <= high


def test_every_stratum_has_an_answer_at_every_distance() -> None:
    """Down to the widest, which holds all rows."""
    for metric in ("itl", "ttft", "tokens"):
        for load in ("offline", "closed", "open"):
            for engine in ("vllm", "tensorrt-llm", "sglang", "llama.cpp"):
                for at in ("near", "mid", "far"):
                    band = factors(metric, load=load, engine=engine, moe=True, at=at)  # type: ignore[arg-type]
                    assert band.low < 1 < band.high
    assert "all" == names("itl", load="open", engine="sglang", moe=False)[-1]
