"""`inferstack plan` as it is typed."""

from __future__ import annotations

import json

from tests.e2e.conftest import PLAN, Checkout

KEYS_OF_THE_BATCH_INTERFACE = {"model", "weight_quant", "kv_quant", "gpu", "instance_type", "tp", "pp", "ep", "dp", "engine", "isl", "osl"}
KEYS_OF_THE_PLANNER = {"ttft_ms", "itl_ms", "users", "tokens_per_day", "region", "instance_types", "max_usd_per_hour"}


def test_a_plan_names_instances_layout_flags_figures_storage_price_and_rejects(checkout: Checkout) -> None:
    """One JSON document on stdout, all of it."""
    plan = json.loads(checkout.run("plan", *PLAN, "--json").stdout)
    assert plan["instance_type"] and plan["instance_count"] >= 1
    assert {"tp", "pp", "ep", "dp"} <= set(plan["layout"])
    assert {"max-model-len", "max-num-seqs", "gpu-memory-utilization"} <= set(plan["engine_flags"])
    for figure in ("ttft_ms", "itl_ms", "output_tokens_per_s"):
        assert plan["prediction"][figure]["low"] <= plan["prediction"][figure]["value"] <= plan["prediction"][figure]["high"]
    assert plan["prediction"]["ttft_ms"]["value"] <= 1000 and plan["prediction"]["itl_ms"]["value"] <= 40
    assert plan["storage"]["root_volume_gib"] > 0
    assert plan["usd_per_hour"] > 0 and plan["price_date"].startswith("20")
    assert len(plan["rejected"]) >= 10
    assert all(entry["instance_type"] and entry["reason"] for entry in plan["rejected"])
    request = checkout.work("default", "current", "request.yaml").read_text()
    written = {line.split(":")[0] for line in request.splitlines() if line and line[0].isalpha()}
    assert written >= KEYS_OF_THE_BATCH_INTERFACE | KEYS_OF_THE_PLANNER


def test_a_model_that_was_never_released_is_refused_with_the_nearest_real_one(checkout: Checkout) -> None:
    """Exit 2."""
    done = checkout.run("plan", "--model", "meta-llama/Llama-3.4-70B", "--request-rate", "4", code=2)
    assert "Llama-3.3-70B" in done.stderr


def test_an_instance_type_that_does_not_exist_is_refused_with_the_nearest_real_one(checkout: Checkout) -> None:
    """Exit 2; p5.xlarge is the classic."""
    done = checkout.run("plan", *PLAN, "--instance-type", "p5.xlarge", code=2)
    assert "p5.4xlarge" in done.stderr
