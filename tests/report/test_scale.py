"""inferstack.report.scale: values to places, and ticks that a person would write."""

from __future__ import annotations

from hypothesis import example, given, settings
from hypothesis import strategies as st

from inferstack.report.scale import Scale, scale, written

VALUES = st.lists(st.floats(1e-6, 1e9), min_size=1, max_size=30)


@given(values=VALUES, from_zero=st.booleans())
def test_every_value_lies_inside_and_in_order(values: list[float], from_zero: bool) -> None:
    axis = scale(values, start=0, end=1000, from_zero=from_zero)
    places = [axis.at(one) for one in sorted(values)]
    assert places == sorted(places)
    assert 0 <= places[0] and places[-1] <= 1000


@settings(max_examples=300, deadline=None)
@example(values=[1e-06, 1.0000000000000002e-06], from_zero=False)
@given(values=VALUES, from_zero=st.booleans())
def test_ticks_lie_inside_rise_and_are_few(values: list[float], from_zero: bool) -> None:
    axis = scale(values, start=0, end=1000, from_zero=from_zero)
    ticks = axis.ticks()
    assert list(ticks) == sorted(set(ticks))
    assert len(ticks) <= 17
    assert all(axis.low * (1 - 1e-9) - 1e-12 <= one <= axis.high * (1 + 1e-9) for one in ticks)


def test_an_axis_of_ratios_has_ones_twos_and_fives() -> None:
    assert (2.0, 5.0, 10.0, 20.0, 50.0, 100.0, 200.0) == Scale(1.5, 300, 0, 1, log=True).ticks()


def test_an_even_axis_has_round_steps() -> None:
    assert (0.0, 20.0, 40.0, 60.0, 80.0, 100.0) == Scale(0, 100, 0, 1).ticks()


def test_figures_are_short() -> None:
    assert ["0.05", "37.61", "2,400", "11.4k", "1.5M", "2G"] == [written(one) for one in (0.05, 37.61, 2400, 11400, 1.5e6, 2e9)]
