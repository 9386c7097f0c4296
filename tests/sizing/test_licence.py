"""sizing.models.licence: what the licence of a model asks, as data; unknown is said."""

from __future__ import annotations

import dataclasses
import re
from datetime import UTC, datetime
from typing import Any

import pytest

from inferstack.records.errors import Finding
from inferstack.records.files.facts import load
from inferstack.records.plan import Licence
from inferstack.records.request import Request
from sizing.catalog import find_model
from sizing.models import licence
from sizing.planning import planner

NOW = datetime(2026, 11, 27, tzinfo=UTC)
RECORDS = load("sizing")["licences"]["known"]["records"]
LLAMA = ("llama3", "llama3.1", "llama3.2", "llama3.3", "llama4")


def of(model: str) -> Licence:
    return licence.of_model(find_model(model))


@pytest.mark.parametrize("record", RECORDS, ids=lambda record: record["id"])
def test_a_licence_record_is_complete_and_sourced(record: dict[str, Any]) -> None:
    """Every key is there, null where the licence asks nothing: a missing key would read as no duty."""
    assert set(RECORDS[0]) == set(record)
    assert record["source"]
    assert record["commercial"] in ("yes", "no", "limited")
    assert min(map(len, record["duties"])) > 20, "a comma cut a duty into pieces"
    assert (record["mau_limit"] is None) == (record["mau_rule"] is None)
    assert record["policy_url"] is None or record["policy_url"].startswith("https://")


def test_every_licence_tag_of_a_model_is_known_or_resolved_by_its_family() -> None:
    """A tag that nobody wrote duties for is said to be unknown: today there is none."""
    tags = {record["license"] for group in load("sizing")["models"].values() for record in group["records"] if record["license"]}
    assert tags - {record["id"] for record in RECORDS} == {"other"}
    assert "modified-mit-kimi" == of("Kimi-K2-Instruct").id


@pytest.mark.parametrize("id_", LLAMA)
def test_each_llama_licence_has_its_notice_its_display_line_and_its_limit(id_: str) -> None:
    """The strings that the agreements prescribe; 700 M monthly users before the release of that version."""
    record = next(one for one in RECORDS if one["id"] == id_)
    version = "3" if id_ == "llama3" else id_.removeprefix("llama")
    assert re.search(
        rf"Llama {re.escape(version)} is licensed under the (Meta )?Llama {re.escape(version)} Community License", record["notice"]
    )
    assert ("Built with Meta Llama 3" if id_ == "llama3" else "Built with Llama") == record["display"]
    assert 700_000_000 == record["mau_limit"]


def test_the_eu_clause_holds_for_multimodal_llama_only() -> None:
    """3.2 Vision and all of Llama 4, not the text models of 3.2 and 3.3."""
    excluded = (
        "Llama-4-Scout-17B-16E-Instruct",
        "Llama-4-Maverick-17B-128E-Instruct",
        "Llama-3.2-11B-Vision-Instruct",
        "Llama-Guard-4-12B",
    )
    assert all(of(model).eu_excluded and of(model).eu_rule for model in excluded)
    assert not any(
        of(model).eu_excluded for model in ("Llama-3.2-3B-Instruct", "Llama-3.3-70B-Instruct", "Llama-3.1-8B-Instruct", "Qwen3-8B")
    )


@pytest.mark.parametrize("request_", [
    {"model": "Llama-4-Scout-17B-16E-Instruct", "weight_quant": "fp8"}, {"model": "Llama-3.1-8B-Instruct", "guards": ["Llama-Guard-4-12B"]},
])  # fmt: skip
def test_who_is_domiciled_in_the_eu_gets_no_plan_of_what_is_not_licensed_there(request_: dict[str, Any]) -> None:
    """Nor a guard. Elsewhere, or where nobody said, the plan shows the clause."""
    with pytest.raises(Finding, match="European Union"):
        planner.plan(Request.model_validate({**request_, "domicile": "eu"}), now=NOW)
    for domicile in (None, "elsewhere"):
        assert planner.plan(Request.model_validate({**request_, "domicile": domicile}), now=NOW).licence


def test_an_unknown_licence_is_said_to_be_unknown() -> None:
    """No tag and no family: nothing is permitted or promised."""
    shape = dataclasses.replace(find_model("Qwen3-8B"), id="somebody/some-model", license=None, gated=None)
    found = licence.of_model(shape)
    assert (False, "unknown", None) == (found.known, found.commercial_use, found.gate)
    assert "unknown" in licence.short(found)[0]
    odd = licence.of_model(dataclasses.replace(shape, license="my-own-licence"))
    assert "my-own-licence" in odd.basis


def test_a_licence_assumed_from_the_family_says_so() -> None:
    """And takes no word of the family's on whether this checkpoint is gated."""
    found = of("Qwen3-235B-A22B")
    assert "apache-2.0" == found.id
    assert found.basis.startswith("assumed")
    assert "assumed" in licence.short(found)[0]
    assert found.gate is None


def test_a_plan_carries_the_duties() -> None:
    """As data, in two lines for people."""
    plan = planner.plan(Request.model_validate({"model": "Llama-4-Scout-17B-16E-Instruct", "weight_quant": "fp8"}), now=NOW)
    assert plan.licence is not None
    first, second = licence.short(plan.licence)
    assert "NOT for licensees domiciled in the EU" in first
    assert '"Built with Llama"' in second
    assert "https://www.llama.com/llama4/use-policy" in second
