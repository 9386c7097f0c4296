"""Whether a bill keeps the limits that somebody set. Pure."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from inferstack.records.preview import Bill


def passed(bill: Bill, *, max_usd_per_hour: float | None, max_usd: float | None) -> str | None:
    """One line that says what is over which limit; None where the bill keeps them. A bill without a total keeps none.

    What may bear a GPU and has no price is refused without any limit too; where merely nothing has a price, only a limit can be missed.
    `max_usd` holds for the time until the stack expires; a stack that never does has no such total.
    """
    limited = max_usd_per_hour is not None or max_usd is not None
    if bill.refused and (limited or any(line.gpu_bearing and line.bucket == "unpriced" for line in bill.lines)):
        return bill.refused
    until = f"until it expires in {bill.hours_until_expiry:.1f} h" if bill.hours_until_expiry is not None else ""
    return over(bill.usd_per_hour, max_usd_per_hour, "an hour", "max_usd_per_hour") or over(
        bill.usd_until_expiry, max_usd, until, "max_usd"
    )


def over(usd: float | None, limit: float | None, per: str, name: str) -> str | None:
    """`$41.20 an hour is over max_usd_per_hour 40`; None where it is not, or one of both is not known."""
    if usd is None or limit is None or usd <= limit:
        return None
    return f"{_told(usd, limit)} {per} is over {name} {limit:g}"


def _told(usd: float, limit: float) -> str:
    """Never rounded onto the limit that it is over."""
    digits = next((digits for digits in (2, 4, 6) if float(f"{usd:.{digits}f}") > limit), 9)
    return f"${usd:,.{digits}f}"
