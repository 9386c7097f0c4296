"""Rates: the newest date of a key in its own region, and nothing where nothing is known."""

from __future__ import annotations

from datetime import date

import pytest

from inferstack.pricing.rates import rates


def test_the_newest_date_of_a_key_counts() -> None:
    """Older records stay for the history and are not used."""
    assert 55.04 == rates.on_demand("p5.48xlarge", "us-east-1").usd  # type: ignore[union-attr]
    assert [98.32, 55.04, 55.04] == [one.usd for one in rates.history("ec2/on-demand/p5.48xlarge") if one.region == "us-east-1"]


def test_a_rate_brings_its_unit_source_date_and_confidence() -> None:
    """What a bill line needs to be believed comes with the number."""
    rate = rates.rate("vpc/nat-gateway/hour", "us-east-1")
    assert rate is not None
    assert (0.045, "gateway-hour", date(2024, 7, 1), "verified") == (rate.usd, rate.unit, rate.as_of, rate.confidence)
    assert "infracost" in rate.source


@pytest.mark.parametrize("region", ["eu-west-1", "ap-south-2", "mars-north-1", ""])
def test_a_price_that_is_not_known_for_a_region_is_none(region: str) -> None:
    """Never a guess from another region."""
    assert None is rates.on_demand("p5.48xlarge", region)
    assert None is rates.rate("vpc/nat-gateway/hour", region)


@pytest.mark.parametrize("instance_type", ["p5e.48xlarge", "trn2.48xlarge", "p5.xlarge", "", "x/../p5.48xlarge"])
def test_an_instance_without_an_on_demand_price_has_none(instance_type: str) -> None:
    """p5e and trn2 are sold in capacity blocks alone; a price of zero would be a lie."""
    assert None is rates.on_demand(instance_type, "us-east-1")


def test_of_several_zones_the_dearest_counts() -> None:
    """Nobody chooses the zone of a spot instance, so the bill must hold in the worst of them."""
    zones = [one for one in rates.history("ec2/spot/p5.48xlarge") if one.region == "us-west-2"]
    assert len(zones) > 1
    assert max(one.usd for one in zones) == rates.rate("ec2/spot/p5.48xlarge", "us-west-2").usd  # type: ignore[union-attr]


def test_the_newest_date_beats_the_dearest_zone(monkeypatch: pytest.MonkeyPatch) -> None:
    """A price cut must not be hidden by the older, dearer record."""
    old, new = (_rate(usd=usd, as_of=as_of) for usd, as_of in ((9.0, date(2024, 1, 1)), (1.0, date(2025, 1, 1))))
    monkeypatch.setattr(rates, "history", lambda key, region=None: (old, new))
    assert new == rates.rate("anything", "us-east-1")


def test_regions_are_those_with_an_instance_price() -> None:
    """A region without instance prices cannot hold a cluster with a total."""
    assert {"us-east-1", "us-east-2", "us-west-2", "eu-central-1", "eu-west-1", "ap-northeast-1", "sa-east-1"} <= set(rates.regions())
    for region in rates.regions():
        assert any(rates.on_demand(name, region) for name in ("g4dn.xlarge", "g5.xlarge", "g6.xlarge", "p5.48xlarge")), region
        assert not region.startswith(("cn-", "us-gov-")) and region.count("-") == 2


def test_a_price_of_a_table_is_a_rate_like_any_other() -> None:
    """Regional tables carry unit, date, source and confidence for all their prices."""
    rate = rates.on_demand("p5.48xlarge", "eu-north-1")
    assert rate is not None
    assert (58.8928, "instance-hour", date(2026, 1, 21), "verified", "vendor") == (
        rate.usd,
        rate.unit,
        rate.as_of,
        rate.confidence,
        rate.kind,
    )
    assert "77fcd9fe" in rate.source
    assert 0.65517 == rates.rate("ec2/reserved-1y/g6.xlarge", "eu-central-1").usd  # type: ignore[union-attr]
    assert 16 == rates.accelerators("trn1.32xlarge")


def test_a_history_of_one_region_holds_no_other() -> None:
    """Of the user's own readings only that region's file is opened; the facts are all there."""
    assert {"eu-central-1"} <= {one.region for one in rates.history("ec2/on-demand/g6.xlarge", "eu-central-1")}


def test_accelerators_tell_none_from_unknown() -> None:
    """0 is a fact; a type that nobody described may bear anything."""
    assert (8, 0, 0, None) == tuple(rates.accelerators(kind) for kind in ("p5.48xlarge", "c7i.8xlarge", "t3.medium", "q1.medium"))


def _rate(*, usd: float, as_of: date) -> rates.Rate:
    return rates.Rate(key="anything", region="us-east-1", usd=usd, unit="hour", source="test", as_of=as_of, confidence="verified")
