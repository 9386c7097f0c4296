"""Products in the shape of the AWS price list, small enough to be read in a test."""

from __future__ import annotations

from typing import Any


def product(
    usagetype: str, usd: Any, *, unit: str = "Hrs", region: str = "eu-central-1", effective: str = "2026-11-01T00:00:00Z", **attributes: str
) -> dict[str, Any]:
    """`usd` is a price, or the steps [(begin, price), ...]."""
    steps = usd if isinstance(usd, list) else [(0, usd)]
    dimensions = {
        str(number): {"unit": unit, "beginRange": str(begins), "pricePerUnit": price if isinstance(price, dict) else {"USD": str(price)}}
        for number, (begins, price) in enumerate(steps)
    }
    return {
        "product": {"attributes": {"usagetype": usagetype, "regionCode": region, **attributes}},
        "terms": {"OnDemand": {"T": {"effectiveDate": effective, "priceDimensions": dimensions}}},
    }
