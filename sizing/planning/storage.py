"""Where the weights come from and lie on a node, the volumes for them, and how long each loader takes to read them."""

from __future__ import annotations

import math
from typing import Any, Literal

from inferstack.records.files.facts import load
from inferstack.records.plan import Figure, Kind, LoadOption, Storage
from sizing.catalog import GIB, Instance
from sizing.engines import table
from sizing.models.shape import ModelShape

Medium = Literal["nvme", "gp3"]


def storage(instance: Instance, checkpoint_bytes: int, *, shape: ModelShape | None = None, engine: str | None = None) -> Storage:
    """Local NVMe where the weights fit it, else a gp3 root volume that is large and fast enough. `engine`: None for the default one."""
    facts = loading()
    tokenizer = _tokenizer_bytes(shape)
    pulled = checkpoint_bytes + tokenizer + (shape.original_bytes if shape else 0)
    medium: Medium = "nvme" if fits_nvme(instance, pulled) else "gp3"
    slack = pulled * facts["weights_slack"] / GIB
    throughput = _gp3_throughput_mib_s(instance, medium)
    gp3, of_engine = facts["gp3"], table.facts(engine or table.default())["install"]
    return Storage(
        weights_medium=medium,
        weights_gib=round(slack, 3),
        root_volume_gib=math.ceil(facts["root_base_gib"]["value"] + (slack if medium == "gp3" else 0)),
        root_iops=int(min(max(gp3["min_iops"], throughput * gp3["iops_a_mib_s"]), gp3["max_iops"])),
        root_throughput_mib_s=throughput,
        load_s=load_s(instance, checkpoint_bytes, medium),
        checkpoint_gib=round(checkpoint_bytes / GIB, 3),
        tokenizer_gib=round(tokenizer / GIB, 6),
        original_format_gib=round(shape.original_bytes / GIB, 3) if shape else 0.0,
        kv_offload_gib=0.0,
        engine_gib=round(of_engine["bytes"] / GIB, 3),
        engine_delivery=of_engine["delivery"],
        refill_after_stop=medium == "nvme",
        loaders=_loaders(instance, checkpoint_bytes, medium),
        sources=_sources(instance, checkpoint_bytes),
    )


def fits_nvme(instance: Instance, pulled_bytes: int) -> bool:
    facts = loading()
    return bool(pulled_bytes * facts["weights_slack"] <= instance.nvme_gb * 1e9 * facts["nvme"]["free_share"])


def load_s(instance: Instance, checkpoint_bytes: int, medium: Medium) -> Figure:
    """Return the load time of the default loader, safetensors through mmap. On NVMe the cold rate, from a warm page cache to the slowest
    logs, where the disks allow it; else the disks' own rate."""
    facts = loading()
    gigabytes, (low, high) = checkpoint_bytes / 1e9, facts["band"]
    if medium == "gp3":
        # The default loader maps the file and faults it in page by page: Run:ai's benchmark read 15 GB in 47.6 s from
        # a volume of 1,000 MiB/s, a third of its rate, and in 14.4 s with its own loader.
        seconds = checkpoint_bytes / (_gp3_throughput_mib_s(instance, medium) * 2**20 * facts["loaders"]["safetensors"]["gp3_share"])
        return _figure(seconds, seconds * low, seconds * high, f"{facts['band_note']}; {facts['loaders']['safetensors']['source']}")
    cold, logs, warm = (facts["measured"][f"safetensors_{name}_gb_per_s"] for name in ("nvme_cold", "local_disk", "page_cache"))
    disks = _disks_gb_per_s(instance)
    if disks < cold["median"]:
        says = (
            f"assumed: the disks give {disks:g} GB/s, less than the loader can read; low edge measured from the page cache, n = {warm['n']}"
        )
        return _figure(gigabytes / disks, gigabytes / warm["median"], gigabytes / disks * high, says)
    says = f"measured: cold n = {cold['n']}, start-up logs n = {logs['n']}, page cache n = {warm['n']}"
    return _figure(gigabytes / cold["median"], gigabytes / warm["median"], gigabytes / logs["low"], says)


def loading() -> dict[str, Any]:
    """The facts of loading and starting."""
    return dict(load("sizing")["calibration"]["loading"])


def _gp3_throughput_mib_s(instance: Instance, medium: Medium) -> int:
    gp3 = loading()["gp3"]
    wanted = instance.ebs_mb_per_s * 1e6 / 2**20 if medium == "gp3" else gp3["min_mib_s"]
    return int(min(max(wanted, gp3["min_mib_s"]), gp3["max_mib_s"]))


def _disks_gb_per_s(instance: Instance) -> float:
    return float(loading()["nvme"]["gb_per_s_a_disk"] * max(instance.nvme_disks, 1))


def _tokenizer_bytes(shape: ModelShape | None) -> int:
    if shape is None:
        return 0
    return shape.tokenizer_bytes or round(shape.vocab * loading()["tokenizer_bytes_a_token"]["value"])


def _loaders(instance: Instance, checkpoint_bytes: int, medium: Medium) -> tuple[LoadOption, ...]:
    """Seconds to read the same checkpoint from the chosen medium, the default loader first."""
    facts, default = loading(), load_s(instance, checkpoint_bytes, medium)
    kind: Kind = "vendor" if medium == "gp3" else ("measured" if default.band.startswith("measured") else "assumed")
    found = [LoadOption(name="safetensors", seconds=default, kind=kind, basis=default.band)]
    disks = _disks_gb_per_s(instance) * 1e9
    volume = _gp3_throughput_mib_s(instance, medium) * 2**20
    raw = disks if medium == "nvme" else volume
    for name, told in facts["loaders"].items():
        if name == "safetensors":
            continue
        rate = min(raw, _rate(told, medium, default_rate=checkpoint_bytes / max(default.value, 0.1), volume=volume))
        found.append(LoadOption(name=name, seconds=_banded(checkpoint_bytes / rate), kind=told["kind"], basis=told["source"]))
    return tuple(found)


def _rate(told: dict[str, Any], medium: Medium, *, default_rate: float, volume: float) -> float:
    """Bytes a second that a loader reaches where the medium lets it."""
    if told.get("own_format"):
        return float(loading()["measured"]["own_format_nvme_cold_gb_per_s"]["median"]) * 1e9
    if medium == "gp3" and "gp3_share" in told:
        return float(told["gp3_share"]) * volume
    return default_rate * float(told.get("times_default") or told.get("nvme_times_default") or 1.0)


def _sources(instance: Instance, checkpoint_bytes: int) -> tuple[LoadOption, ...]:
    """Seconds to read the checkpoint straight from other places, each at its own rate or the instance's EBS or network rate."""
    facts = loading()
    ebs, network = instance.ebs_mb_per_s * 1e6, instance.network_bytes_per_s * facts["pull"]["network_share"]
    found = []
    for name, told in facts["sources"].items():
        rate = min(told["gb_per_s"] * 1e9, network if name == "fsx_lustre" else ebs)
        seconds = _banded(checkpoint_bytes / rate, told.get("band"))
        found.append(LoadOption(name=name, seconds=seconds, kind=told["kind"], basis=told["source"]))
    gp3 = min(facts["gp3"]["max_mib_s"] * 2**20, ebs)
    restored = "a gp3 volume from a snapshot with fast restore reads at full rate; billed per zone and hour"
    return (*found, LoadOption(name="snapshot_fast_restore", seconds=_banded(checkpoint_bytes / gp3), kind="vendor", basis=restored))


def _banded(seconds: float, band: list[float] | None = None) -> Figure:
    facts = loading()
    low, high = band or facts["band"]
    return _figure(seconds, seconds * low, seconds * high, facts["band_note"])


def _figure(value: float, low: float, high: float, says: str) -> Figure:
    return Figure(value=round(value, 1), low=round(min(low, value), 1), high=round(max(high, value), 1), band=says)
