"""A model on this machine: a folder, a config.json or a GGUF file, brought to one config with the exact sizes of its files."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

from inferstack.records import model_ids
from inferstack.records.errors import InputError
from inferstack.records.files.facts import load
from inferstack.records.files.reading import read_mapping
from sizing.models import safetensors_header, second_formats, tensor_sizes
from sizing.models.gguf import config as gguf_config

SHOWN = 200
INDEX = "model.safetensors.index.json"
TOKENIZER_CONFIG = "tokenizer_config.json"
MODELOPT = "hf_quant_config.json"
TOKENIZER = ("tokenizer*", "*.model", "vocab.*", "merges.txt", "special_tokens_map.json", "*.jinja")


def names_a_path(name: str) -> bool:
    """Whether a model's name is meant as a place on this machine: by its form, or because it is there."""
    written = name.startswith((".", "/", "~")) or name.endswith((".gguf", ".json"))
    return written or any(_exists(Path(name) / one) for one in ("config.json", "adapter_config.json"))


def config_of(path: Path) -> dict[str, Any]:
    """A config that stands alone: `from_config` gives the shape, `inferstack` in it the sizes. Raises InputError."""
    path = path.expanduser()
    if not _exists(path):
        raise InputError(f"{str(path)[:SHOWN]}: no such file or folder", hint="a model is an id, a folder, a config.json or a .gguf file")
    if path.is_dir():
        config = _of_folder(path)
    elif path.suffix == ".gguf" and not path.is_file():
        raise InputError(f"{path}: is not a regular file, which reading a .gguf header needs")
    elif path.suffix == ".gguf":
        config = gguf_config.config_of(path)
    else:
        config = _of_file(path)
    return tensor_sizes.held_against_the_rule(config)


def _exists(path: Path) -> bool:
    """A name that no file can have, too long or with a null byte, is no file's."""
    try:
        return path.exists()
    except (OSError, ValueError):
        return False


def _of_file(path: Path) -> dict[str, Any]:
    content = _mapping(path)
    if "architectures" not in content and "model_type" not in content:
        raise InputError(f"{path}: neither architectures nor model_type: not a Hugging Face config.json")
    return named(content, path)


def named(content: dict[str, Any], path: Path) -> dict[str, Any]:
    """The config under a legal id: its own name, or the slug of its folder with a note that says so."""
    given = content.get("_name_or_path") or content.get("name")
    own_id, renamed = model_ids.named(given, otherwise=path.resolve().parent.name)
    config = {**content, "_name_or_path": own_id}
    exact = tensor_sizes.given(content)
    if not renamed or exact.get("id"):
        return config
    return {**config, tensor_sizes.KEY: {**exact, "notes": [*exact.get("notes", ()), *renamed]}}


def _of_folder(folder: Path) -> dict[str, Any]:
    if not (folder / "config.json").exists():
        _refuse_adapter(folder)
        files = sorted(one for one in folder.glob("*.gguf"))
        if not files:
            raise InputError(f"{folder}: contains no config.json and no .gguf file", hint="give the folder of a Hugging Face checkpoint")
        if len(files) > 1 and not gguf_config.SPLIT.fullmatch(files[0].name):
            raise InputError(f"{folder}: holds {len(files)} .gguf files", hint=f"name one of them: {files[0]}")
        return gguf_config.config_of(files[0])
    config = with_modelopt(_of_file(folder / "config.json"), _mapping(folder / MODELOPT) if (folder / MODELOPT).exists() else None)
    own_id, renamed = model_ids.named(folder.resolve().name, otherwise=folder.resolve().name)
    exact = {"id": own_id, "source": f"files of {folder.resolve().name}", **_sizes(folder, config)}
    exact |= _code(config, _mapping(folder / TOKENIZER_CONFIG) if (folder / TOKENIZER_CONFIG).exists() else {})
    exact["notes"] = [*exact["notes"], *renamed] if renamed else exact.get("notes", [])
    return {**config, tensor_sizes.KEY: {**exact, **tensor_sizes.given(config)}}


def with_modelopt(config: dict[str, Any], beside: Mapping[str, Any] | None) -> dict[str, Any]:
    """Older files of ModelOpt tell their format in a file beside config.json, which engines read where config.json tells none."""
    if beside is None or config.get("quantization_config"):
        return config
    return {**config, "quantization_config": dict(beside)}


def _refuse_adapter(folder: Path) -> None:
    if (folder / "adapter_config.json").exists():
        adapter = _mapping(folder / "adapter_config.json")
        base, rank = adapter.get("base_model_name_or_path"), adapter.get("r")
        size = sum(one.stat().st_size for one in folder.glob("adapter_model.*"))
        raise InputError(
            f"{folder}: is an adapter ({adapter.get('peft_type', 'LORA')}, rank {rank}, {size / 1e6:.1f} MB) of {base}, not a model",
            hint=f"plan the model that it adapts: --model {base}",
        )


def _sizes(folder: Path, config: Mapping[str, Any]) -> dict[str, Any]:
    there = {one.relative_to(folder).as_posix(): one for kind in ("*", "original/*") for one in folder.glob(kind) if one.is_file()}
    twice = second_formats.second(there)
    files = sorted(one for name, one in there.items() if name.endswith(".safetensors") and "/" not in name and name not in twice)
    listed = {} if INDEX in twice else _index(folder)
    missing = sorted(set(listed.get("weight_map", {}).values()) - {one.name for one in files})
    original = sum(there[name].stat().st_size for name in twice)
    beside = {"tokenizer_bytes": _bytes(folder, TOKENIZER), "original_bytes": original if files else 0}
    beside = {name: size for name, size in beside.items() if size}
    if files and missing:
        raise InputError(f"{folder}: {len(missing)} of the files that {INDEX} names are missing, for example {missing[0]}")
    if not files:
        told = _total(listed)
        note = "sizes from the index only: no weight file is present" if told else "no safetensors file is present: sizes are computed"
        return {**({"checkpoint_bytes": told} if told else {}), **beside, "notes": [note]}
    found = [tensor for one in files for tensor in safetensors_header.read(one)]
    adapter = ["the folder also contains an adapter, which is not counted"] if (folder / "adapter_config.json").exists() else []
    return {**tensor_sizes.sizes(found, config, file_bytes=sum(one.stat().st_size for one in files)), **beside, "notes": adapter}


def _index(folder: Path) -> dict[str, Any]:
    path = folder / INDEX
    if not path.exists():
        return {}
    try:
        content = json.loads(path.read_bytes())
    except (ValueError, RecursionError):
        raise InputError(f"{path}: is not JSON: cut off or damaged") from None
    if not isinstance(content, dict) or not _names(content.get("weight_map")):
        raise InputError(f"{path}: has no weight_map of strings")
    return content


def _names(weight_map: Any) -> bool:
    return isinstance(weight_map, dict) and all(isinstance(one, str) for one in weight_map.values())


def _total(index: Mapping[str, Any]) -> int | None:
    metadata = index.get("metadata")
    total = metadata.get("total_size") if isinstance(metadata, Mapping) else None
    return int(total) if isinstance(total, int | float) and not isinstance(total, bool) and total > 0 else None


def _bytes(folder: Path, kinds: Iterable[str]) -> int:
    return sum(one.stat().st_size for kind in kinds for one in folder.glob(kind) if one.is_file())


def _code(config: Mapping[str, Any], tokenizer: Mapping[str, Any]) -> dict[str, str]:
    what = remote_code(config, tokenizer)
    return {"remote_code": what} if what else {}


def remote_code(config: Mapping[str, Any], tokenizer: Mapping[str, Any]) -> str | None:
    """What of the repository is code that a server must run: a tokenizer class that comes with it and that transformers does not have."""
    told, known = tokenizer.get("auto_map"), load("sizing")["architectures"]["tokenizers"]["transformers"]
    own = told.get("AutoTokenizer") if isinstance(told, Mapping) else told
    local = (
        config.get("model_type") in known["model_types"] or str(tokenizer.get("tokenizer_class")).removesuffix("Fast") in known["classes"]
    )
    return "tokenizer" if own and not local else None


def _mapping(path: Path) -> dict[str, Any]:
    """JSON without what YAML would add; read through the reader of records, which bounds size and depth."""
    return dict(json.loads(json.dumps(read_mapping(path)[0], default=str)))
