"""Curve: what the planned replicas do from an idle to a full load, with bands."""

from __future__ import annotations

from typing import Literal

from inferstack.records.plan import Figure
from inferstack.records.record import Part


class CurvePoint(Part):
    """All replicas together. `load` is requests/s of an open loop, requests in flight of a closed one."""

    load: float
    utilisation: float
    output_tokens_per_s: float
    ttft_ms: Figure
    itl_ms: Figure | None = None
    e2e_ms: Figure


class Curve(Part):
    """Points of rising load; the last one is the highest that is not saturated."""

    kind: Literal["open", "closed"]
    points: tuple[CurvePoint, ...]
