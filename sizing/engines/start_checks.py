"""What ends an engine's start although weights and KV cache fit: too few pages for recurrent states, or a table of requests too large."""

from __future__ import annotations

import math
from dataclasses import replace

from inferstack.records.facts import load
from sizing.catalog import GIB, Gpu
from sizing.engines.versions import EngineVersion, Settings
from sizing.memory.budget import Budget, captured_sequences
from sizing.memory.kv_cache import KvCost


def refusal(kv: KvCost, budget: Budget, *, gpu: Gpu, engine: EngineVersion, settings: Settings) -> str | None:
    """The engine's own check that does not hold, with its numbers; None where all do. `budget` has room for a KV cache."""
    if engine.name == "sglang":
        return _no_state(kv, budget, engine) or _table_too_large(kv, budget, engine=engine, settings=settings)
    pages, needed = state_pages(kv, budget), _needed(gpu, engine, settings)
    if pages is None or needed <= pages:
        return None
    return (
        f"max_num_seqs {settings.max_num_seqs:,}: {needed:,} sequences are more than the {pages:,} pages of the cache, and each needs one "
        f"for its recurrent states: {engine.name} {engine.text} ends at its start; max_num_seqs of {pages:,} and less start"
    )


def state_pages(kv: KvCost, budget: Budget) -> int | None:
    """Pages of vLLM's cache, each of which holds a group's states of one sequence; None for a model without recurrent states."""
    if kv.paging is None or not kv.paging.state:
        return None
    return kv.paging.pool(max(budget.kv_gib, 0.0) * GIB)


def fewer_sequences(kv: KvCost, budget: Budget, settings: Settings) -> Settings | None:
    """The settings with as many sequences as surely find a page for their states; None where those given do, or where none would."""
    pages = state_pages(kv, budget)
    if pages is None:
        return None
    sure = math.floor(pages * float(load("sizing")["calibration"]["planning"]["state_pages_share"]["value"]))
    if not 0 < sure < settings.max_num_seqs:
        return None
    return replace(settings, max_num_seqs=sure)


def admitted(budget: Budget, settings: Settings, engine: EngineVersion) -> Settings:
    """The settings with no more requests at once than SGLang's pool of states lets in."""
    if not budget.states:
        return settings
    most = max(budget.states // int(engine.default("state_pool")["per_request"]), 1)
    return replace(settings, max_num_seqs=min(settings.max_num_seqs, most))


def _needed(gpu: Gpu, engine: EngineVersion, settings: Settings) -> int:
    """Sequences that vLLM wants a page for before it serves."""
    if engine.name != "vllm":
        return 0
    return {"none": 0, "captured": captured_sequences(gpu, engine, settings)[1], "all": settings.max_num_seqs}[
        engine.default("states_needed")
    ]


def _no_state(kv: KvCost, budget: Budget, engine: EngineVersion) -> str | None:
    if not kv.states_apart:
        return None
    needs = int(engine.default("state_pool")["per_request"])
    if budget.states >= needs:
        return None
    return f"the pool of recurrent states holds {budget.states}, and a request takes {needs}: {engine.name} {engine.text} ends at its start"


def _table_too_large(kv: KvCost, budget: Budget, *, engine: EngineVersion, settings: Settings) -> str | None:
    """Which request's token lies where: a row of every position for each request, out of what the pools leave of the GPU."""
    rule = engine.memory("request_table")
    requests = settings.max_num_seqs
    if requests == engine.default("max_num_seqs")[0]["serve"]:
        tokens = kv.tokens(budget.kv_gib * GIB, length=settings.max_model_len, windowed=True)
        requests = min(max(tokens * int(rule["over_length"]) // settings.max_model_len, int(rule["least"])), int(rule["most"]))
    table = requests * (settings.max_model_len + int(rule["extra_tokens"])) * int(rule["entry_bytes"]) / GIB
    left = budget.total_gib - budget.usable_gib
    if table <= left:
        return None
    return (
        f"the table of requests takes {table:.1f} GiB ({requests:,} requests x {settings.max_model_len:,} positions x "
        f"{rule['entry_bytes']} bytes), and {left:.1f} GiB a GPU are left beside weights and pools: lower max_model_len or max_num_seqs"
    )
