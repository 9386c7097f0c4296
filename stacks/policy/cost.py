"""Two policies over the whole stack: one says what it costs, the other refuses what is over its limits or bears a GPU without a price.

The bill is that of `pricing`, over the resources as the engine hands them to a policy: outputs, which hold the inputs under their names.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pulumi
from pulumi_policy import EnforcementLevel, Policy, PolicyResource, ReportViolation, StackValidationArgs, StackValidationPolicy, proxy
from pulumi_policy.deserialize import serialize_properties

from inferstack.pricing.bill import usage
from inferstack.pricing.bill.bill import UNKNOWN, bill
from inferstack.pricing.bill.limits import passed
from inferstack.pricing.bill.registration import Registration
from inferstack.records.preview import Bill
from stacks.registered import plain

ROOT = Path(__file__).resolve().parents[2]
OURS = "aws:"
NAMESPACE = "inferstack"
UNKNOWNS = frozenset(value for name, value in vars(proxy).items() if name.startswith("UNKNOWN_"))


def says(args: StackValidationArgs, report_violation: ReportViolation) -> None:
    """One line, in every preview and update."""
    report_violation(sentence(billed(args)), None)


def limits(args: StackValidationArgs, report_violation: ReportViolation) -> None:
    """The limits are `inferstack:maxUsdPerHour` and `inferstack:maxUsd` of the stack's configuration; unset, they hold nothing back."""
    config = pulumi.Config(NAMESPACE)
    found = passed(billed(args), max_usd_per_hour=config.get_float("maxUsdPerHour"), max_usd=config.get_float("maxUsd"))
    if found:
        report_violation(found, None)


POLICIES: list[Policy] = [
    StackValidationPolicy("stack-cost", "Show the cost of the stack.", says, enforcement_level=EnforcementLevel.ADVISORY),
    StackValidationPolicy(
        "stack-limits", "Hold the cost of the stack to its limits.", limits, enforcement_level=EnforcementLevel.MANDATORY
    ),
]


def billed(args: StackValidationArgs) -> Bill:
    """Return the bill of AWS's resources; the region and the end of the stack's life are those of its configuration."""
    found = [registration(one) for one in args.resources if one.resource_type.startswith(OURS)]
    region = pulumi.Config("aws").require("region")
    return bill(found, region=region, hours_until_expiry=_hours_left(), usage=_usage(), now=datetime.now(UTC))


def sentence(told: Bill) -> str:
    """`$58.17/h, $42,464.64/month, $232.68 until it expires in 4.0 h; prices of 2026-09-01; 3 resources have no price`."""
    if told.refused:
        return told.refused
    until = f", ${told.usd_until_expiry:,.2f} until it expires in {told.hours_until_expiry:.1f} h" if told.hours_until_expiry else ""
    missing = told.resources_by_bucket.get("unpriced", 0)
    unpriced = f"; {missing} resource{' has' if missing == 1 else 's have'} no price" if missing else ""
    dated = f"; prices of {told.price_date}" if told.price_date else ""
    floor = "at least " if told.at_least else ""
    return f"{floor}${told.usd_per_hour:,.4f}/h, ${told.usd_per_month:,.2f}/month{until}{dated}{unpriced}"


def registration(one: PolicyResource) -> Registration:
    """Return the registration in the form of the program's own: unknown values marked alike, whole numbers whole, no secret."""
    refs = {name: tuple(found.urn for found in listed) for name, listed in one.property_dependencies.items()}
    inputs = plain(_known(serialize_properties(one.props)))
    return Registration(type=one.resource_type, name=one.name, urn=one.urn, inputs=inputs, refs=refs)


def _known(value: Any) -> Any:
    """A policy gets another sign for each kind of unknown value; the bill knows one."""
    if isinstance(value, Mapping):
        return {name: _known(inner) for name, inner in value.items()}
    if isinstance(value, list):
        return [_known(inner) for inner in value]
    return UNKNOWN if isinstance(value, str) and value in UNKNOWNS else value


def _usage() -> usage.Usage:
    """The file that the program reads too; its path is from the checkout's root."""
    path = pulumi.Config(NAMESPACE).get("usage")
    return usage.read(ROOT / path) if path else usage.Usage()


def _hours_left() -> float | None:
    text = pulumi.Config(NAMESPACE).get("expiresAt")
    return None if text is None else max(0.0, (datetime.fromisoformat(text) - datetime.now(UTC)).total_seconds() / 3600)
