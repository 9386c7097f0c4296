"""`inferstack prices`: what is known is shown with its age, what cannot be read is one line. The refresh itself: tests/sandbox/aws."""

from __future__ import annotations

import json
from datetime import UTC, datetime

import pytest

from inferstack.pricing.rates import own_prices
from tests.inferstack.command_line import CommandLine


def test_the_list_says_price_unit_date_age_source_and_confidence(command_line: CommandLine) -> None:
    """Everything that lets a reader judge a price, for programs as well."""
    answer = command_line.run("prices", "list", "--region", "eu-central-1", "--key", "ec2/on-demand/g6.xlarge", "--json")
    (one,) = answer.document["prices"]
    age = (datetime.now(UTC).date() - datetime(2026, 1, 21, tzinfo=UTC).date()).days
    assert (0, 1.0064, "instance-hour", "2026-01-21", age, True, "verified") == (
        answer.code,
        *(one[name] for name in ("usd", "unit", "as_of", "age_days", "stale", "confidence")),
    )
    assert "vantage" in one["source"]


def test_the_table_marks_what_is_old_and_what_is_unverified(command_line: CommandLine) -> None:
    """An old price and one from memory are never shown as plain ones."""
    answer = command_line.run("prices", "list", "--region", "us-east-1", "--key", "public-ipv4")
    assert 0 == answer.code
    (row,) = [line for line in answer.out.splitlines() if line.startswith("vpc/public-ipv4/hour")]
    assert "unverified" in row
    (row,) = [line for line in command_line.run("prices", "list", "--region", "us-east-1", "--key", "nat-gateway/hour").out.splitlines()
              if line.startswith("vpc/nat-gateway/hour")]  # fmt: skip
    assert " old " in row and "2024-07-01" in row


def test_nothing_found_is_wrong_input_with_a_way_on(command_line: CommandLine) -> None:
    """Exit code 2, one line, a hint."""
    answer = command_line.run("prices", "list", "--region", "eu-central-1", "--key", "warp-drive")
    assert (2, "Error: no price is known of warp-drive in eu-central-1") == (answer.code, answer.err.splitlines()[0])


def test_gaps_of_a_region_name_every_missing_price(command_line: CommandLine) -> None:
    """eu-central-1 has instance prices and no service's before it is refreshed."""
    document = command_line.run("prices", "list", "--gaps", "--region", "eu-central-1", "--json").document
    (region,) = document["regions"]
    assert "vpc/nat-gateway/hour" in region["services"] and document["needed"] == len(region["services"])
    assert len(region["types"]) > 40 and region["without"]["ec2/savings-plan-1y"] == len(region["types"])
    said = command_line.run("prices", "list", "--gaps", "--region", "eu-central-1").out
    assert "  vpc/nat-gateway/hour\n" in said and "instance types priced elsewhere, not sold or not known here" in said


def test_gaps_of_all_regions_are_counted(command_line: CommandLine) -> None:
    """One line each for every region that has a price."""
    document = command_line.run("prices", "list", "--gaps", "--json").document
    assert len(document["regions"]) > 25
    assert ["ap-northeast-1"] == [one["region"] for one in document["regions"] if one["region"] == "ap-northeast-1"]


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (("--region", "cn-north-1"), "--region cn-north-1: this region has a separate price list"),
        (("--region", "us-gov-west-1"), "--region us-gov-west-1: this region has a separate price list"),
        (("--region", "Frankfurt"), "--region 'Frankfurt': not an AWS region code"),
        (("--region", "../x"), "--region '../x': not an AWS region code"),
        (("--all-regions", "--region", "us-east-1"), "--region and --all-regions: give one of them"),
        (("--fault", "PriceUnit"), "--fault: stack of no rehearsal"),
    ],
)
def test_wrong_use_of_a_refresh_is_one_line(command_line: CommandLine, arguments: tuple[str, ...], said: str) -> None:
    """Refused before anything is asked; nothing is written."""
    answer = command_line.run("prices", "refresh", *arguments)
    assert 2 == answer.code and said in answer.err.splitlines()[0]
    assert not own_prices.stored()


def test_without_credentials_nothing_is_asked(command_line: CommandLine, monkeypatch: pytest.MonkeyPatch) -> None:
    """One line and the way to an identity: exit code 4."""
    for name, value in (("AWS_EC2_METADATA_DISABLED", "true"), ("HOME", str(command_line.here)), ("AWS_CONFIG_FILE", "none")):
        monkeypatch.setenv(name, value)
    answer = command_line.run("prices", "refresh", "--region", "eu-central-1", "--region", "us-east-1")
    assert (4, 2) == (answer.code, len(answer.err.splitlines()))
    assert answer.err.startswith("Error: no usable AWS identity")
    assert not own_prices.stored()


def _own(usd: float, region: str = "eu-central-1") -> None:
    path = own_prices.path_of(region)
    path.parent.mkdir(parents=True)
    today = datetime.now(UTC).date()
    record = {"key": "ec2/on-demand/g6.xlarge", "region": region, "unit": "instance-hour", "usd": usd, "as_of": str(today)}
    record |= {"source": "a", "confidence": "verified", "kind": "vendor"}  # type: ignore[dict-item]
    content = {"format": own_prices.FORMAT, "rehearsal": False, "sources": {"a": "read by hand"}, "records": [record]}
    path.write_text(json.dumps(content), encoding="utf-8")


PLAN = ("plan", "--model", "meta-llama/Llama-3.1-8B-Instruct", "--users", "5", "--region", "eu-central-1", "--instance-type", "g6.xlarge")


def test_a_plan_uses_the_price_that_was_read_and_says_when_one_is_old(command_line: CommandLine) -> None:
    """The fact of January is marked; the reading of today is not, and it counts."""
    before = command_line.run(*PLAN, "--details")
    assert 0 == before.code and "older than 30 days; update them: inferstack prices refresh --region eu-central-1" in before.out
    _own(0.77)
    after = command_line.run(*PLAN, "--details")
    assert "$0.7700/h" in after.out and "price source: read by hand" in after.out
    assert "older than 30 days" not in after.out


def test_a_plan_where_nothing_has_a_price_says_so(command_line: CommandLine) -> None:
    """Exit code 1: the region is named, and how its prices are read."""
    answer = command_line.run(*PLAN[:-4], "--region", "mx-central-1")
    assert 1 == answer.code
    assert "mx-central-1" in answer.err


def test_a_region_is_planned_in_once_its_prices_are_read(command_line: CommandLine) -> None:
    """A price says that the type is sold there, whatever the facts of offerings say: new regions need no release."""
    _own(0.77, region="mx-central-1")
    answer = command_line.run(*PLAN[:-4], "--region", "mx-central-1", "--json")
    assert (0, "g6.xlarge", 0.77) == (answer.code, answer.document["instance_type"], answer.document["usd_per_hour"])


def test_the_regions_are_listed_with_the_number_of_their_types(command_line: CommandLine) -> None:
    """`--regions` counts the types with a price."""
    said = command_line.run("prices", "list", "--regions").out.splitlines()
    assert any(line.startswith("us-east-1 ") for line in said) and len(said) > 25
