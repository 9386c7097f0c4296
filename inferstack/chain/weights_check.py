"""Whether files of weights are whole, and those that a plan was made for: asked before a byte is sent and before a node exists."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from dataclasses import dataclass
from fnmatch import fnmatch
from pathlib import Path
from typing import TYPE_CHECKING, Any

from inferstack.records.errors import InputError
from inferstack.records.plan import Plan
from infra.calls.weights import SKIPPED
from sizing.attention.table import kind_of
from sizing.models import local_files, second_formats
from sizing.models.hf_config import from_config
from sizing.models.local_files import INDEX, TOKENIZER
from sizing.models.quantisation.formats import own_format
from sizing.models.shape import ModelShape
from sizing.planning.replica_of_plan import shape_of

if TYPE_CHECKING:
    from infra.calls.aws import Aws
    from infra.calls.weights import Manifest

NUMBERED = re.compile(r"(.*)-(\d{5})-of-(\d{5})\.(?:safetensors|gguf)")
TOKENIZERS = (*TOKENIZER, "tekken.json")
WIDE = ("bf16", "fp16")
"""One stands for the other: engines read both and compute in the one that they are told."""
WIDTHS = ("hidden", "num_layers", "heads", "kv_heads", "head_dim", "experts")
NEAR = 0.1
"""Of the planned bytes: arithmetic misses published files by less, and the volume has this much slack."""
NEAR_VOCABULARY = 0.02
"""A fine-tune may add a few tokens."""


@dataclass(frozen=True)
class StoredFiles:
    """Names with bytes, of a folder or of a prefix in the bucket; `shape` is None where only names and bytes are known."""

    where: str
    sizes: Mapping[str, int]
    listed: frozenset[str]
    shape: ModelShape | None

    @property
    def weights(self) -> dict[str, int]:
        """The files that an engine loads: safetensors, or GGUF where there are none."""
        twice = second_formats.second(self.sizes)
        for kind in (".safetensors", ".gguf"):
            found = {name: size for name, size in self.sizes.items() if name.endswith(kind) and "/" not in name and name not in twice}
            if found:
                return found
        return {}


def of_folder(folder: Path) -> StoredFiles:
    """Raises InputError for a folder that is not whole; the headers of its files are read."""
    files = [path for path in sorted(folder.rglob("*")) if path.is_file() and not SKIPPED & set(path.relative_to(folder).parts)]
    sizes = {path.relative_to(folder).as_posix(): path.stat().st_size for path in files}
    listed = _listed((folder / INDEX).read_bytes(), where=f"{folder}/{INDEX}") if INDEX in sizes else frozenset()
    found = StoredFiles(str(folder), sizes, listed, None)
    refuse_incomplete(found)
    return StoredFiles(str(folder), sizes, listed, from_config(local_files.config_of(folder)))


def of_bucket(aws: Aws, bucket: str, manifest: Manifest) -> StoredFiles:
    """What the manifest names, with the configuration that lies beside it."""
    where = f"s3://{bucket}/{manifest.prefix}"
    sizes = {file.path: file.size_bytes for file in manifest.files}

    def content(name: str) -> bytes:
        read: bytes = aws.client("s3").get_object(Bucket=bucket, Key=f"{manifest.prefix}/{name}")["Body"].read()
        return read

    listed = _listed(content(INDEX), where=f"{where}/{INDEX}") if INDEX in sizes else frozenset()
    config = _mapping(content("config.json"), where=f"{where}/config.json") if "config.json" in sizes else None
    return StoredFiles(where, sizes, listed, from_config(config) if config is not None else None)


def refuse_incomplete(files: StoredFiles) -> None:
    """Raises InputError that names the first file that is missing or empty."""
    missing = sorted(files.listed - set(files.sizes))
    if missing:
        there = len(files.listed) - len(missing)
        raise _refused(files, f"{INDEX} names {len(files.listed)} files, but {there} are present; the first missing one: {missing[0]}")
    if not files.weights:
        raise _refused(files, "contains no weights: no .safetensors and no .gguf file")
    for name, size in files.weights.items():
        if not size:
            raise _refused(files, f"{name} is empty")
        if matched := NUMBERED.fullmatch(name):
            every = [name.replace(f"-{matched[2]}-of-", f"-{number:05d}-of-") for number in range(1, int(matched[3]) + 1)]
            gone = [one for one in every if one not in files.sizes]
            if gone:
                raise _refused(files, f"{len(every)} files belong together, but {len(every) - len(gone)} are present; missing: {gone[0]}")
    if not next(iter(files.weights)).endswith(".gguf"):
        _refuse_bare(files)


def refuse_other_than_planned(files: StoredFiles, plan: Plan) -> None:
    """Raises InputError where method, widths or bytes are not those of the plan. An older plan that names no file refuses nothing."""
    refuse_incomplete(files)
    wanted = plan.weights
    if wanted is None:
        return
    _refuse_other_kind(files, plan)
    if files.shape is not None:
        _refuse_other_widths(files, files.shape, shape_of(plan))
        _refuse_other_format(files, own_format(files.shape), plan)
    held = sum(files.weights.values())
    if abs(held - wanted.bytes) > NEAR * wanted.bytes:
        raise _other(files, plan, f"holds {_gb(held)} of weights, but the plan was sized for {_gb(wanted.bytes)}")


def refuse_unknown(plan: Plan, stack: str) -> None:
    """Raises InputError for a plan in a format of which nobody's file is known, when there is none in the bucket either."""
    if plan.weights is None or plan.weights.repository is not None:
        return
    raise InputError(
        f"model {plan.model.id}: the plan needs a file in {plan.weights.format} ({_gb(plan.weights.bytes)}), but no such file is known",
        hint=f"inferstack weights put DIR --as {plan.model.id} --stack {stack}, or plan with --model and the id of such a model",
    )


def _refuse_bare(files: StoredFiles) -> None:
    if "config.json" not in files.sizes:
        raise _refused(files, "contains no config.json")
    if not any(fnmatch(name, one) for name in files.sizes for one in TOKENIZERS):
        raise _refused(files, "contains no tokenizer: no tokenizer.json, tokenizer.model or vocab file")


def _refuse_other_kind(files: StoredFiles, plan: Plan) -> None:
    assert plan.weights
    gguf = plan.weights.format.startswith("gguf-")
    if gguf == next(iter(files.weights)).endswith(".gguf"):
        return
    raise _other(files, plan, f"holds {'safetensors' if gguf else 'GGUF'}, but the plan loads {plan.weights.format}")


def _refuse_other_widths(files: StoredFiles, found: ModelShape, planned: ModelShape) -> None:
    own_heads = all(kind_of(group).caches_heads for group in planned.layers)
    unlike = () if own_heads else ("kv_heads", "head_dim")  # of a latent cache configurations tell other numbers
    for name in (one for one in (*WIDTHS, *(() if planned.is_moe else ("intermediate",))) if one not in unlike):
        if getattr(found, name) != getattr(planned, name):
            said = f"{name.replace('_', ' ')} is {getattr(found, name)}, but the planned {planned.id} has {getattr(planned, name)}"
            raise InputError(f"{files.where}: is a different model: {said}", hint=f"inferstack plan --model {files.where}")
    if abs(found.vocab - planned.vocab) > NEAR_VOCABULARY * planned.vocab:
        said = f"its vocabulary is {found.vocab:,}, but the planned {planned.id} has {planned.vocab:,}"
        raise InputError(f"{files.where}: is a different model: {said}", hint=f"inferstack plan --model {files.where}")


def _refuse_other_format(files: StoredFiles, held: str, plan: Plan) -> None:
    wanted = plan.weights
    assert wanted
    if held == wanted.format or (held in WIDE and wanted.format in WIDE):
        return
    why = f"holds {held}, but the plan loads {wanted.format}"
    if wanted.quantized_at_start:
        why += f" and converts it to {plan.model.weight_quant} at start (--quantization {plan.engine_flags.get('quantization', '')})"
    raise _other(files, plan, why)


def _other(files: StoredFiles, plan: Plan, why: str) -> InputError:
    return _refused(files, why, hint=f"upload the file that the plan names ({_named(plan)}), or plan with --model and this one")


def _named(plan: Plan) -> str:
    assert plan.weights
    return f"{plan.weights.repository or plan.model.id} in {plan.weights.format}, {_gb(plan.weights.bytes)}"


def _refused(files: StoredFiles, why: str, hint: str = "give the folder that contains all files of the checkpoint") -> InputError:
    return InputError(f"{files.where}: {why}", hint=hint)


def _listed(content: bytes, *, where: str) -> frozenset[str]:
    names = _mapping(content, where=where).get("weight_map")
    if not isinstance(names, dict) or not all(isinstance(name, str) for name in names.values()):
        raise InputError(f"{where}: has no weight_map of strings")
    return frozenset(names.values())


def _mapping(content: bytes, *, where: str) -> dict[str, Any]:
    try:
        found = json.loads(content)
    except (ValueError, RecursionError):
        raise InputError(f"{where}: is not JSON: cut off or damaged") from None
    if not isinstance(found, dict):
        raise InputError(f"{where}: is not an object")
    return found


def _gb(size: int) -> str:
    return f"{size / 1e9:,.1f} GB"
