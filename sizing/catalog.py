"""Models, GPUs and instance types of the facts by name; a name that is none of them is told the nearest real one."""

from __future__ import annotations

import fnmatch
import functools
import re
from collections.abc import Iterable
from dataclasses import dataclass, replace
from typing import Any, NoReturn

from inferstack.records.errors import InputError
from inferstack.records.files.facts import load
from inferstack.records.request import GpuOverride, Request
from sizing.models import spoken_names, user_models
from sizing.models.facts_record import from_record
from sizing.models.shape import ModelShape

GIB = 2**30
NOT_OF_THE_SHAPE = (
    "id", "aliases", "checkpoint", "license", "license_family", "license_source", "gated", "gated_source", "release_date",
    "release_date_source", "params_published", "params_reference", "sources", "notes", "not_verified",
    "kind", "as_of", "tokenizer_bytes", "original_bytes",
)  # fmt: skip
MIG = re.compile(r"(?P<gpu>.+?)-mig-(?P<sevenths>\d)g\.(?P<gb>\d+)gb")


@dataclass(frozen=True, slots=True)
class Gpu:
    """One GPU. `total_gib` is what torch sees; rates are datasheet peaks without sparsity; links are one direction.
    `total_then`: what torch saw before these versions of engines."""

    id: str
    name: str
    generation: str
    calibration_class: str
    compute_capability: float
    total_gib: float
    bandwidth_bytes_per_s: float
    flops_bf16: float
    flops_fp8: float
    flops_fp4: float
    flops_int8: float
    nvlink_bytes_per_s: float | None
    link_bytes_per_s: float
    grace: bool
    estimated: bool
    total_then: tuple[tuple[tuple[str, str], ...], float] | None = None

    def __hash__(self) -> int:
        """Hash the id alone: a GPU is part of the key of much that is remembered, and few share an id."""
        return hash(self.id)


@dataclass(frozen=True, slots=True)
class Instance:
    """One EC2 instance type. `why_unsupported` is None where a plan may use it."""

    instance_type: str
    family: str
    category: str
    gpu: str | None
    gpu_count: int
    gpu_share: float
    vcpus: int
    memory_gib: float
    machine: str
    nvme_gb: float
    nvme_disks: int
    ebs_mb_per_s: float
    network_gbps: float
    nvswitch: bool
    regions: tuple[str, ...]
    quota_code: str | None
    why_unsupported: str | None

    @property
    def network_bytes_per_s(self) -> float:
        return self.network_gbps * 1e9 / 8


SPOKEN = 4
"""So many ids are named where a short name may be several models."""
WAYS = {
    "model": "give a whole id, a folder, a config.json or a .gguf file, or store it: inferstack model add ID; known: inferstack model list",
    "gpu": "give an id or a short name of a GPU, such as H100 or L40S",
    "instance_type": "give a type (p5.48xlarge), a family (p5) or a pattern (p5*)",
}


def find_model(name: str) -> ModelShape:
    """Find a model by Hugging Face id, its last part, or a name under which measurements are published; the facts first, then the added
    models.

    A last part of several records is the model of the publisher of the base. Raises InputError for none, and for one of several equals.
    """
    names = _model_names()
    record = names.get(name.lower())
    if isinstance(record, tuple):
        ids = " and ".join(record)
        raise InputError(f"model: {name!r} is the last part of {ids}; it is ambiguous", hint=f"give the whole id: {record[0]}")
    if record is None:
        added = user_models.find(name) or (None if "/" in name and names.get(_last(name)) else user_models.find_by_last_part(name))
        if added is not None:
            return added
        if "/" in name:
            return find_model(_last(name)) if names.get(_last(name)) else _unknown("model", name, _nearest_models(name))
        return find_model(_spoken(name))
    return _shape(str(record["id"]))


def _spoken(name: str) -> str:
    """Return the id that a name in a person's words means. Raises InputError where none or several are meant."""
    found = spoken_names.meant(name, (record["id"] for record in records())) if claim("model", name) is None else ()
    if len(found) > 1:
        raise InputError(f"model: {name!r} may be {', '.join(found[:SPOKEN])}; it is ambiguous", hint=f"give the whole id: {found[0]}")
    return found[0] if found else _unknown("model", name, _nearest_models(name))


def asked_model(request: Request) -> ModelShape:
    """Return the shape of the request's model, or of its config.json. Raises InputError.

    A short name is the model for chat: `mistral-7b` is the Instruct, not the base under whose name measurements are published.
    """
    if request.model:
        ids = {record["id"].lower(): record["id"] for record in records()}
        short = "/" not in request.model and request.model.lower() not in {_last(one) for one in ids}
        clear = spoken_names.meant(request.model, ids.values()) if short and request.model.lower() in _model_names() else ()
        return find_model(clear[0] if len(clear) == 1 else request.model)
    from sizing.models.hf_config import from_config

    return from_config(request.config or {})


def in_the_facts(name: str) -> bool:
    """Whether the project's own facts hold a model of this very name."""
    return name.lower() in _model_names()


def models() -> tuple[ModelShape, ...]:
    """Return every model of the facts."""
    return tuple(_shape(record["id"]) for record in records())


@functools.cache
def records() -> tuple[dict[str, Any], ...]:
    """Return every record of the facts, with a record of its own for each id whose shape is recorded under another id."""
    own = [record for group in load("sizing")["models"].values() for record in group["records"]]
    by_id = {record["id"]: record for record in own}
    return (*own, *(_twin(one, by_id[one["same_shape_as"]]) for group in load("sizing")["twins"].values() for one in group["records"]))


def _twin(own: dict[str, Any], shape: dict[str, Any]) -> dict[str, Any]:
    """Return the record with the shape of another; licence, gate, file and names are its own."""
    kept = {key: value for key, value in shape.items() if key not in NOT_OF_THE_SHAPE}
    return {**kept, "aliases": [], "checkpoint": {"bytes": None, "source": None}, "license": None, "gated": None, **own}


@functools.cache
def find_gpu(name: str) -> Gpu:
    """Find a GPU by id or short name; a MIG slice as `H100 MIG 3g.40gb`. Raises InputError."""
    names = _gpu_names()
    if slice_ := MIG.fullmatch(_plain(name)):
        return _slice(find_gpu(slice_["gpu"]), sevenths=int(slice_["sevenths"]), memory_gb=float(slice_["gb"]))
    record = names.get(_plain(name))
    if record is None:
        clear = spoken_names.meant(re.sub(r"(?i)nvidia|gi?b", " ", name), dict.fromkeys(one.gpu for one in instances() if one.gpu))
        if len(clear) == 1:
            return find_gpu(clear[0])
        close = _close(_plain(name), names, n=3, cutoff=0.5)
        _unknown("gpu", name, tuple(dict.fromkeys(names[one]["id"] for one in close)) or tuple(sorted(r["id"] for r in names.values()))[:3])
    return _gpu(record["id"])


def shared(gpu: Gpu, share: float) -> Gpu:
    """Return a share of a GPU, as fractional instance types have it (g6f): the same share of memory, bandwidth and arithmetic."""
    return gpu if share >= 1 else _part(gpu, memory_gib=gpu.total_gib * share, bandwidth=share, arithmetic=share)


def find_sold_gpu(name: str) -> Gpu:
    """Find a GPU among those in an EC2 instance type. Raises InputError for another, and says where it may be asked about."""
    gpu = find_gpu(name)
    sold = dict.fromkeys(one.gpu for one in instances() if one.gpu)
    if gpu.id not in sold:
        raise InputError(
            f"gpu: {gpu.id} is not in any EC2 instance type; EC2 sells {', '.join(sorted(sold))}",
            hint=f'inferstack explain "MODEL FORMAT on 1 x {gpu.id}" shows whether a model fits on it',
        )
    return gpu


def instance_names(pattern: str) -> tuple[str, ...]:
    """Return the instance types that a name means: itself, those of a family (`p5`), or all that match (`p5*`). Raises InputError."""
    known = _instances()
    if pattern in known:
        return (pattern,)
    if "*" in pattern or "?" in pattern:
        found = tuple(one for one in known if fnmatch.fnmatchcase(one, pattern if "." in pattern else f"{pattern}.*"))
    else:
        found = tuple(one.instance_type for one in known.values() if one.family == pattern)
    return found or (find_instance(pattern).instance_type,)


def find_instance(name: str) -> Instance:
    """Find an instance type by its name at EC2. Raises InputError."""
    found = _instances().get(name)
    if found is None:
        _unknown("instance_type", name, _nearest_instances(name))
    return found


def instances() -> tuple[Instance, ...]:
    return tuple(_instances().values())


def overridden(gpu: Gpu, override: GpuOverride) -> Gpu:
    """Return the GPU with the facts that a question replaces."""
    scale = {
        "total_gib": ("memory_gib", 1.0),
        "bandwidth_bytes_per_s": ("bandwidth_gb_s", 1e9),
        "flops_bf16": ("tflops_bf16", 1e12),
        "flops_fp8": ("tflops_fp8", 1e12),
        "flops_fp4": ("tflops_fp4", 1e12),
        "link_bytes_per_s": ("link_gb_s", 1e9),
    }
    changes: dict[str, Any] = {
        field: getattr(override, key) * factor for field, (key, factor) in scale.items() if getattr(override, key) is not None
    }
    if gpu.nvlink_bytes_per_s and "link_bytes_per_s" in changes:
        changes["nvlink_bytes_per_s"] = changes["link_bytes_per_s"]
    return replace(gpu, **changes)


def claim(subject: str, text: str) -> dict[str, Any] | None:
    """Return the wrong claim of the facts that the text repeats, if there is one."""
    for record in load("sizing")["claims"]["wrong"]["records"]:
        if record["subject"] == subject and re.search(record["pattern"], text.lower()):
            return dict(record)
    return None


def _last(name: str) -> str:
    return name.split("/")[-1].lower()


def _unknown(subject: str, name: str, nearest: tuple[str, ...]) -> NoReturn:
    known = claim(subject, name)
    why = f": {known['says']}" if known else ""
    near = tuple(known.get("nearest", nearest)) if known else nearest
    what = {"model": "model", "gpu": "GPU", "instance_type": "instance type"}[subject]
    raise InputError(f"{subject}: there is no {what} {name!r}{why}; nearest: {', '.join(near) or 'none'}", hint=WAYS[subject])


def _nearest_models(name: str) -> tuple[str, ...]:
    names = _model_names()
    close = (names[one] for one in _close(name.split("/")[-1].lower(), names, n=8, cutoff=0.5))
    return tuple(dict.fromkeys(id_ for one in close for id_ in (one if isinstance(one, tuple) else (one["id"],))))[:3]


def _nearest_instances(name: str) -> tuple[str, ...]:
    family = name.split(".")[0]
    same = [one.instance_type for one in _instances().values() if one.family == family]
    return tuple(same[:3]) or tuple(_close(name, _instances(), n=3, cutoff=0.3))


def _close(name: str, known: Iterable[str], *, n: int, cutoff: float) -> list[str]:
    import difflib

    return difflib.get_close_matches(name, list(known), n=n, cutoff=cutoff)


@functools.cache
def _model_names() -> dict[str, dict[str, Any] | tuple[str, ...]]:
    """Whole ids, names of measurements, and last parts; a last part of several whose publishers did not make the base is their ids."""
    names: dict[str, dict[str, Any] | tuple[str, ...]] = {record["id"].lower(): record for record in records()}
    for record in records():
        for alias in record["aliases"]:
            names.setdefault(alias.lower(), record)
    parts: dict[str, list[dict[str, Any]]] = {}
    for record in records():
        parts.setdefault(_last(record["id"]), []).append(record)
    for part, found in parts.items():
        of_base = [record for record in found if _publishes_the_base(record)] if len(found) > 1 else found
        names[part] = of_base[0] if len(of_base) == 1 else tuple(record["id"] for record in found)
    return names


def _publishes_the_base(record: dict[str, Any]) -> bool:
    """Whether its publisher has a record of the same model without a format of its own."""
    publisher, name = record["id"].lower().split("/")[0], _last(record["id"])
    others = (other for other in records() if not other.get("quantization") and other["id"] != record["id"])
    return any(other["id"].lower().split("/")[0] == publisher and name.startswith(_last(other["id"])) for other in others)


@functools.cache
def _shape(model_id: str) -> ModelShape:
    return from_record(next(record for record in records() if record["id"].lower() == model_id.lower()))


@functools.cache
def _gpu_names() -> dict[str, dict[str, Any]]:
    records = [record for group in load("sizing")["gpus"].values() for record in group["records"]]
    return {_plain(name): record for record in records for name in (record["id"], *record["short_names"])}


def _plain(name: str) -> str:
    return re.sub(r"[\s_-]+", "-", name.strip().lower())


@functools.cache
def _gpu(gpu_id: str) -> Gpu:
    record = _gpu_names()[_plain(gpu_id)]
    # Without a log: a nominal GB is 0.93 GiB, and torch sees about 0.5 GiB less than nvidia-smi (H100: 79.11 of
    # 79.65). The EC2 API is no safe source: it overstates T4, H100 and H200 and understates A10G, L4 and L40S.
    total = record.get("torch_total_gib") or (record["usable_gib"] or record["memory_gb_nominal"] * 0.93) - 0.5
    nvlink, then = record["nvlink_gb_s_per_direction"], record.get("torch_total_gib_then")
    return Gpu(
        id=record["id"],
        name=record["name"],
        generation=record["arch"].split()[0],
        calibration_class=record["calibration_class"],
        compute_capability=float(record["compute_capability"]),
        total_gib=total,
        bandwidth_bytes_per_s=record["hbm_bandwidth_gb_s"] * 1e9,
        flops_bf16=record["tflops_bf16"] * 1e12,
        flops_fp8=(record["tflops_fp8"] or 0) * 1e12,
        flops_fp4=(record["tflops_fp4"] or 0) * 1e12,
        flops_int8=(record["tflops_int8"] or 0) * 1e12,
        nvlink_bytes_per_s=nvlink * 1e9 if nvlink else None,
        link_bytes_per_s=(nvlink or record["pcie_gb_s_per_direction"]) * 1e9,
        grace=record["grace_host"],
        estimated=record["kind"] == "assumed",
        total_then=(tuple(then["before"].items()), float(then["value"])) if then else None,
    )


def _slice(gpu: Gpu, *, sevenths: int, memory_gb: float) -> Gpu:
    """NVIDIA's profile names: sevenths of the arithmetic, and a memory of which 1.76 % is not the slice's (71424 MiB of 3g.71gb)."""
    memory_gib = memory_gb * 0.9824
    if not 1 <= sevenths <= 7 or memory_gib > gpu.total_gib:
        raise InputError(f"gpu: {gpu.id} has no slice {sevenths}g.{memory_gb:g}gb", hint="nvidia-smi mig -lgip lists the profiles")
    part = _part(gpu, memory_gib=memory_gib, bandwidth=memory_gib / gpu.total_gib, arithmetic=sevenths / 7)
    return replace(part, id=f"{gpu.id} MIG {sevenths}g.{memory_gb:g}gb", nvlink_bytes_per_s=None)


def _part(gpu: Gpu, *, memory_gib: float, bandwidth: float, arithmetic: float) -> Gpu:
    return replace(
        gpu,
        total_gib=memory_gib,
        bandwidth_bytes_per_s=gpu.bandwidth_bytes_per_s * bandwidth,
        flops_bf16=gpu.flops_bf16 * arithmetic,
        flops_fp8=gpu.flops_fp8 * arithmetic,
        flops_fp4=gpu.flops_fp4 * arithmetic,
        flops_int8=gpu.flops_int8 * arithmetic,
    )


@functools.cache
def _instances() -> dict[str, Instance]:
    records = [record for group in load("sizing")["instances"].values() for record in group["records"]]
    return {record["instance_type"]: _instance(record) for record in records if record.get("is_instance_type", True)}


def _instance(record: dict[str, Any]) -> Instance:
    gpu = record.get("gpu") or {}
    nvme = record.get("local_nvme") or {}
    quota = (record.get("quotas") or {}).get("on_demand") or {}
    return Instance(
        instance_type=record["instance_type"],
        family=record["family"],
        category=record["category"],
        gpu=gpu.get("id"),
        gpu_count=gpu.get("logical_count") or gpu.get("count") or 0,
        gpu_share=gpu.get("partition_size") or 1.0,
        vcpus=record["vcpu"],
        memory_gib=record["memory_gib"],
        machine=record["arch"],
        nvme_gb=nvme.get("total_gb") or 0,
        nvme_disks=nvme.get("count") or 0,
        # Where a record has no rate: 125 MB/s, what a gp3 volume gives without extra pay, and 1 Gbit/s.
        ebs_mb_per_s=(record.get("ebs") or {}).get("baseline_mb_s") or 125.0,
        network_gbps=(record.get("network") or {}).get("gbps") or 1.0,
        nvswitch=bool((record.get("interconnect") or {}).get("nvswitch")),
        regions=tuple((record.get("availability") or {}).get("regions") or ()),
        quota_code=quota.get("code"),
        why_unsupported=_why_unsupported(record),
    )


def _why_unsupported(record: dict[str, Any]) -> str | None:
    if record["category"] == "cpu":
        return str(load("sizing")["instances"]["cpu"]["unsupported_reason"])
    return None if record["supported"] else str(record["unsupported_reason"])
