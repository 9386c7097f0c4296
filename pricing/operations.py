"""Keys, secrets, logs, alarms, dashboards, parameters and budget actions."""

from __future__ import annotations

from collections.abc import Iterator

from pricing.lines import Component, free, priced, unpriced, usage_based
from pricing.registration import Registration, Whole, number, rows
from records.preview import BillLine

HIGH_RESOLUTION_BELOW_S = 60


def key(one: Registration, whole: Whole) -> Iterator[BillLine]:
    yield priced(one, Component("key", "kms/key"), quantity=1, whole=whole)
    yield usage_based(one, Component("requests", "kms/requests"), whole=whole, note="by encryptions and decryptions")


def secret(one: Registration, whole: Whole) -> Iterator[BillLine]:
    yield priced(one, Component("secret", "secretsmanager/secret"), quantity=1, whole=whole)
    yield usage_based(one, Component("calls", "secretsmanager/calls"), whole=whole, note="by reads and writes")


def log_group(one: Registration, whole: Whole) -> Iterator[BillLine]:
    yield usage_based(one, Component("ingest", "cloudwatch/logs/ingest"), whole=whole, note="by what is written")
    yield usage_based(one, Component("storage", "cloudwatch/logs/storage"), whole=whole, note="by what is kept")


def alarm(one: Registration, whole: Whole) -> Iterator[BillLine]:
    queries = rows(one.inputs.get("metricQueries"))
    periods = [number(one.inputs, "period", default=HIGH_RESOLUTION_BELOW_S)]
    fast = any(period is not None and period < HIGH_RESOLUTION_BELOW_S for period in periods)
    metrics = sum(1 for query in queries if query.get("metric")) if queries else 1
    part = Component("alarm metrics", f"cloudwatch/alarm/{'high-resolution' if fast else 'standard'}")
    yield priced(one, part, quantity=metrics, whole=whole)


def dashboard(one: Registration, whole: Whole) -> Iterator[BillLine]:
    yield priced(one, Component("dashboard", "cloudwatch/dashboard"), quantity=1, whole=whole)


def parameter(one: Registration, whole: Whole) -> Iterator[BillLine]:
    tier = one.inputs.get("tier") or "Standard"
    if tier == "Standard":
        yield free(one, "standard parameters have no charge")
    else:
        yield unpriced(one, "parameter", f"no price of a {tier} parameter is known")


def budget_action(one: Registration, whole: Whole) -> Iterator[BillLine]:
    yield priced(one, Component("action", "budgets/action-budget"), quantity=1, whole=whole)


PRICERS = {
    "aws:kms/key:Key": key,
    "aws:secretsmanager/secret:Secret": secret,
    "aws:cloudwatch/logGroup:LogGroup": log_group,
    "aws:cloudwatch/metricAlarm:MetricAlarm": alarm,
    "aws:cloudwatch/dashboard:Dashboard": dashboard,
    "aws:ssm/parameter:Parameter": parameter,
    "aws:budgets/budgetAction:BudgetAction": budget_action,
}
