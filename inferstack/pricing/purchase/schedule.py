"""When a service is open: weekly hours from words, and what scaling to zero between them pays."""

from __future__ import annotations

import re
from dataclasses import dataclass
from zoneinfo import ZoneInfo

from inferstack.records.errors import InputError

DAYS = ("mon", "tue", "wed", "thu", "fri", "sat", "sun")
DAY_MIN = 24 * 60
WEEK_MIN = 7 * DAY_MIN
WEEK_H = 168.0
MONTH_H = 730.0
WEEKS_A_MONTH = MONTH_H / WEEK_H
SHAPE = 'for example "Mon-Fri 08:00-18:00 Europe/Berlin", "daily 06:00-22:00, Sat 10:00-14:00", or always'
PART = re.compile(r"(?P<days>[a-z/-]+)\s+(?P<from>\d{1,2}:\d{2})\s*-\s*(?P<to>\d{1,2}:\d{2})", re.IGNORECASE)
ZONE = re.compile(r"\s+(?P<zone>[A-Za-z_]+(?:/[A-Za-z_+\-0-9]+)+|UTC)\s*$")


@dataclass(frozen=True, slots=True)
class Schedule:
    """`windows` are minutes of the week from Monday 0:00, sorted, not touching; one may go past the end into Monday."""

    text: str
    windows: tuple[tuple[int, int], ...]
    days: int
    zone: str | None = None

    @property
    def hours_per_week(self) -> float:
        return sum(end - begin for begin, end in self.windows) / 60

    @property
    def always(self) -> bool:
        return self.hours_per_week >= WEEK_H

    @property
    def gaps_h(self) -> tuple[float, ...]:
        """Hours closed before each opening, round the week."""
        if self.always:
            return ()
        ends = (self.windows[-1][1] - WEEK_MIN, *(end for _, end in self.windows[:-1]))
        return tuple((begin - end) / 60 for (begin, _), end in zip(self.windows, ends, strict=True))

    def starts(self, start_h: float) -> int:
        """Openings for which the service is started anew: those after a pause longer than a start."""
        return sum(gap > start_h for gap in self.gaps_h)

    def paid_hours(self, start_h: float) -> float:
        """Hours a week that are paid: those open, and before each opening the start, or the pause where that is shorter."""
        return self.hours_per_week + sum(min(gap, start_h) for gap in self.gaps_h)


ALWAYS = Schedule("always", ((0, WEEK_MIN),), 7)


def parse(text: str) -> Schedule:
    """Raises InputError for words that are no schedule, a time that does not exist, or a time zone that nobody knows."""
    if text.strip().lower() in ("always", "24/7"):
        return ALWAYS
    found = ZONE.search(text)
    zone = _zone(found["zone"]) if found else None
    spans = [span for part in text[: found.start() if found else None].split(",") for span in _part(text, part)]
    merged = _merged(spans)
    return Schedule(text.strip(), merged, len({begin // DAY_MIN for begin, _ in spans}), zone)


def of_hours(hours_per_week: float) -> Schedule:
    """So many hours, evenly over the seven days. Raises InputError outside 0 to 168."""
    if not 0 < hours_per_week <= WEEK_H:
        raise InputError(f"hours_per_week: must be more than 0 and at most 168, not {hours_per_week:g}")
    if hours_per_week == WEEK_H:
        return ALWAYS
    each = max(round(hours_per_week * 60 / 7), 1)
    return Schedule(f"{hours_per_week:g} hours a week, one period a day", tuple((d * DAY_MIN, d * DAY_MIN + each) for d in range(7)), 7)


def _part(whole: str, text: str) -> list[tuple[int, int]]:
    found = PART.fullmatch(text.strip())
    if found is None:
        raise InputError(f"schedule: not understood: {text.strip()[:60]!r}", hint=SHAPE)
    begin, end = (_minutes(found[name]) for name in ("from", "to"))
    length = (end - begin) % DAY_MIN or DAY_MIN
    return [(day * DAY_MIN + begin, day * DAY_MIN + begin + length) for day in _days(found["days"])]


def _days(text: str) -> list[int]:
    if text.lower() == "daily":
        return list(range(7))
    found: list[int] = []
    for piece in text.lower().split("/"):
        first, _, last = piece.partition("-")
        if first not in DAYS or (last or first) not in DAYS:
            raise InputError(f"schedule: {piece!r} is not a day; allowed: {', '.join(name.title() for name in DAYS)}, daily", hint=SHAPE)
        begin, end = DAYS.index(first), DAYS.index(last or first)
        found += [day % 7 for day in range(begin, end + 1 if end >= begin else end + 8)]
    return sorted(set(found))


def _minutes(text: str) -> int:
    hours, minutes = map(int, text.split(":"))
    if hours > 24 or minutes > 59 or (hours == 24 and minutes):
        raise InputError(f"schedule: {text} is not a time of day; allowed: 00:00 to 24:00", hint=SHAPE)
    return hours * 60 + minutes


def _zone(name: str) -> str:
    try:
        return ZoneInfo(name).key
    except (OSError, ValueError, KeyError):  # no such file; a path; ZoneInfoNotFoundError
        raise InputError(f"schedule: there is no time zone {name!r}", hint=SHAPE) from None


def _merged(spans: list[tuple[int, int]]) -> tuple[tuple[int, int], ...]:
    """Minutes of the week as a ring; what overlaps or touches becomes one."""
    found: list[tuple[int, int]] = []
    for begin, end in sorted(spans):
        if found and begin <= found[-1][1]:
            found[-1] = (found[-1][0], max(end, found[-1][1]))
        else:
            found.append((begin, end))
    while len(found) > 1 and found[-1][1] - WEEK_MIN >= found[0][0]:
        first = found.pop(0)
        found[-1] = (found[-1][0], max(found[-1][1], first[1] + WEEK_MIN))
    if found[-1][1] - found[-1][0] >= WEEK_MIN or (len(found) == 1 and found[0][1] - WEEK_MIN >= found[0][0]):
        return ((0, WEEK_MIN),)
    return tuple(found)
