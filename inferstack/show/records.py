"""Configured, Measurement with Verdict, and Receipt for people."""

from __future__ import annotations

from inferstack.cli.screen import Screen
from inferstack.records.configured import Configured
from inferstack.records.measurement import Measurement, Quantiles, Verdict
from inferstack.records.receipt import Item, Receipt
from inferstack.show import tables
from inferstack.show.tables import name, number, words

SHOWN = 12
HOSTS = (
    name("host"),
    name("instance"),
    number("ok", 1),
    number("changed"),
    number("skipped", 2),
    name("state"),
    number("output tokens"),
)
FIGURES = (name(""), number("mean"), number("p50"), number("p90", 2), number("p95", 3), number("p99"), number("max", 1))
FINDINGS = (name("figure"), number("predicted"), number("measured"), name(""), words(""))


def configured(screen: Screen, record: Configured) -> None:
    rows = [
        (host.name, host.instance_id, host.ok, host.changed, host.skipped, "ready" if host.ready else "NOT READY", host.completion_tokens)
        for host in record.hosts
    ]
    tables.table(screen, HOSTS, rows)
    for checked in record.checked_only:
        screen.say(f"  {checked.role}: {checked.result}: {checked.why}")
    if (record.served_model, record.served_engine) != (record.planned_model, record.planned_engine):
        screen.say(
            f"  serving {record.served_model} with {record.served_engine}; the plan has {record.planned_model} with {record.planned_engine}"
        )


def measured(screen: Screen, measurement: Measurement, verdict: Verdict) -> None:
    load = measurement.workload
    screen.say(
        f"{measurement.completed} of {load.num_requests} requests completed in {measurement.duration_s:.1f} s; "
        f"load: {load.load.says}; prompts of seed {load.seed}"
    )
    figures = (
        ("TTFT ms", measurement.ttft_ms),
        ("ITL ms", measurement.itl_ms),
        ("TPOT ms", measurement.tpot_ms),
        ("E2E ms", measurement.e2e_ms),
    )
    tables.table(screen, FIGURES, [(figure, *_spread(values)) for figure, values in figures if values])
    screen.say(
        f"{measurement.output_tokens_per_s:,.0f} tokens/s, {measurement.requests_per_s:.2f} requests/s, "
        f"{measurement.completion_tokens} output tokens"
    )
    if measurement.steady is not None:
        steady = measurement.steady
        screen.say(
            f"Steady state, {steady.requests} requests: {steady.offered_requests_per_s:.3g} requests/s sent, "
            f"{steady.sustained_requests_per_s:.3g} completed; mean TTFT {steady.ttft_ms.mean:,.1f} ms, "
            f"mean E2E {steady.e2e_ms.mean:,.1f} ms"
        )
    for kind, count in measurement.errors.items():
        screen.say(f"  error {kind}: {count}")
    rows = [
        (found.figure, _number(found.predicted), _number(found.measured), _judgement(found.judged, found.passed), found.message)
        for found in verdict.findings
    ]
    tables.table(screen, FINDINGS, rows)
    screen.say(f"Verdict: {'passed' if verdict.passed else 'FAILED'} - {verdict.statement}")


def received(screen: Screen, receipt: Receipt) -> None:
    _items(screen, "deleted", receipt.deleted)
    if receipt.gone_before:
        _items(screen, "already gone", receipt.gone_before, every=True)
    _items(screen, "kept on purpose", receipt.kept)
    _items(screen, "LEFT", receipt.left, every=True)
    if receipt.unknown:
        screen.say(f"{len(receipt.unknown)} of these are resource kinds that AWS did not list: whether any exist is unknown")
    found = ", ".join(f"{number} by {way}" for way, number in receipt.swept_by.items())
    screen.say(f"Found by the sweep after the destroy: {found or 'not run'}")
    cost = receipt.cost
    told = (
        f"{tables.usd(cost.usd)} for {cost.hours:.2f} h at {tables.usd(cost.usd_per_hour)}/h"
        if cost.usd is not None and cost.hours is not None
        else "not known"
    )
    screen.say(f"Cost of the run: {told} ({cost.note})")


def _items(screen: Screen, what: str, items: tuple[Item, ...], *, every: bool = False) -> None:
    screen.say(f"{len(items)} {what}")
    if every or screen.verbose:
        for item in items:
            screen.say(f"  {item.type}  {item.id}  {item.name}  {item.note}")


def _spread(values: Quantiles) -> tuple[str, ...]:
    return tuple(f"{value:,.1f}" for value in (values.mean, values.p50, values.p90, values.p95, values.p99, values.max))


def _number(value: float | None) -> str:
    return "-" if value is None else f"{value:,.1f}"


def _judgement(judged: bool, passed: bool | None) -> str:
    if not judged:
        return "not judged"
    return {True: "ok", False: "missed", None: "-"}[passed]
