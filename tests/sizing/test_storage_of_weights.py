"""sizing.storage: where the weights lie on a node."""

from __future__ import annotations

from sizing.catalog import find_instance
from sizing.storage import fits_nvme, storage

SEVENTY_B = 141_107_412_992


def test_weights_lie_on_local_nvme_where_they_fit() -> None:
    """p5: the root volume stays small."""
    found = storage(find_instance("p5.48xlarge"), SEVENTY_B)
    assert "nvme" == found.weights_medium
    assert 100 == found.root_volume_gib
    assert found.load_s.low < found.load_s.value < found.load_s.high


def test_weights_that_do_not_fit_nvme_enlarge_and_speed_up_the_root_volume() -> None:
    """gp3 within its limits: 4 IOPS a MiB/s, at most 2,000 MiB/s."""
    instance = find_instance("g6.xlarge")
    assert not fits_nvme(instance, 3 * SEVENTY_B)
    found = storage(instance, 3 * SEVENTY_B)
    assert "gp3" == found.weights_medium
    assert found.root_volume_gib > 100 + 3 * SEVENTY_B / 2**30
    assert found.root_iops >= 4 * found.root_throughput_mib_s or 3000 == found.root_iops
    assert 125 <= found.root_throughput_mib_s <= 2000
