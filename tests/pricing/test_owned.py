"""inferstack.pricing.purchase.owned: a system's yearly cost from facts and overrides."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from inferstack.pricing.purchase.owned import annuity, system, system_for, yearly
from inferstack.records.comparison import OwnedRequest
from inferstack.records.errors import InputError
from inferstack.records.files.facts import load


def total(asked: OwnedRequest, edge: str = "value") -> float:
    return sum(getattr(line.usd_per_year, edge) for line in yearly(system(asked, region="us-east-1")))


def test_the_claims_own_figures_give_200_000_a_year() -> None:
    """400 k$ over 4 years without interest, residual value and network, and 100 k$ a year to run."""
    asked = OwnedRequest(
        system="dgx-h100",
        capex_usd=400_000,
        life_years=4,
        residual_share=0,
        network_share=0,
        cost_of_capital=0,
        running_usd_per_year=100_000,
    )
    assert 200_000 == total(asked) == total(asked, "low") == total(asked, "high")


def test_electricity_is_power_times_share_times_pue_times_hours_times_price() -> None:
    """As the facts say them, Virginia's price in us-east-1."""
    line = next(line for line in yearly(system(OwnedRequest(system="dgx-h100"), region="us-east-1")) if line.name == "electricity")
    assert pytest.approx(10.2 * 0.735 * 1.54 * 8760 * 0.1301) == line.usd_per_year.value
    assert "PUE 1.54" in line.says and "$0.1301/kWh" in line.says


def test_colocation_takes_the_place_of_electricity() -> None:
    """Its price is of the whole connection and holds the electricity."""
    found = {line.name: line.usd_per_year.value for line in yearly(system(
        OwnedRequest(system="dgx-h100", colocation_usd_per_kw_month=180), region="us-east-1"))}  # fmt: skip
    assert "electricity" not in found
    assert pytest.approx(10.2 * 180 * 12) == found["colocation"]


@pytest.mark.parametrize("name", load("pricing")["owned_hardware"]["systems"])
def test_every_system_has_a_price_power_and_ends_in_order(name: str) -> None:
    """The cheap end costs less than the dear one; every input says where it comes from."""
    asked = OwnedRequest(system=name)
    assert 0 < total(asked, "low") < total(asked) < total(asked, "high")
    assert all(system(asked, region="eu-central-1").says.values())


@pytest.mark.parametrize(("field", "more"), [
    ("capex_usd", 600_000), ("network_share", 0.5), ("power_kw", 20), ("pue", 2), ("usd_per_kwh", 1), ("maintenance_share", 0.5),
    ("staff_fte", 2), ("cost_of_capital", 0.3),
])  # fmt: skip
def test_more_of_an_input_costs_more_and_its_source_is_the_person(field: str, more: float) -> None:
    """Each override is used."""
    asked = OwnedRequest(system="dgx-h100", **{field: more})
    assert total(asked) > total(OwnedRequest(system="dgx-h100"))
    assert "as given" == system(asked, region="us-east-1").says[field]


def test_a_longer_life_or_a_better_resale_costs_less() -> None:
    """The other way round."""
    base = total(OwnedRequest(system="dgx-h100", life_years=4, residual_share=0.1))
    assert base > total(OwnedRequest(system="dgx-h100", life_years=6, residual_share=0.1))
    assert base > total(OwnedRequest(system="dgx-h100", life_years=4, residual_share=0.4))


@given(st.floats(1e3, 1e7), st.floats(0, 1), st.integers(1, 15), st.floats(0.0001, 0.5))
def test_an_annuity_pays_back_exactly(price: float, back: float, years: int, rate: float) -> None:
    """The present value of the payments and of the residual is the price."""
    each = annuity(price, price * back, years=years, rate=rate)
    worth = sum(each / (1 + rate) ** n for n in range(1, years + 1)) + price * back / (1 + rate) ** years
    assert pytest.approx(price, rel=1e-6) == worth


def test_an_unknown_system_is_named_with_those_that_are_known() -> None:
    """One line with all names."""
    with pytest.raises(InputError, match="system: there is no 'dgx-h1000'; allowed: hgx-h100") as raised:
        system(OwnedRequest(system="dgx-h1000"), region="us-east-1")
    assert "dgx-h100" in raised.value.hint


def test_the_system_of_a_gpu() -> None:
    """The first of the facts; none for a GPU that nobody sells as a system there."""
    assert "hgx-h100-8-gpu-server" == system_for("H100-SXM-80")
    assert None is system_for("L4")
