"""Where the weights lie on a node, the root volume for it, and how long the engine takes to read them."""

from __future__ import annotations

import math
from typing import Any, Literal

from records.facts import load
from records.plan import Figure, Storage
from sizing.catalog import GIB, Instance

GIB_IN_GB = GIB / 1e9


def storage(instance: Instance, checkpoint_bytes: int) -> Storage:
    """Local NVMe where the weights fit it, else a gp3 root volume that is large and fast enough."""
    facts = _facts()
    medium: Literal["nvme", "gp3"] = "nvme" if fits_nvme(instance, checkpoint_bytes) else "gp3"
    slack = checkpoint_bytes * facts["weights_slack"] / GIB
    gp3 = facts["gp3"]
    wanted = instance.ebs_mb_per_s * 1e6 / 2**20 if medium == "gp3" else gp3["min_mib_s"]
    throughput = int(min(max(wanted, gp3["min_mib_s"]), gp3["max_mib_s"]))
    return Storage(
        weights_medium=medium,
        weights_gib=round(slack, 3),
        root_volume_gib=math.ceil(facts["root_base_gib"]["value"] + (slack if medium == "gp3" else 0)),
        root_iops=int(min(max(gp3["min_iops"], throughput * gp3["iops_a_mib_s"]), gp3["max_iops"])),
        root_throughput_mib_s=throughput,
        load_s=_load_s(instance, checkpoint_bytes, medium, throughput_mib_s=throughput),
    )


def fits_nvme(instance: Instance, checkpoint_bytes: int) -> bool:
    facts = _facts()
    return checkpoint_bytes * facts["weights_slack"] <= instance.nvme_gb * 1e9 * facts["nvme_free_share"]


def _load_s(instance: Instance, checkpoint_bytes: int, medium: str, *, throughput_mib_s: int) -> Figure:
    facts = _facts()
    if medium == "nvme":
        rate = min(facts["nvme_gb_per_s_a_disk"] * max(instance.nvme_disks, 1), facts["nvme_gb_per_s_at_most"]) * 1e9
    else:
        rate = throughput_mib_s * 2**20 * facts["gp3_share_of_volume_throughput"]
    seconds = checkpoint_bytes / rate
    low, high = facts["band"]
    return Figure(value=round(seconds, 1), low=round(seconds * low, 1), high=round(seconds * high, 1), band=facts["band_note"])


def _facts() -> dict[str, Any]:
    return dict(load("sizing")["calibration"]["loading"])
