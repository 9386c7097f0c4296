"""The price list of the embedded AWS: compact synthetic rows made into products and rates of AWS's documented shapes."""

from __future__ import annotations

import functools
import hashlib
import json
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

RECORDED = Path(__file__).parents[1] / "recorded" / "prices.json"
EFFECTIVE, EARLIER, COMING = "2026-11-01T00:00:00Z", "2025-01-01T00:00:00Z", "2099-01-01T00:00:00Z"
YEAR_S = 31_536_000


@functools.cache
def recorded() -> dict[str, Any]:
    return dict(json.loads(RECORDED.read_text(encoding="utf-8")))


def regions() -> Mapping[str, Mapping[str, Any]]:
    """Those with prices; every other region sells nothing here."""
    return dict(recorded()["regions"])


def products(service: str) -> Iterator[dict[str, Any]]:
    """Yield the products of every region, in the form of the Price List Query API."""
    for region, told in regions().items():
        if service == "AmazonEC2":
            yield from (_instance(row, region, told) for row in recorded()["instances"])
        yield from (_product(row, region, told) for row in recorded()["products"] if row["service"] == service)


def price(usd: float, region: str) -> str:
    """Return the price as AWS writes it: text, with ten digits."""
    return f"{usd * regions()[region]['factor']:.10f}"


def _instance(row: Mapping[str, Any], region: str, told: Mapping[str, Any]) -> dict[str, Any]:
    attributes = {
        "instanceType": row["type"],
        "instanceFamily": row.get("family", "GPU instance"),
        "operatingSystem": row.get("os", "Linux"),
        "tenancy": row.get("tenancy", "Shared"),
        "preInstalledSw": "NA",
        "capacitystatus": row.get("capacity", "Used"),
        "marketoption": row.get("market", "OnDemand"),
        "vcpu": row["vcpu"],
        "gpu": row["gpu"],
        "usagetype": f"{told['prefix']}BoxUsage:{row['type']}",
    }
    return _made("AmazonEC2", "Compute Instance", attributes, region, _terms(row, "Hrs", region))


def _product(row: Mapping[str, Any], region: str, told: Mapping[str, Any]) -> dict[str, Any]:
    prefix = f"{region}-" if row.get("code_prefix") else told["prefix"]
    attributes = {"usagetype": f"{prefix}{row['usage']}", **row.get("attributes", {})}
    field = row.get("region_field", "regionCode")
    return _made(row["service"], row["family"], attributes, region, _terms(row, row["unit"], region), region_field=field)


def _made(
    service: str, family: str, attributes: Mapping[str, str], region: str, terms: Mapping[str, Any], *, region_field: str = "regionCode"
) -> dict[str, Any]:
    sku = hashlib.blake2b(json.dumps([service, region, attributes], sort_keys=True).encode(), digest_size=8).hexdigest().upper()
    shared = {"servicecode": service, "locationType": "AWS Region", region_field: region}
    return {
        "product": {"productFamily": family, "attributes": {**shared, **attributes}, "sku": sku},
        "serviceCode": service,
        "terms": {"OnDemand": {f"{sku}.{name}": {**term, "sku": sku} for name, term in terms.items()}},
        "version": "20261101000000",
        "publicationDate": EFFECTIVE,
    }


def _terms(row: Mapping[str, Any], unit: str, region: str) -> dict[str, Any]:
    """The one in effect; where the row has them, the one before and one that is announced."""
    steps = row.get("steps") or [[0, row["usd"]]]
    terms = {"JRTCKXETXF": _term(steps, unit, region, EFFECTIVE, other=row.get("other", {}))}
    if "old_usd" in row:
        terms["OLDERTERM1"] = _term([[0, row["old_usd"]]], unit, region, EARLIER)
    if "coming_usd" in row:
        terms["COMINGTERM"] = _term([[0, row["coming_usd"]]], unit, region, COMING)
    return terms


def _term(steps: list[list[float]], unit: str, region: str, effective: str, *, other: Mapping[str, str] | None = None) -> dict[str, Any]:
    ends = [str(begins) for begins, _ in steps[1:]] + ["Inf"]
    dimensions = {
        f"RATE{number}": {
            "unit": unit,
            "beginRange": str(begins),
            "endRange": end,
            "description": "synthetic",
            "appliesTo": [],
            "pricePerUnit": {"USD": price(usd, region), **(other or {})},
        }
        for number, ((begins, usd), end) in enumerate(zip(steps, ends, strict=True))
    }
    return {"priceDimensions": dimensions, "effectiveDate": effective, "offerTermCode": "JRTCKXETXF", "termAttributes": {}}
