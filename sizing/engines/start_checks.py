"""Pages for recurrent states: how many sequences find one, and with how many an engine starts."""

from __future__ import annotations

import math
from dataclasses import replace

from inferstack.records.files.facts import load
from sizing.catalog import GIB
from sizing.engines.launch import LaunchSettings
from sizing.memory.budget import Budget
from sizing.memory.kv_cost import KvCost


def state_pages(kv: KvCost, budget: Budget) -> int | None:
    """Pages of the cache, each of which holds a group's states of one sequence; None for a model without recurrent states."""
    if kv.paging is None or not kv.paging.state:
        return None
    return kv.paging.pool(max(budget.kv_gib, 0.0) * GIB)


def fewer_sequences(kv: KvCost, budget: Budget, settings: LaunchSettings) -> LaunchSettings | None:
    """Return the settings with as many sequences as certainly find a page for their states; None where those given do, or where not even
    one would."""
    pages = state_pages(kv, budget)
    if pages is None:
        return None
    # Four logs show 0.82 to 1.20 of the computed pages (vllm-project/recipes#831 and #551, kaito-project/kaito#2319,
    # vllm-project/vllm#49064). The lowest decides: a plan that asks for more may not start.
    sure = math.floor(pages * float(load("sizing")["calibration"]["planning"]["state_pages_share"]["value"]))
    if not 0 < sure < settings.max_num_seqs:
        return None
    return replace(settings, max_num_seqs=sure)
