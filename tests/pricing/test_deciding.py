"""Inputs that decide a price and that no rule reads: the table covers the provider's schema, and what is set there is never priced."""

from __future__ import annotations

import importlib
import sys
from collections.abc import Iterator
from typing import Any

import pytest
from pulumi._types import input_type_py_to_pulumi_names

from inferstack.pricing.bill import deciding
from inferstack.pricing.bill.bill import bill, pricers
from inferstack.records.files.facts import load
from tests.pricing.cluster import REGION, registration
from tests.pricing.examples import CASES, example
from tests.pricing.quantities import QUANTITIES, READ_AND_NEUTRAL, SAME_AS

FACTS = load("pricing")["inputs"]
MODULES = {"lambda": "lambda_"}
JOINED = {
    "aws:autoscaling/group:Group": {"launchTemplate", "vpcZoneIdentifiers", "capacityReservationSpecification"},
    "aws:ec2/instance:Instance": {
        "launchTemplate", "ami", "getPasswordData", "hostId", "hostResourceGroupArn", "instanceMarketOptions",
        "capacityReservationSpecification",
    },
}  # fmt: skip
"""Read by reference, or in a case of its own that the examples do not hold."""


@pytest.mark.filterwarnings("ignore::DeprecationWarning")
@pytest.mark.parametrize("kind", sorted(pricers()))
def test_every_input_of_the_providers_schema_is_read_neutral_or_named_as_unread(kind: str) -> None:
    """A provider that learns a new input is a red test here, not a bill that is silently too low."""
    plain = SAME_AS.get(kind, kind)
    known = deciding.table()[kind]
    read = {path.split(".")[0] for path in QUANTITIES[plain]} | set(READ_AND_NEUTRAL.get(plain, ())) | JOINED.get(plain, set())
    unread = {path.split(".")[0] for name in ("decides", "adds") for path in known.get(name, {})}
    neutral = set(known.get("neutral", ())) | set(FACTS["common"])
    assert set() == inputs(kind) - read - unread - neutral
    assert set() == set(known.get("neutral", ())) & read
    if kind == plain:
        assert set() == (unread | set(known.get("neutral", ()))) - inputs(kind)


def paths() -> Iterator[tuple[str, str, str]]:
    for kind, known in deciding.table().items():
        yield from ((kind, name, path) for name in ("decides", "adds") for path in known.get(name, {}))


@pytest.mark.parametrize(("kind", "name", "path"), sorted(paths()))
def test_what_is_set_there_makes_a_line_unpriced_and_is_named(kind: str, name: str, path: str) -> None:
    """By itself, whatever else the resource holds: the bucket of the resource is unpriced, and the line says which input it is."""
    for whole in (example(case) for case in CASES):
        for one in whole.registrations:
            if one.type == kind:
                _shown(whole.registrations, one, name, path)
                return
    _shown((registration(kind, "one"),), None, name, path)


def _shown(registrations: Any, one: Any, name: str, path: str) -> None:
    from dataclasses import replace

    one = one or registrations[0]
    for value in ("04da6b54-80e4-46f7-96ec-b56ff0331ba9", "something"):
        changed = replace(one, inputs=_with(one.inputs, path.split("."), value))
        found = bill([changed if other is one else other for other in registrations], region=REGION, hours_until_expiry=None)
        lines = [line for line in found.lines if line.resource == f"{one.type}::{one.name}"]
        assert any(line.bucket == "unpriced" and path in line.note for line in lines)
        assert found.refused or found.at_least
        if name == "decides":
            assert {"unpriced"} == {line.bucket for line in lines}


@pytest.mark.parametrize(
    ("kind", "inputs", "bucket"),
    [
        ("aws:cloudwatch/logGroup:LogGroup", {"logGroupClass": "DELIVERY"}, "unpriced"),
        ("aws:cloudwatch/logGroup:LogGroup", {"logGroupClass": "STANDARD"}, "usage-based"),
        ("aws:lambda/function:Function", {"ephemeralStorage": {"size": 10240}}, "unpriced"),
        ("aws:lambda/function:Function", {"ephemeralStorage": {"size": 512}}, "usage-based"),
        ("aws:ebs/snapshotCopy:SnapshotCopy", {"sourceRegion": "eu-west-1"}, "unpriced"),
        ("aws:ebs/snapshotCopy:SnapshotCopy", {"sourceRegion": REGION}, "usage-based"),
        ("aws:s3/bucket:Bucket", {"lifecycleRules": [{"transitions": [{"days": 30, "storageClass": "GLACIER"}]}]}, "unpriced"),
        ("aws:s3/bucket:Bucket", {"lifecycleRules": [{"enabled": True, "expiration": {"days": 30}}]}, "usage-based"),
        ("aws:kms/key:Key", {"customKeyStoreId": "cks-1"}, "unpriced"),
        ("aws:wafv2/webAcl:WebAcl", {"rules": [{"statement": {"managedRuleGroupStatement": {"name": "AWSManagedRulesBotControlRuleSet"}}}]},
         "unpriced"),
        ("aws:wafv2/webAcl:WebAcl", {"rules": [{"statement": {"managedRuleGroupStatement": {"name": "AWSManagedRulesCommonRuleSet"}}}]},
         "priced"),
    ],
)  # fmt: skip
def test_a_value_that_asks_for_nothing_is_no_obstacle(kind: str, inputs: dict[str, Any], bucket: str) -> None:
    """What is off, empty or the ordinary value keeps its price."""
    found = bill([registration(kind, "one", inputs)], region=REGION, hours_until_expiry=None)
    assert bucket == found.resources[0].bucket


def inputs(kind: str) -> set[str]:
    module, name = kind.split(":")[1].split("/")[0], kind.rsplit(":", 1)[1]
    found = getattr(importlib.import_module(f"pulumi_aws.{MODULES.get(module, module)}"), name)
    return set(input_type_py_to_pulumi_names(getattr(sys.modules[found.__module__], f"{name}Args")).values())


def _with(value: Any, path: list[str], new: Any) -> Any:
    if not path:
        return new
    if path[0] == "*":
        listed = value if isinstance(value, list) and value else [{}]
        return [_with(inner, path[1:], new) for inner in listed]
    return {**value, path[0]: _with(value.get(path[0], {}), path[1:], new)}
