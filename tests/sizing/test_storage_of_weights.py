"""sizing.planning.storage: where the weights lie on a node, how large, how fast, and by which loader."""

from __future__ import annotations

import dataclasses

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sizing.catalog import find_instance, find_model, instances
from sizing.planning.storage import fits_nvme, loading, storage

SEVENTY_B = 141_107_412_992


def test_weights_lie_on_local_nvme_where_they_fit() -> None:
    """p5: the root volume stays small, and the disks are empty after a stop."""
    found = storage(find_instance("p5.48xlarge"), SEVENTY_B)
    assert ("nvme", True, 100) == (found.weights_medium, found.refill_after_stop, found.root_volume_gib)
    assert found.load_s.low < found.load_s.value < found.load_s.high


def test_weights_that_do_not_fit_nvme_enlarge_and_speed_up_the_root_volume() -> None:
    """gp3 within its limits: 4 IOPS a MiB/s, at most 2,000 MiB/s."""
    instance = find_instance("g6.xlarge")
    assert not fits_nvme(instance, 3 * SEVENTY_B)
    found = storage(instance, 3 * SEVENTY_B)
    assert ("gp3", False) == (found.weights_medium, found.refill_after_stop)
    assert found.root_volume_gib > 100 + 3 * SEVENTY_B / 2**30
    assert found.root_iops >= 4 * found.root_throughput_mib_s or 3000 == found.root_iops
    assert 125 <= found.root_throughput_mib_s <= 2000


def test_a_load_from_many_disks_takes_the_cold_rate_that_was_measured() -> None:
    """8 disks give more than the loader takes; one disk gives less."""
    cold = loading()["measured"]["safetensors_nvme_cold_gb_per_s"]["median"]
    assert SEVENTY_B / 1e9 / cold == pytest.approx(storage(find_instance("p5.48xlarge"), SEVENTY_B).load_s.value, abs=0.1)
    one_disk = storage(find_instance("g6e.4xlarge"), SEVENTY_B)
    assert SEVENTY_B / 1e9 / 1.5 == pytest.approx(one_disk.load_s.value, abs=0.1)
    assert "assumed" == one_disk.loaders[0].kind
    assert one_disk.load_s.high > one_disk.load_s.value


def test_a_second_format_beside_the_weights_takes_its_room_but_no_load_time() -> None:
    """It is pulled, and never read."""
    shape = dataclasses.replace(find_model("Llama-3.1-8B-Instruct"), original_bytes=16_000_000_000)
    alone, both = (storage(find_instance("g6e.4xlarge"), 16_060_522_496, shape=one) for one in (find_model("Llama-3.1-8B-Instruct"), shape))
    assert 1.1 * 16e9 / 2**30 == pytest.approx(both.weights_gib - alone.weights_gib, abs=0.002)
    assert alone.load_s == both.load_s


@pytest.mark.parametrize("name", ["g6.xlarge", "p5.48xlarge", "g6e.12xlarge"])
def test_each_loader_and_source_says_its_kind_and_basis(name: str) -> None:
    """The default loader first and equal to the plan's load time."""
    found = storage(find_instance(name), SEVENTY_B)
    assert found.loaders[0].seconds == found.load_s
    assert ["safetensors", "runai_streamer", "fastsafetensors", "tensorizer"] == [one.name for one in found.loaders]
    assert {"io2", "fsx_lustre", "snapshot_lazy", "snapshot_fast_restore"} == {one.name for one in found.sources}
    for option in (*found.loaders, *found.sources):
        assert option.basis
        assert option.seconds.low <= option.seconds.value <= option.seconds.high


def test_the_streamer_reads_a_gp3_volume_as_fast_as_its_benchmark() -> None:
    """47.6 s against 14.4 s for 15 GB: 3.3 times the default loader."""
    found = storage(find_instance("g6.xlarge"), 3 * SEVENTY_B)
    seconds = {one.name: one.seconds.value for one in found.loaders}
    assert 47.6 / 14.4 == pytest.approx(seconds["safetensors"] / seconds["runai_streamer"], rel=0.02)


@given(st.sampled_from([one for one in instances() if one.why_unsupported is None]), st.integers(10**8, 2 * 10**12))
def test_more_bytes_never_load_faster(instance: object, size: int) -> None:
    """On any instance, from either medium; bands hold their value."""
    small, large = (storage(instance, bytes_) for bytes_ in (size, 2 * size))  # type: ignore[arg-type]
    if small.weights_medium == large.weights_medium:
        assert small.load_s.value <= large.load_s.value
    assert small.load_s.low <= small.load_s.value <= small.load_s.high
