"""sizing.options.disaggregated: fleets by prompt work and by decode batch, the transfer, the aggregated answer beside them."""

from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from inferstack.records.errors import InputError
from sizing.batch.question import parse
from sizing.options.disaggregated import aggregated, decode_capacity_per_s, kv_transfer_s, split
from sizing.speed.replica import Replica
from sizing.speed.traffic import Traffic

NVLINK, NIC = 450e9, 12.5e9


def _replica(tp: int = 1) -> Replica:
    return parse(
        {"id": "x", "model": "Llama-3.1-8B-Instruct", "gpu": "H100", "tp": tp, "memory_only": True, "max_model_len": 16384}
    ).replica


def test_the_kv_of_a_prompt_is_that_of_the_published_shape() -> None:
    """8B: 2 x 32 layers x 8 heads x 128 x 2 bytes = 131,072 bytes a token, whole however it is cut."""
    for tp in (1, 2):
        assert 131072 * 8192 / NIC == pytest.approx(kv_transfer_s(_replica(tp), 8192, link_bytes_per_s=NIC))


@settings(max_examples=40, deadline=None)
@given(rate=st.floats(0.1, 500), isl=st.integers(64, 8192), osl=st.integers(2, 2048))
def test_both_fleets_carry_their_work(rate: float, isl: int, osl: int) -> None:
    """No prefill replica is busier, and no decode replica fuller, than the headroom allows."""
    r, t = _replica(), Traffic(isl=isl, osl=osl, request_rate=rate)
    found = split(r, r, t, link_bytes_per_s=NVLINK)
    assert rate * r.prefill_s(isl) <= 0.8 * found.prefill_replicas * (1 + 1e-9)
    assert rate <= 0.8 * found.decode_replicas * decode_capacity_per_s(r, t) * (1 + 1e-9)
    assert found.gpus == found.prefill_replicas + found.decode_replicas
    assert found.ttft_s > found.transfer_s > 0


def test_decode_apart_makes_tokens_more_even_where_prompts_are_long() -> None:
    """Prompts no longer hold decoding up; the transfer over a NIC costs the first token."""
    r, t = _replica(), Traffic(isl=8192, osl=256, request_rate=20)
    near, far, both = split(r, r, t, link_bytes_per_s=NVLINK), split(r, r, t, link_bytes_per_s=NIC), aggregated(r, t)
    assert near.itl_s < both.itl_s
    assert near.ttft_s < far.ttft_s
    assert "assumed" in near.basis


def test_a_load_without_a_rate_is_refused() -> None:
    """Fleets are sized for arrivals."""
    with pytest.raises(InputError, match="request_rate"):
        split(_replica(), _replica(), Traffic(isl=10, osl=10, concurrency=4), link_bytes_per_s=NIC)
