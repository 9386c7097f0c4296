"""sizing.planning.candidates: what is left out of a search could not have been taken."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from inferstack.records.request import Request
from sizing.catalog import instances
from sizing.planning import constraints, planner
from sizing.planning.candidates import layouts_on, no_worse, of_instance, replica_on
from sizing.planning.ranking import as_dear_as, preference
from sizing.planning.search import Fit, Search

LOAD = {"isl": 1024, "osl": 256}
REQUESTS: tuple[dict[str, Any], ...] = (
    {"model": "Llama-3.1-8B-Instruct", "request_rate": 40, "ttft_ms": 400, "itl_ms": 25},
    {"model": "Qwen3-32B", "concurrency": 200, "itl_ms": 45},
    {"model": "Qwen3-30B-A3B", "request_rate": 60},
)


def search_for(request: dict[str, Any]) -> Search:
    return planner.search_of(Request(**{**LOAD, **request}))


@pytest.mark.parametrize("request_", REQUESTS, ids=lambda one: one["model"])
def test_no_layout_that_was_left_out_needs_fewer_instances(request_: dict[str, Any]) -> None:
    """Every layout is sized to the end here, whatever it may cost at least."""
    search, compared = search_for(request_), 0
    for instance in instances():
        found = of_instance(search, instance)
        if not isinstance(found, Fit):
            continue
        for layout in layouts_on(search, instance):
            r = replica_on(search, instance, layout)
            if constraints.does_not_start(search, r) or constraints.late(search, r, None, "idle"):
                continue
            least = constraints.fewest(search, r, most=8000)
            if least:
                apart = search.engine.name == "vllm" and not search.shape.is_moe
                per_node = max(instance.gpu_count // layout.gpus, 1) if apart else 1
                assert found.count <= -(-least // per_node), (instance.instance_type, layout)
                compared += 1
    assert compared > 30


@pytest.mark.parametrize("request_", REQUESTS, ids=lambda one: one["model"])
def test_a_limit_leaves_out_only_what_is_above_it(request_: dict[str, Any]) -> None:
    """Asked anew of each type, with the cost of its own best as the limit, and with half of that."""
    search = search_for(request_)
    for instance in instances():
        best = of_instance(search, instance)
        if isinstance(best, Fit):
            alone = replace(search, points={}, capacities={})
            same = no_worse(alone, instance, preference(search)(best), prefer=search)
            assert same is not None and preference(search)(best) == preference(search)(same)
            assert no_worse(alone, instance, as_dear_as(best.usd_per_hour / 2 if best.count == 1 else 0.0), prefer=search) is None
