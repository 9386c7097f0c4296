"""From `up` to the first token, stage by stage, each with its band and where it comes from. Nodes start side by side: one counts."""

from __future__ import annotations

from typing import Any

from inferstack.records.plan import Figure, Stage, Storage, TimeToReady
from sizing.catalog import GIB, Instance
from sizing.engines import table
from sizing.planning.storage import loading

# Instances with eight GPUs are whole machines, which take longer to boot; both times are assumed
# (calibration/loading.yaml).
WHOLE_NODE = 8


def time_to_ready(instance: Instance, stored: Storage, *, engine: str) -> TimeToReady:
    """Seconds. The total's edges are the sums of the stages' edges: wider than the truth, never narrower."""
    facts = loading()
    stages = (
        _told("boot", facts["stages"]["boot_of_eight" if instance.gpu_count >= WHOLE_NODE else "boot"]),
        _told("driver check", facts["stages"]["driver"]),
        _install(engine),
        _pull(instance, stored),
        Stage(name="load to GPU", seconds=stored.load_s, kind=stored.loaders[0].kind, basis=stored.load_s.band),
        _init(engine),
        _told("ready check", facts["stages"]["ready"]),
    )
    low, value, high = (round(sum(getattr(stage.seconds, edge) for stage in stages), 1) for edge in ("low", "value", "high"))
    unmeasured = [stage.name for stage in stages if stage.kind != "measured"]
    says = f"sum of the stages' edges; not measured: {', '.join(unmeasured)}"
    return TimeToReady(stages=stages, total=Figure(value=value, low=low, high=high, band=says))


def _install(engine: str) -> Stage:
    """Wheels into an environment, or an image pulled and unpacked."""
    facts = loading()
    told = table.facts(engine)["install"]
    gigabytes = told["bytes"] / 1e9
    what = f"{gigabytes:g} GB ({told['kind']}: {told['source']})"
    if told["delivery"] == "image":
        rate = facts["measured"]["image_pull_gb_per_s"]
        seconds = _at(gigabytes, {"low": rate["low"], "value": rate["median"], "high": rate["high"]}, "both ends of a quoted range")
        return Stage(
            name="engine image pull", seconds=seconds, kind="measured", basis=f"measured n = {rate['n']}: {rate['what']}; image of {what}"
        )
    rate = facts["install_gb_per_s"]
    return Stage(name="engine install", seconds=_at(gigabytes, rate, "assumed"), kind="assumed", basis=f"{rate['source']}; {what}")


def _pull(instance: Instance, stored: Storage) -> Stage:
    """Return the stage from the bucket to the medium: the client, the network or the disks limit it."""
    facts = loading()
    client, nvme = facts["pull"]["client_gb_per_s"], facts["nvme"]["write_gb_per_s_a_disk"] * max(instance.nvme_disks, 1)
    disk = nvme if stored.weights_medium == "nvme" else stored.root_throughput_mib_s * 2**20 / 1e9
    network = instance.network_bytes_per_s / 1e9
    most = min(disk, network * facts["pull"]["network_share"])
    limits = {"low": most, "value": most, "high": min(disk * facts["band"][1], network)}
    rates = {edge: min(client[edge], limits[edge]) for edge in ("low", "value", "high")}
    gigabytes = ((stored.checkpoint_gib or 0.0) + stored.tokenizer_gib + stored.original_format_gib) * GIB / 1e9
    basis = f"S3 to {stored.weights_medium}: {client['source']}; network and disk allow {most:.2f} GB/s"
    return Stage(name="weights pull", seconds=_at(gigabytes, rates, "assumed"), kind="assumed", basis=basis)


def _init(engine: str) -> Stage:
    """Profile run, compilation and graph capture on a node that has never done it."""
    told, measured = table.facts(engine)["first_start"], loading()["measured"]
    if "rows" not in told:
        return _told("compile and capture", told)
    whole, low = measured[told["rows"]], measured[told["rows"]]["low"]
    basis = f"measured: whole starts n = {whole['n']} ({whole['what']}), so probably too long"
    if "low_edge" in told:
        warm = measured[told["low_edge"]]
        low, basis = warm["low"], f"{basis}; low edge n = {warm['n']} ({warm['what']})"
    seconds = Figure(value=whole["median"], low=low, high=whole["high"], band="5 % to 95 % of the rows" if whole["n"] >= 20 else "all rows")
    return Stage(name="compile and capture", seconds=seconds, kind="measured", basis=basis)


def _told(name: str, told: dict[str, Any]) -> Stage:
    seconds = Figure(value=told["value"], low=told["low"], high=told["high"], band=told["kind"])
    return Stage(name=name, seconds=seconds, kind=told["kind"], basis=told["source"])


def _at(gigabytes: float, rates: dict[str, Any], says: str) -> Figure:
    """The fastest rate gives the low edge."""
    value, low, high = (round(gigabytes / rates[edge], 1) for edge in ("value", "high", "low"))
    return Figure(value=value, low=low, high=high, band=says)
