"""inferstack.pricing.purchase.schedule: weekly hours from words, and what scaling to zero pays."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from inferstack.pricing.purchase.schedule import ALWAYS, DAY_MIN, WEEK_H, WEEK_MIN, Schedule, of_hours, parse
from inferstack.records.errors import InputError

MINUTES = st.integers(0, DAY_MIN - 1)


@st.composite
def schedules(draw: st.DrawFn) -> Schedule:
    days = draw(st.sampled_from(["daily", "Mon-Fri", "Sat-Mon", "Wed", "Mon/Thu/Sun"]))
    begin, end = draw(MINUTES), draw(MINUTES)
    return parse(f"{days} {begin // 60:02}:{begin % 60:02}-{end // 60:02}:{end % 60:02}")


@pytest.mark.parametrize(("text", "hours", "days", "zone"), [
    ("Mon-Fri 08:00-18:00 Europe/Berlin", 50, 5, "Europe/Berlin"),
    ("daily 22:00-06:00 UTC", 56, 7, "UTC"),
    ("Mon-Fri 08:00-18:00, Sat 10:00-14:00", 54, 6, None),
    ("Mon/Wed 09:30-17:00", 15, 2, None),
    ("Fri-Mon 00:00-24:00", 96, 4, None),
    ("Sun 20:00-04:00, Mon 02:00-06:00", 10, 2, None),
    ("always", 168, 7, None),
    ("daily 00:00-24:00", 168, 7, None),
])  # fmt: skip
def test_words_become_weekly_hours(text: str, hours: float, days: int, zone: str | None) -> None:
    """Windows may cross midnight and the end of the week; what overlaps counts once."""
    found = parse(text)
    assert (hours, days, zone) == (found.hours_per_week, found.days, found.zone)


@pytest.mark.parametrize(("text", "says"), [
    ("office hours", "not understood: 'office hours'"),
    ("Mon-Fri 08:00-18:00 Europe/Atlantis", "no time zone 'Europe/Atlantis'"),
    ("Mon-Fry 08:00-18:00", "'mon-fry' is not a day"),
    ("Mon 08:00-25:00", "25:00 is not a time of day"),
    ("Mon 08:60-18:00", "08:60 is not a time of day"),
    ("", "not understood"),
])  # fmt: skip
def test_words_that_are_no_schedule_are_one_clear_line(text: str, says: str) -> None:
    """Named `schedule`, with what is allowed as the hint."""
    with pytest.raises(InputError, match=r"^schedule: ") as raised:
        parse(text)
    assert says in raised.value.message and "\n" not in raised.value.message


def test_each_opening_pays_a_start_or_the_pause_where_that_is_shorter() -> None:
    """Five openings of ten hours; a start of 20 h would not fit the 14 h of a night, so the service stays on over it."""
    office = parse("Mon-Fri 08:00-18:00")
    assert pytest.approx(50 + 5 * 0.25) == office.paid_hours(0.25)
    assert pytest.approx(50 + 4 * 14 + 20) == office.paid_hours(20)
    assert (5, 1, 0) == (office.starts(0.25), office.starts(20), office.starts(100))


@given(schedules(), st.floats(0, 200))
def test_scale_to_zero_is_never_dearer_than_always_on(schedule: Schedule, start_h: float) -> None:
    """However long a start takes; and no hour that is open goes unpaid."""
    assert schedule.hours_per_week - 1e-9 <= schedule.paid_hours(start_h) <= WEEK_H + 1e-9


@given(schedules(), st.floats(0, 30), st.floats(0, 30))
def test_a_longer_start_never_costs_less(schedule: Schedule, one: float, other: float) -> None:
    """Monotone in the start."""
    assert schedule.paid_hours(min(one, other)) <= schedule.paid_hours(max(one, other)) + 1e-9


@given(schedules())
def test_windows_are_within_one_week_and_apart(schedule: Schedule) -> None:
    """Sorted on the ring of the week; pauses and openings make up the week."""
    assert pytest.approx(WEEK_H) == schedule.hours_per_week + sum(schedule.gaps_h)
    assert all(0 <= begin < WEEK_MIN and begin < end for begin, end in schedule.windows)


@given(st.floats(0.5, 168))
def test_hours_a_week_are_kept(hours: float) -> None:
    """To the minute a day."""
    assert abs(of_hours(hours).hours_per_week - hours) < 0.06
    assert of_hours(168) is ALWAYS


@pytest.mark.parametrize("hours", [0, -1, 169, float("nan"), float("inf")])
def test_hours_out_of_a_week_are_refused(hours: float) -> None:
    """Zero and NaN too."""
    with pytest.raises(InputError, match="hours_per_week: must be more than 0 and at most 168"):
        of_hours(hours)
