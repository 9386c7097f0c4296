"""sizing.planning.pareto: which ways no other beats in everything."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from sizing.planning.pareto import Worth, front

SMALL = st.integers(1, 5).map(float)
WAYS = st.lists(st.builds(Worth, SMALL, SMALL, SMALL), min_size=1, max_size=12)


@given(ways=WAYS)
def test_what_is_on_the_front_is_beaten_by_nothing_and_the_rest_by_something_on_it(ways: list[Worth]) -> None:
    """Non-dominated, and complete."""
    kept = [one for one, on_front in zip(ways, front(ways), strict=True) if on_front]
    lost = [one for one, on_front in zip(ways, front(ways), strict=True) if not on_front]
    assert kept
    assert not any(other.dominates(one) for one in kept for other in ways)
    assert all(any(other.dominates(one) for other in kept) for one in lost)


def test_more_capacity_is_better_and_a_copy_beats_nothing() -> None:
    """The third part counts upwards."""
    assert (False, True, True) == front([Worth(1, 1, 1), Worth(1, 1, 2), Worth(1, 1, 2)])
