"""Keys, secrets, logs, metrics, alarms, dashboards, parameters and budget actions."""

from __future__ import annotations

from collections.abc import Iterator

from inferstack.pricing.bill.lines import Component, free, priced, unpriced, usage_based
from inferstack.pricing.bill.registration import UNKNOWN, Registration, mapping, number, rows, switched_on, word
from inferstack.pricing.bill.whole import Whole
from inferstack.records.preview import BillLine

HIGH_RESOLUTION_BELOW_S = 60
BUDGET_ACTION = "aws:budgets/budgetAction:BudgetAction"
FREE_ACTION_BUDGETS = 2
ANOMALY = "ANOMALY_DETECTION_BAND"
METRICS_OF_A_BAND = 3  # the metric and the two ends of its band
ROTATION = "each of its first two yearly rotations adds a key-month"


def key(one: Registration, whole: Whole) -> Iterator[BillLine]:
    """A multi-Region replica is a key of its own; other asymmetric keys than RSA 2048 have dearer requests."""
    spec = word(one.inputs, "customerMasterKeySpec", default="SYMMETRIC_DEFAULT")
    symmetric = spec in ("SYMMETRIC_DEFAULT", "RSA_2048") or spec.startswith("HMAC")
    note = ROTATION if switched_on(one.inputs.get("enableKeyRotation")) else ""
    yield priced(one, Component("key", "kms/key"), quantity=1, whole=whole, note=note)
    yield from usage_based(one, Component("requests", "kms/requests" if symmetric else "kms/requests-asymmetric"), "requests", whole=whole)


def secret(one: Registration, whole: Whole) -> Iterator[BillLine]:
    """Each replica in another region is billed like the secret."""
    replicas = one.inputs.get("replicas")
    count = None if replicas == UNKNOWN else 1 + len(rows(replicas))
    yield priced(one, Component("secret", "secretsmanager/secret"), quantity=count, whole=whole)
    yield from usage_based(one, Component("calls", "secretsmanager/calls"), "api_calls", whole=whole)


def log_group(one: Registration, whole: Whole) -> Iterator[BillLine]:
    rare = one.inputs.get("logGroupClass") == "INFREQUENT_ACCESS"
    ingest = Component("ingest", "cloudwatch/logs/ingest-infrequent-access" if rare else "cloudwatch/logs/ingest")
    yield from usage_based(one, ingest, "ingest_gb", whole=whole)
    yield from usage_based(one, Component("storage", "cloudwatch/logs/storage"), "storage_gb", whole=whole)


def metric_filter(one: Registration, whole: Whole) -> Iterator[BillLine]:
    yield from usage_based(one, Component("custom metrics", "cloudwatch/metric"), "metrics", whole=whole)


def flow_log(one: Registration, whole: Whole) -> Iterator[BillLine]:
    """The delivery alone: what is kept is billed by the bucket or the log group that it goes to."""
    target = word(one.inputs, "logDestinationType", default="cloud-watch-logs")
    keys = {"cloud-watch-logs": "cloudwatch/logs/vended-cloudwatch", "s3": "cloudwatch/logs/vended-s3"}
    if target not in keys:
        yield unpriced(one, "delivery", f"no price of delivery to {target} is known")
    else:
        yield from usage_based(one, Component("delivery", keys[target]), "log_gb", whole=whole)


def alarm(one: Registration, whole: Whole) -> Iterator[BillLine]:
    """Charge an alarm by its metrics: one, those of its queries, or three for each band of an anomaly detection."""
    queries = rows(one.inputs.get("metricQueries"))
    measured = [mapping(row["metric"]) for row in queries if row.get("metric")]
    periods = [number(row, "period") for row in measured] or [number(one.inputs, "period", default=HIGH_RESOLUTION_BELOW_S)]
    fast = any(period is not None and period < HIGH_RESOLUTION_BELOW_S for period in periods)
    banded = any(ANOMALY in str(row.get("expression") or "") for row in queries)
    metrics = (METRICS_OF_A_BAND if banded else 1) * max(1, len(measured))
    part = Component("alarm metrics", f"cloudwatch/alarm/{'high-resolution' if fast else 'standard'}")
    yield priced(one, part, quantity=metrics, whole=whole)


def composite_alarm(one: Registration, whole: Whole) -> Iterator[BillLine]:
    yield priced(one, Component("composite alarm", "cloudwatch/alarm/composite"), quantity=1, whole=whole)


def dashboard(one: Registration, whole: Whole) -> Iterator[BillLine]:
    """The three free ones of an account are not taken off: others of the account may use them."""
    yield priced(one, Component("dashboard", "cloudwatch/dashboard"), quantity=1, whole=whole)


def parameter(one: Registration, whole: Whole) -> Iterator[BillLine]:
    tier = word(one.inputs, "tier", default="Standard")
    if tier == "Standard":
        yield free(one, "standard parameters have no charge")
    else:
        yield priced(one, Component("advanced parameter", "ssm/parameter/advanced"), quantity=1, whole=whole)


def budget_action(one: Registration, whole: Whole) -> Iterator[BillLine]:
    """Charge budgets that have actions, from the third of the account on; those of this program are counted in their order."""
    budgets = list(dict.fromkeys(_budget(found) for found in whole.registrations if found.type == BUDGET_ACTION))
    first = next(found for found in whole.registrations if found.type == BUDGET_ACTION and _budget(found) == _budget(one))
    if first.urn != one.urn:
        yield free(one, "billed with the first action of its budget")
    elif budgets.index(_budget(one)) < FREE_ACTION_BUDGETS:
        yield free(one, f"the first {FREE_ACTION_BUDGETS} budgets with actions of an account have no charge")
    else:
        yield priced(one, Component("budget with actions", "budgets/action-budget"), quantity=1, whole=whole)


def _budget(action: Registration) -> str:
    return next(iter(action.refs.get("budgetName", ())), str(action.inputs.get("budgetName", action.urn)))


PRICERS = {
    "aws:kms/key:Key": key,
    "aws:kms/replicaKey:ReplicaKey": key,
    "aws:secretsmanager/secret:Secret": secret,
    "aws:cloudwatch/logGroup:LogGroup": log_group,
    "aws:cloudwatch/logMetricFilter:LogMetricFilter": metric_filter,
    "aws:ec2/flowLog:FlowLog": flow_log,
    "aws:cloudwatch/metricAlarm:MetricAlarm": alarm,
    "aws:cloudwatch/compositeAlarm:CompositeAlarm": composite_alarm,
    "aws:cloudwatch/dashboard:Dashboard": dashboard,
    "aws:ssm/parameter:Parameter": parameter,
    BUDGET_ACTION: budget_action,
}
