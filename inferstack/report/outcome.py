"""What came of it: the measurement beside the prediction, and what `down` left."""

from __future__ import annotations

from inferstack.records.measurement import JudgedFigure, Measurement, Quantiles
from inferstack.report.contents import Contents
from inferstack.report.markup import Cell, bullets, figure, paragraph, section, table
from inferstack.report.scale import written

PARTS = ("mean", "p50", "p90", "p95", "p99", "max")


def measured(c: Contents) -> str:
    """What a bench found, beside what was predicted."""
    m, v = c.measurement, c.verdict
    if m is None:
        return ""
    named = (("TTFT ms", m.ttft_ms), ("ITL ms", m.itl_ms), ("TPOT ms", m.tpot_ms), ("E2E ms", m.e2e_ms))
    quantiles = [_quantiles(name, one) for name, one in named if one]
    findings = [_finding(one) for one in v.findings] if v else []
    return section(
        "measured",
        "Measured",
        paragraph(_told(m)),
        paragraph(v.statement if v else ""),
        table("quantiles", ("figure", *PARTS), quantiles) if quantiles else "",
        table("verdict", ("figure", "predicted", "low", "high", "measured", "verdict", "message"), findings) if findings else "",
    )


def receipt(c: Contents) -> str:
    """Nothing left, or what is."""
    r = c.receipt
    if r is None:
        return ""
    unknown = f", of {len(r.unknown)} kinds AWS told nothing" if r.unknown else ""
    told = f"{len(r.deleted)} deleted, {len(r.kept)} kept on purpose, {len(r.left)} left{unknown}. {r.cost.note}"
    return section("receipt", "Taken down", paragraph(told), bullets(f"LEFT: {one.type} {one.id} {one.name}" for one in r.left))


def _told(m: Measurement) -> str:
    where = "on this machine's stand-ins, not on the planned hardware" if m.rehearsal else f"on {m.instance_count} x {m.instance_type}"
    return (
        f"{m.served_model} on {m.served_engine}, {where}: {m.completed} requests, {m.failed} failed, "
        f"{m.output_tokens_per_s:,.1f} output tokens/s over {m.duration_s:.1f} s."
    )


def _quantiles(name: str, found: Quantiles) -> tuple[Cell, ...]:
    values = [float(getattr(found, part)) for part in PARTS]
    return (Cell(name), *(figure(value, written(value)) for value in values))


def _finding(one: JudgedFigure) -> tuple[Cell, ...]:
    values = (one.predicted, one.low, one.high, one.measured)
    judged = "not judged" if not one.judged else "passed" if one.passed else "FAILED"
    return (Cell(one.figure), *(figure(value, written(value or 0)) for value in values), Cell(judged), Cell(one.message))
