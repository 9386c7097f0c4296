"""From flags and an optional file to one Request."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from inferstack.records.errors import InputError
from inferstack.records.files.reading import read_mapping, validated
from inferstack.records.request import LOADS, Request


def build(file: Path | None, flags: Mapping[str, Any], *, region: str) -> Request:
    """Flags win over the file. Raises InputError naming file, line and field, or the command line."""
    stated = {name: value for name, value in flags.items() if value is not None}
    content = Request.read(file).model_dump(exclude_unset=True, exclude_none=True) if file else {}
    if not file and "model" not in stated and "config" not in stated:
        raise InputError(
            "no model: give --model, --config or a REQUEST.yaml", hint="inferstack plan --model meta-llama/Llama-3.1-8B-Instruct"
        )
    merged = standing_alone({**_without_rivals(content, stated), **stated})
    merged.setdefault("region", region)
    return validated(merged, Request, where="command line")


def model_config(file: Path | None) -> dict[str, Any] | None:
    """A Hugging Face `config.json`. Raises InputError for a file that is none."""
    if file is None:
        return None
    content, _ = read_mapping(file)
    if "architectures" not in content and "model_type" not in content:
        raise InputError(f"{file}: neither architectures nor model_type: not a Hugging Face config.json", hint="--model takes a model's id")
    config: dict[str, Any] = json.loads(json.dumps(content, default=str))
    if "_name_or_path" not in config and "name" not in config:
        return config
    from sizing.models import local_files

    return local_files.named(config, file)


def standing_alone(content: dict[str, Any]) -> dict[str, Any]:
    """A model of this machine, by path or from the added ones, becomes its config with sizes: request.yaml alone gives the plan again."""
    from sizing.catalog import in_the_facts

    name = content.get("model")
    if not isinstance(name, str) or in_the_facts(name):
        return content
    from sizing.models import local_files, user_models

    if local_files.names_a_path(name):
        config = local_files.config_of(Path(name))
    else:
        added = user_models.record(name)
        if added is None:
            return content
        config = added.config
    return {**{key: value for key, value in content.items() if key != "model"}, "config": config}


def _without_rivals(content: dict[str, Any], stated: Mapping[str, Any]) -> dict[str, Any]:
    """A load on the command line replaces the file's load, a model its model, a size of images the other way to say it."""
    rivals: set[str] = set()
    for group in (LOADS, ("model", "config"), ("instance_type", "instance_types", "gpu"), ("image_pixels", "image_tokens")):
        if any(name in stated for name in group):
            rivals.update(group)
    return {name: value for name, value in content.items() if name not in rivals}
