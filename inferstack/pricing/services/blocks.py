"""Which capacity blocks AWS sells: how long, and how many instances. A bill of one that cannot be bought would be of nothing."""

from __future__ import annotations

import math
from typing import Any

from inferstack.records.files.facts import load


def refused(*, hours: float, instances: float) -> str | None:
    """Why no such block is sold; None where one is."""
    terms: dict[str, Any] = load("pricing")["purchase_terms"]["block"]
    longest, daily, most = (terms[name]["value"] for name in ("longest_days", "steps_of_one_day", "most_instances"))
    days = math.ceil(hours / 24 - 1e-9)
    if days > longest:
        return f"duration_hours {hours:g}: no block is longer than {longest} days ({longest * 24} hours)"
    if days > daily and days % 7:
        return f"duration_hours {hours:g}: above {daily} days a block must last whole weeks"
    if instances > most:
        return f"instance_count {instances:g}: a block has at most {most} instances"
    if instances != int(instances):
        return f"instance_count {instances:g}: must be a whole number"
    return None
