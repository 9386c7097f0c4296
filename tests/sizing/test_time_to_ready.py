"""sizing.planning.time_to_ready: the stages from `up` to the first token."""

from __future__ import annotations

import pytest

from inferstack.records.plan import TimeToReady
from sizing.catalog import find_instance
from sizing.planning.storage import loading, storage
from sizing.planning.time_to_ready import time_to_ready

EIGHT_B = 16_060_522_496


def ready(instance_type: str, *, size: int = EIGHT_B, engine: str = "vllm") -> TimeToReady:
    instance = find_instance(instance_type)
    return time_to_ready(instance, storage(instance, size, engine=engine), engine=engine)


@pytest.mark.parametrize("engine", ["vllm", "tensorrt-llm", "sglang", "llama.cpp"])
def test_every_stage_has_a_band_a_kind_and_a_basis(engine: str) -> None:
    """And the total is their sum, edge by edge."""
    found = ready("g6e.xlarge", engine=engine)
    install = "engine image pull" if engine == "tensorrt-llm" else "engine install"
    names = ["boot", "driver check", install, "weights pull", "load to GPU", "compile and capture", "ready check"]
    assert names == [stage.name for stage in found.stages]
    for edge in ("low", "value", "high"):
        assert sum(getattr(stage.seconds, edge) for stage in found.stages) == pytest.approx(getattr(found.total, edge), abs=0.1)
    for stage in found.stages:
        assert stage.basis
        assert stage.seconds.low <= stage.seconds.value <= stage.seconds.high


def test_a_stage_without_rows_says_that_it_is_assumed() -> None:
    """Boot, driver, install, pull and the last check; the total names them."""
    found = ready("p5.48xlarge")
    assert {"load to GPU", "compile and capture"} == {stage.name for stage in found.stages if stage.kind == "measured"}
    assert found.total.band.endswith("not measured: boot, driver check, engine install, weights pull, ready check")
    assert {"compile and capture"} == {stage.name for stage in ready("g6e.xlarge").stages if stage.kind == "measured"}


def test_larger_weights_take_longer_and_eight_gpus_boot_longer() -> None:
    """Only the stages that carry bytes grow."""
    small, large = ready("p5.48xlarge"), ready("p5.48xlarge", size=10 * EIGHT_B)
    grown = {one.name for one, other in zip(small.stages, large.stages, strict=True) if one.seconds.value < other.seconds.value}
    assert {"weights pull", "load to GPU"} == grown
    assert ready("p5.48xlarge").stages[0].seconds.value > ready("p5.4xlarge").stages[0].seconds.value


def test_a_slow_network_limits_the_pull() -> None:
    """g4dn.xlarge has 5 Gbit/s at base: 0.5 GB/s at 80 %."""
    instance = find_instance("g4dn.xlarge")
    most = instance.network_bytes_per_s * loading()["pull"]["network_share"] / 1e9
    pull = next(stage for stage in ready("g4dn.xlarge").stages if stage.name == "weights pull")
    assert EIGHT_B / 1e9 / min(most, 1.0) == pytest.approx(pull.seconds.value, rel=0.01)


def test_a_published_cold_start_lies_in_the_band() -> None:
    """Qwen2.5 72B on g6e.12xlarge, 187 s from the first log line: what vLLM itself does here is load, compile and capture, after a pull."""
    found = ready("g6e.12xlarge", size=145_412_407_296)
    own = [stage.seconds for stage in found.stages if stage.name in ("weights pull", "load to GPU", "compile and capture")]
    assert sum(one.low for one in own) <= 187 <= sum(one.high for one in own)
