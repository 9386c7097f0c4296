"""The calls behind a refresh of prices, each with all its pages: rows as AWS answers them, nothing judged.

The Price List API answers from three regions for all of them, Savings Plans from one; spot prices and capacity blocks come from the region.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from datetime import UTC, datetime
from typing import Any

from inferstack.pricing.rates import offers, price_list
from inferstack.pricing.rates.price_list import UnreadablePrice
from inferstack.pricing.rates.price_queries import Query
from infra.calls import refusals
from infra.calls.aws import Aws, code_of

PRICE_LIST_REGION = "us-east-1"  # else eu-central-1 or ap-south-1: the API has no other endpoint
PAGE = 100
MOST_PAGES = 200
BLOCK_HOURS = 24
NOT_SOLD = refusals.UNSUPPORTED | {"InvalidParameterValue", "InvalidParameterCombination", "InvalidParameter"}

Clients = Callable[[str], Aws]
Rows = list[dict[str, Any]]


def products(query: Query, region: str, clients: Clients) -> Rows:
    """Raises Unreadable for a page that came cut off, and boto3's own errors."""
    client = clients(PRICE_LIST_REGION).client("pricing")
    asked = {"ServiceCode": query.service, "FormatVersion": "aws_v1", "MaxResults": PAGE, "Filters": query.asked(region)}
    return [product for page in _pages(client.get_products, "NextToken", asked) for product in price_list.parsed(page.get("PriceList", ()))]


def zone_ids(region: str, clients: Clients) -> dict[str, str]:
    """A zone's id by its name: names differ from account to account."""
    zones = clients(region).client("ec2").describe_availability_zones()["AvailabilityZones"]
    return {zone["ZoneName"]: zone["ZoneId"] for zone in zones}


def spot_prices(types: Iterable[str], region: str, clients: Clients) -> Rows:
    """Return the latest spot price of each type and zone: a history that begins now holds nothing else."""
    call = clients(region).client("ec2").describe_spot_price_history
    asked = {"InstanceTypes": sorted(types), "ProductDescriptions": ["Linux/UNIX"], "StartTime": datetime.now(UTC)}
    return [row for page in _pages(call, "NextToken", asked) for row in page["SpotPriceHistory"]]


def savings_plan_rates(types: Iterable[str], region: str, clients: Clients) -> Rows:
    call = clients(PRICE_LIST_REGION).client("savingsplans").describe_savings_plans_offering_rates
    filters = {"region": [region], "productDescription": ["Linux/UNIX"], "tenancy": ["shared"], "instanceType": sorted(types)}
    asked = {
        "savingsPlanTypes": sorted(offers.PLANS),
        "savingsPlanPaymentOptions": ["No Upfront"],
        "products": ["EC2"],
        "serviceCodes": ["AmazonEC2"],
        "filters": [{"name": name, "values": values} for name, values in filters.items()],
    }
    return [row for page in _pages(call, "nextToken", asked) for row in page["searchResults"]]


def capacity_blocks(instance_type: str, region: str, clients: Clients) -> Rows:
    """Offerings are only looked at; buying one is a person's act. Empty for a type that the region has no blocks of."""
    call = clients(region).client("ec2").describe_capacity_block_offerings
    asked = {"InstanceType": instance_type, "InstanceCount": 1, "CapacityDurationHours": BLOCK_HOURS}
    try:
        return [row for page in _pages(call, "NextToken", asked) for row in page["CapacityBlockOfferings"]]
    except Exception as error:
        if code_of(error) not in NOT_SOLD:
            raise
        return []


def _pages(call: Callable[..., dict[str, Any]], token: str, asked: dict[str, Any]) -> Iterator[dict[str, Any]]:
    """Raises Unreadable for pages that never end: their token is told twice, or there are too many."""
    seen: set[str] = set()
    for _ in range(MOST_PAGES):
        page = call(**asked)
        yield page
        following = page.get(token)
        if not following:
            return
        if following in seen:
            break
        seen.add(following)
        asked = {**asked, token: following}
    raise UnreadablePrice("its pages do not end: AWS returned the same page token twice")
