"""sizing.memory.paged_layers against the lines that vLLM printed: block sizes, tokens and concurrency of models whose layers differ."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sizing.catalog import GIB
from sizing.memory.paged_layers import LayerKind, Paging, paging

LENGTHS = st.integers(0, 200_000)


def delta_net(*, full: int, states: int, token_bytes: float, value_heads: int, state_pages: int = 1) -> Paging:
    """Qwen3.5: gated delta nets of 16 key heads, 128 wide, in 32 bit, and the last three inputs of their convolution in 16."""
    state = value_heads * 128 * 128 * 4 + (2 * 16 * 128 + value_heads * 128) * 3 * 2
    kinds = [LayerKind(full, token_bytes), LayerKind(states, 0.0, state_bytes=state)]
    found = paging(kinds, block_tokens=16, merge_below=1.5, state_pages=state_pages)
    assert found is not None
    return found


def test_the_block_grows_until_a_state_fits_in_a_page() -> None:
    """`Setting attention block size to 528 tokens`, 784, 1568 and 2096: four logs of 0.19-0.23."""
    assert 528 == delta_net(full=8, states=24, token_bytes=4096, value_heads=32).block_tokens
    assert 784 == delta_net(full=16, states=48, token_bytes=4096, value_heads=48).block_tokens
    assert 1568 == delta_net(full=16, states=48, token_bytes=2048, value_heads=48).block_tokens
    assert 2096 == delta_net(full=10, states=30, token_bytes=1024, value_heads=32).block_tokens


def test_before_0_21_the_printed_tokens_count_every_group() -> None:
    """0.19.0, 9B on an L40S: 20.27 GiB are 165,792 tokens; 0.20.0, 35B in FP8: 1.28 GiB are 33,536."""
    assert 165_792 == delta_net(full=8, states=24, token_bytes=4096, value_heads=32).printed_tokens(20.27 * GIB)
    assert 33_536 == delta_net(full=10, states=30, token_bytes=1024, value_heads=32).printed_tokens(1.28 * GIB)


@pytest.mark.parametrize(
    ("model", "gib", "length", "tokens"),
    [
        ({"full": 8, "states": 24, "token_bytes": 4096, "value_heads": 32}, 11.11, 1024, 141_107),
        ({"full": 16, "states": 48, "token_bytes": 2048, "value_heads": 48, "state_pages": 2}, 47.84, 262_144, 1_505_068),
        ({"full": 16, "states": 48, "token_bytes": 4096, "value_heads": 48, "state_pages": 2}, 19.54, 262_144, 313_650),
    ],
)
def test_since_then_they_are_concurrency_times_the_length(model: dict[str, int], gib: float, length: int, tokens: int) -> None:
    """Logs of 0.22.0 (one page a state), 0.23.1 and August 2026 (prefix caching in mode align: two), to the token."""
    pages = delta_net(**model)
    assert tokens == int(pages.pool(gib * GIB) / pages.pages(length) * length)


def test_a_span_holds_what_is_in_flight_beside_it_until_the_step_is_over() -> None:
    """gpt-oss: 12 full and 12 layers of 128 tokens; a step of 8,192 tokens keeps 8,319 before it lets go."""
    pages = paging([LayerKind(12, 2048.0), LayerKind(12, 2048.0, span_tokens=128)], block_tokens=16, merge_below=1.25)
    assert pages is not None
    assert 8192 + (127 + 8192 + 15) // 16 + 1 == pages.pages(131_072, in_flight=8192)
    assert 8192 + 9 == pages.pages(131_072)
    assert 64 + 64 == pages.pages(1024, in_flight=8192)


def test_chunks_are_three_groups_of_the_size_of_the_full_layers() -> None:
    """Llama 4: 12 full and 36 chunked layers are four groups of 12."""
    pages = paging([LayerKind(12, 512.0), LayerKind(36, 512.0, span_tokens=8192, chunked=True)], block_tokens=16, merge_below=1.5)
    assert pages is not None
    assert 4 == pages.groups
    assert 62_500 + 3 * 512 == pages.pages(1_000_000)


def test_layers_that_are_all_alike_need_no_groups() -> None:
    assert paging([LayerKind(32, 4096.0)], block_tokens=16, merge_below=1.5) is None


@given(full=st.integers(1, 64), span=st.integers(1, 64), tokens=LENGTHS, more=LENGTHS, flight=LENGTHS)
def test_more_tokens_and_more_in_flight_never_hold_fewer_pages(full: int, span: int, tokens: int, more: int, flight: int) -> None:
    """Monotone in both, and never more than if every layer kept everything."""
    pages = paging([LayerKind(full, 2048.0), LayerKind(span, 2048.0, span_tokens=1024)], block_tokens=16, merge_below=1.5)
    assert pages is not None
    assert pages.pages(tokens) <= pages.pages(tokens + more)
    assert pages.pages(tokens) <= pages.pages(tokens, in_flight=flight) <= pages.groups * -(-tokens // 16)
