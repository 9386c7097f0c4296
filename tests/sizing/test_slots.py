"""llama.cpp's slots: searched with the layout, written into the plan, and no limit of four."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

import pytest

from inferstack.records.plan import Plan
from inferstack.records.request import Request
from sizing.planning import planner
from sizing.planning.replica_of_plan import replica_of
from sizing.simulation.run import Choices, simulation

NOW = datetime(2026, 11, 21, 9, 0, tzinfo=UTC)


def planned(**request: Any) -> Plan:
    return planner.plan(Request(**request), now=NOW)


@pytest.mark.parametrize(
    ("model", "quant", "users"),
    [
        ("Llama-3.1-8B-Instruct", "gguf-q4_k_m", 20),
        ("Qwen3-8B", "gguf-q8_0", 40),
        ("gemma-3-12b-it", "gguf-q4_k_m", 12),
        ("Llama-3.2-1B-Instruct", "gguf-q8_0", 90),
    ],
)
def test_users_are_served_by_slots_and_not_by_machines(model: str, quant: str, users: int) -> None:
    """One or two instances, with as many slots as the load and its headroom need; the KV buffer is one, and holds them."""
    found = planned(model=model, weight_quant=quant, users=users, engine="llama.cpp")
    flags, dp = found.engine_flags, found.layout.dp
    assert found.instance_count <= 2
    assert int(flags["parallel"]) * dp * 0.8 >= users
    assert int(flags["ctx-size"]) >= int(flags["parallel"]) * (1024 + 256)
    assert flags["kv-unified"] is True
    assert replica_of(found).settings.max_num_seqs == flags["parallel"]


def test_slots_that_the_request_names_are_kept() -> None:
    """Four of them need as many machines as before."""
    found = planned(model="Llama-3.1-8B-Instruct", weight_quant="gguf-q4_k_m", users=20, max_num_seqs=4)
    assert 4 == found.engine_flags["parallel"]
    assert 7 == found.instance_count


def test_there_are_no_more_slots_than_the_server_is_built_for() -> None:
    """LLAMA_MAX_SEQ is 256, whatever the KV cache holds."""
    found = planned(model="Llama-3.2-1B-Instruct", weight_quant="gguf-q4_k_m", users=3, instance_type="p5.4xlarge", isl=100, osl=50)
    assert 256 >= int(found.engine_flags["parallel"]) > 128


@pytest.mark.parametrize("users", [20, 40])
def test_a_simulation_of_the_slots_says_the_same(users: int) -> None:
    """Requests a second and time between tokens to 15 %."""
    found = planned(model="Llama-3.1-8B-Instruct", weight_quant="gguf-q4_k_m", users=users)
    told = simulation(found, Choices())
    assert told.itl_ms and found.prediction.itl_ms
    assert found.prediction.requests_per_s.value == pytest.approx(told.requests_per_s, rel=0.15)
    assert found.prediction.itl_ms.value == pytest.approx(told.itl_ms.mean, rel=0.15)
