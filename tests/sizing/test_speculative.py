"""sizing.options.speculation: tokens a step, the gain at small batches, the loss at large ones, memory."""

from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from inferstack.records.errors import InputError
from sizing.batch.question import parse
from sizing.options.replica import with_speculation
from sizing.options.speculation import METHODS, expected_tokens, speculation, step_s
from sizing.speed.operating_point import operating_point
from sizing.speed.replica import Replica
from sizing.speed.traffic import Traffic


def _replica(model: str = "Llama-3.1-8B-Instruct") -> Replica:
    return parse({"id": "x", "model": model, "gpu": "H100", "memory_only": True, "max_model_len": 4096}).replica


@given(k=st.integers(1, 16), a=st.floats(0, 0.999))
def test_tokens_a_step_are_the_geometric_sum(k: int, a: float) -> None:
    """(1 - a^(k+1)) / (1 - a), between 1 and k + 1."""
    assert (1 - a ** (k + 1)) / (1 - a) == pytest.approx(expected_tokens(k, a))
    assert 1 <= expected_tokens(k, a) <= k + 1


@settings(deadline=None)
@given(batch=st.floats(1, 512), context=st.floats(16, 1e5), k=st.integers(1, 8))
def test_nothing_accepted_is_never_faster(batch: float, context: float, k: int) -> None:
    """A step that verifies more tokens for one token of gain costs at least the plain step."""
    r = _replica()
    assert r.decode_s(batch, context) <= step_s(r, speculation("ngram", tokens=k, acceptance=0), batch, context=context) * (1 + 1e-9)


def test_it_wins_alone_and_loses_in_a_large_batch() -> None:
    """Reading weights is shared by the verified tokens; compute is not."""
    r = _replica()
    fast = with_speculation(r, speculation("eagle3", tokens=7, acceptance=0.5))
    assert r.decode_s(1, 1024) > fast.decode_s(1, 1024)
    assert r.decode_s(512, 256) < fast.decode_s(512, 256)


@pytest.mark.parametrize("method", METHODS)
def test_every_method_has_facts_and_takes_its_memory_from_the_kv(method: str) -> None:
    """Only n-gram look-up holds nothing; the basis says what is assumed."""
    r, s = _replica(), speculation(method)
    held = with_speculation(r, s)
    assert (method == "ngram") == (held.budget.kv_gib == r.budget.kv_gib)
    assert r.budget.weights_gib + r.budget.kv_gib == pytest.approx(held.budget.weights_gib + held.budget.kv_gib)
    assert sum(size for _, size in held.beside) == pytest.approx(r.budget.kv_gib - held.budget.kv_gib)
    assert "no band was measured" in s.basis


def test_an_operating_point_is_that_of_the_speculating_replica() -> None:
    """One request at a time: the time between tokens falls."""
    r, t = _replica(), Traffic(isl=512, osl=256, concurrency=1)
    assert operating_point(r, t).itl_s > operating_point(with_speculation(r, speculation("eagle3")), t).itl_s


def test_wrong_figures_are_refused_by_name() -> None:
    """Method, tokens and acceptance each."""
    for wrong, said in (
        ({"method": "medusa"}, "speculative_method"),
        ({"tokens": 0}, "speculative_tokens"),
        ({"acceptance": 2}, "acceptance"),
    ):
        with pytest.raises(InputError, match=said):
            speculation(**{"method": "ngram", **wrong})  # type: ignore[arg-type]
