"""A plan beside its own simulation: several replicas by rate, and closed loops of vLLM and llama.cpp."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

import pytest

from inferstack.records.request import Request
from sizing.planning.planner import plan
from sizing.simulation.run import Choices, simulation
from sizing.simulation.simulator import Router

NOW = datetime(2026, 11, 23, tzinfo=UTC)
CLOSED_8B = {"model": "Llama-3.1-8B-Instruct"}
LLAMA_CPP = {**CLOSED_8B, "weight_quant": "gguf-q4_k_m"}
BY_RATE = {"model": "Llama-3.3-70B-Instruct", "weight_quant": "fp8", "instance_type": "p5.48xlarge", "tp": 4, "isl": 1024, "osl": 256}
OVER_REPLICAS = [{**BY_RATE, "dp": dp, "request_rate": 9.5 * dp} for dp in (1, 2, 4, 8)]
TOKENS_A_SECOND = {"model": "Llama-3.3-70B-Instruct", "weight_quant": "fp8", "instance_type": "p5.48xlarge", "tokens_per_s": 20000}
UNDER_A_CAP = {"model": "Llama-3.3-70B-Instruct", "request_rate": 10, "max_usd_per_hour": 56}
IN_FLIGHT = [{**kind, "users": users} for kind in (LLAMA_CPP, CLOSED_8B) for users in (8, 16, 20, 32)]


@pytest.mark.parametrize("router", ["least-in-flight", "round-robin"])
@pytest.mark.parametrize("load", [*OVER_REPLICAS, TOKENS_A_SECOND, UNDER_A_CAP, *IN_FLIGHT], ids=str)
def test_what_a_plan_says_is_what_its_simulation_does(load: dict[str, Any], router: Router) -> None:
    """In the steady part, to 15 %: requests and tokens a second, the first token, the time between tokens, the answer. Loads by rate over
    several replicas, and closed loops of vLLM and llama.cpp."""
    made = simulation(plan(Request(**load), now=NOW), Choices(router=router))
    means = {one.figure: one.ratio for one in made.closed_form if not one.figure.endswith("_p99_ms")}
    assert means.keys() == {"requests_per_s", "output_tokens_per_s", "ttft_ms", "itl_ms", "e2e_ms"}
    assert means == {name: pytest.approx(1, abs=0.15) for name in means}


@pytest.mark.parametrize("load", [*OVER_REPLICAS, TOKENS_A_SECOND, UNDER_A_CAP], ids=str)
def test_a_plan_by_rate_says_the_first_token_that_its_simulation_finds(load: dict[str, Any]) -> None:
    """The plan's own figure, simulated without options."""
    made = plan(Request(**load), now=NOW)
    found = next(one for one in simulation(made, Choices()).closed_form if one.figure == "ttft_ms")
    assert made.prediction.ttft_ms.value == pytest.approx(found.simulated, rel=0.15)
