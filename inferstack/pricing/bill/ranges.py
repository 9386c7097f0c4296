"""A group's lines at its billed, smallest and largest size, as one list of lines with a range."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from inferstack.records.preview import BillLine, Range

Key = tuple[str, str | None]


def ranged(billed: Iterable[BillLine], least: Iterable[BillLine], most: Iterable[BillLine]) -> Iterator[BillLine]:
    """A part that exists at another size alone (spot above the on-demand base) stands in the list with a quantity of 0."""
    small, large = _by_key(least), _by_key(most)
    shown = _by_key(billed)
    absent = {key: _none_of(line) for key, line in {**small, **large}.items() if key not in shown}
    for key, line in {**shown, **absent}.items():
        ends = _range(small.get(key), large.get(key))
        yield line if line.bucket != "priced" or ends is None else line.model_copy(update={"range": ends})


def _range(small: BillLine | None, large: BillLine | None) -> Range | None:
    ends = [one for one in (small, large) if one is not None]
    if not ends or any(one.bucket != "priced" for one in ends):
        return None
    return Range(
        quantity_min=small.quantity or 0.0 if small else 0.0,
        quantity_max=large.quantity or 0.0 if large else 0.0,
        usd_per_hour_min=small.usd_per_hour or 0.0 if small else 0.0,
        usd_per_hour_max=large.usd_per_hour or 0.0 if large else 0.0,
    )


def _none_of(line: BillLine) -> BillLine:
    return line.model_copy(update={"quantity": 0.0, "usd_per_hour": 0.0}) if line.bucket == "priced" else line


def _by_key(lines: Iterable[BillLine]) -> dict[Key, BillLine]:
    """Instances by how they are bought alone: of several types another may be the dearest at another size."""
    return {("instances" if line.purchase_option else line.component, line.purchase_option): line for line in lines}
