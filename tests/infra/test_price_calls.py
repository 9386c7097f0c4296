"""Pages of a price list: all of them, and an end to those that have none."""

from __future__ import annotations

from typing import Any

import pytest

from inferstack.pricing.rates.price_list import UnreadablePrice
from inferstack.pricing.rates.price_queries import INSTANCES
from infra.calls import price_calls


class Client:
    """A price list whose every page names the same next one."""

    def __init__(self, pages: dict[str, str]) -> None:
        self.following = pages
        self.asked: list[dict[str, Any]] = []

    def get_products(self, **asked: Any) -> dict[str, Any]:
        self.asked.append(asked)
        token = self.following.get(asked.get("NextToken", ""))
        return {"PriceList": ['{"product": {}}'], **({"NextToken": token} if token else {})}


class Clients:
    def __init__(self, client: Client) -> None:
        self.made = client
        self.regions: list[str] = []

    def __call__(self, region: str) -> Any:
        self.regions.append(region)
        return self

    def client(self, service: str) -> Client:
        assert "pricing" == service
        return self.made


def test_every_page_is_read_from_the_one_place_that_answers() -> None:
    """The API has no endpoint in eu-central-2: us-east-1 answers for it, with the region in the filter."""
    clients = Clients(Client({"": "a", "a": "b"}))
    assert 3 == len(price_calls.products(INSTANCES, "eu-central-2", clients))
    assert ["us-east-1"] == clients.regions
    assert [None, "a", "b"] == [one.get("NextToken") for one in clients.made.asked]
    assert {"Type": "TERM_MATCH", "Field": "regionCode", "Value": "eu-central-2"} in clients.made.asked[0]["Filters"]
    assert {"Type": "TERM_MATCH", "Field": "marketoption", "Value": "OnDemand"} in clients.made.asked[2]["Filters"]


def test_pages_that_name_themselves_again_are_given_up() -> None:
    """A broken answer must not be asked for ever."""
    clients = Clients(Client({"": "a", "a": "b", "b": "a"}))
    with pytest.raises(UnreadablePrice, match="its pages do not end"):
        price_calls.products(INSTANCES, "eu-central-2", clients)
    assert 3 == len(clients.made.asked)
