"""Price List Query API and Savings Plans, of which moto has nothing: their answers, page by page, and the faults of a price list."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable, Mapping
from typing import Any

from inferstack.sandbox.aws.fault_spec import FaultSpec
from inferstack.sandbox.aws.front.answers import HttpAnswer, Refusal, as_json, refusal
from inferstack.sandbox.aws.front.calls import Call
from inferstack.sandbox.aws.services import synthetic_prices

PRODUCTS_A_PAGE = 5
RATES_A_PAGE = 4
PAYMENTS = "No Upfront"

Armed = Callable[[], Iterable[FaultSpec]]


class PriceList:
    """`armed` tells the faults of now: a product that they name is absent, in another unit or currency, or comes cut off."""

    def __init__(self, armed: Armed, met: Callable[[FaultSpec], None] = lambda fault: None) -> None:
        self._armed = armed
        self._met = met

    def services(self) -> Mapping[str, Callable[[Call, bytes], HttpAnswer]]:
        return {"pricing": self.pricing, "savingsplans": self.savings_plans}

    def pricing(self, call: Call, body: bytes) -> HttpAnswer:
        if call.operation != "GetProducts":
            return _none(call)
        asked = json.loads(body or b"{}")
        found = [one for one in synthetic_prices.products(asked["ServiceCode"]) if _matches(one, asked.get("Filters", ()))]
        texts = [text for product in found for text in self._told(product)]
        page, following = _page(texts, asked.get("NextToken"), min(int(asked.get("MaxResults", 100)), PRODUCTS_A_PAGE))
        return as_json(200, {"FormatVersion": "aws_v1", "PriceList": page, **({"NextToken": following} if following else {})})

    def savings_plans(self, call: Call, body: bytes) -> HttpAnswer:
        if call.operation != "DescribeSavingsPlansOfferingRates":
            return _none(call)
        asked = json.loads(body or b"{}")
        wanted = {one["name"]: one["values"] for one in asked.get("filters", ())}
        found = [row for region in synthetic_prices.regions() for row in _rates(region) if _offered(row, asked, wanted)]
        page, following = _page(found, asked.get("nextToken"), RATES_A_PAGE)
        return as_json(200, {"searchResults": page, "nextToken": following})

    def _told(self, product: dict[str, Any]) -> list[str]:
        text = json.dumps(product)
        for fault in self._armed():
            if not fault.name.startswith("Price") or (fault.resource and fault.resource.lower() not in text.lower()):
                continue
            self._met(fault)
            if fault.name == "PriceMissing":
                return []
            if fault.name == "PriceUnit":
                text = json.dumps(_each_dimension(product, lambda told: told | {"unit": "Fortnights"}))
            elif fault.name == "PriceCurrency":
                text = json.dumps(_each_dimension(product, lambda told: told | {"pricePerUnit": {"CNY": "1.0000000000"}}))
            elif fault.name == "PriceCutOff":
                text = text[: len(text) // 2]
        return [text]


def _matches(product: Mapping[str, Any], filters: Iterable[Mapping[str, str]]) -> bool:
    told = {"productFamily": product["product"]["productFamily"], **product["product"]["attributes"]}
    return all(told.get(one["Field"]) == one["Value"] for one in filters)


def _each_dimension(product: dict[str, Any], change: Callable[[dict[str, Any]], dict[str, Any]]) -> dict[str, Any]:
    changed = json.loads(json.dumps(product))
    for term in changed["terms"]["OnDemand"].values():
        term["priceDimensions"] = {name: change(told) for name, told in term["priceDimensions"].items()}
    return dict(changed)


def _rates(region: str) -> list[dict[str, Any]]:
    prefix = synthetic_prices.regions()[region]["prefix"]
    return [_rate(row, region, prefix) for row in synthetic_prices.recorded()["savings_plans"]]


def _rate(row: Mapping[str, Any], region: str, prefix: str) -> dict[str, Any]:
    properties = {"region": region, "instanceType": row["type"], "productDescription": "Linux/UNIX", "tenancy": "shared"}
    properties["instanceFamily"] = row["type"].split(".")[0]
    return {
        "savingsPlanOffering": {
            "offeringId": f"synthetic-{row['plan']}-{row['years']}",
            "paymentOption": PAYMENTS,
            "planType": row["plan"],
            "durationSeconds": row["years"] * synthetic_prices.YEAR_S,
            "currency": "USD",
        },
        "rate": synthetic_prices.price(row["usd"], region),
        "unit": "Hrs",
        "productType": "EC2",
        "serviceCode": "AmazonEC2",
        "usageType": f"{prefix}BoxUsage:{row['type']}",
        "operation": "RunInstances",
        "properties": [{"name": name, "value": value} for name, value in properties.items()],
    }


def _offered(row: Mapping[str, Any], asked: Mapping[str, Any], wanted: Mapping[str, list[str]]) -> bool:
    told = {one["name"]: one["value"] for one in row["properties"]}
    plans, payments = asked.get("savingsPlanTypes"), asked.get("savingsPlanPaymentOptions", [PAYMENTS])
    if PAYMENTS not in payments or (plans and row["savingsPlanOffering"]["planType"] not in plans):
        return False
    return all(told.get(name) in values for name, values in wanted.items())


def _page(rows: list[Any], token: str | None, size: int) -> tuple[list[Any], str]:
    """The rows from the token on, and the token of the next page; empty after the last."""
    begin = int(token.removeprefix("row-")) if token else 0
    end = begin + size
    return rows[begin:end], f"row-{end}" if end < len(rows) else ""


def _none(call: Call) -> HttpAnswer:
    return refusal(call, Refusal("NotImplemented", f"the embedded AWS has no {call.service}.{call.operation}", 501))
