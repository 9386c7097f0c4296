"""What tensors say: exact bytes, the vision tower, multi-token prediction layers; held against the rule of the architecture."""

from __future__ import annotations

import dataclasses
import itertools
from collections.abc import Iterable, Mapping
from typing import Any

from sizing.models.exact_sizes import KEY
from sizing.models.hf_config import from_config
from sizing.models.quantisation.formats import bits_of
from sizing.models.safetensors_header import Tensor
from sizing.models.weights import checkpoint_bytes

# Beginnings of names in published multimodal files: `mlp1.` is InternVL's projector, `pre_mm` and `patch_merger` are
# Mistral's. What is missed here would be counted as text, and the note of 1 % would say so.
NOT_TEXT = ("vision", "visual", "image_newline", "multi_modal_projector", "mm_projector", "audio", "patch_", "pre_mm", "mlp1.", "resampler")
# Qwen3-Next and Qwen3.5 name prediction layers so; DeepSeek and GLM number them on after the last layer.
MTP = ("mtp.", "mtp_")
NEAR = 0.01


def sizes(tensors: Iterable[Tensor], config: Mapping[str, Any], *, file_bytes: int) -> dict[str, Any]:
    """Keys of `inferstack`: bytes of the files, elements of what is no text model, whether prediction layers are there."""
    found = tuple(tensors)
    vision = sum(one.elements for one in found if _is_beside_text(one.name))
    told: dict[str, Any] = {"checkpoint_bytes": file_bytes, "vision_params": vision}
    depth = _layers_of(config)
    if depth:
        told["mtp_in_checkpoint"] = any(_is_mtp(one.name, depth) for one in found if not _is_beside_text(one.name))
    return told


def given(config: Mapping[str, Any]) -> dict[str, Any]:
    """What a config brings along itself; it wins over what lies around it."""
    told = config.get(KEY)
    return dict(told) if isinstance(told, Mapping) else {}


def held_against_the_rule(config: dict[str, Any]) -> dict[str, Any]:
    """The config with a note where files and rule differ by more than 1 %: never a silent guess. Raises InputError."""
    shape = from_config(config)
    if shape.checkpoint_bytes is None or (shape.quantization and shape.quantization.scheme.startswith("gguf")):
        return config
    by_rule = checkpoint_bytes(dataclasses.replace(shape, checkpoint_bytes=None), bits_of(shape, None))
    off = shape.checkpoint_bytes / by_rule - 1
    if abs(off) <= NEAR:
        return config
    exact = given(config)
    files, rule = f"{shape.checkpoint_bytes / 1e9:.2f} GB", f"{by_rule / 1e9:.2f} GB"
    said = f"the files contain {files}, but the rule of {shape.architecture} gives {rule} ({off:+.1%})"
    return {**config, KEY: {**exact, "notes": [*exact.get("notes", ()), said]}}


def _is_beside_text(name: str) -> bool:
    return any(sign in name for sign in NOT_TEXT)


def _is_mtp(name: str, depth: int) -> bool:
    """Its own prefix, or a layer beyond the last one."""
    parts = name.split(".")
    beyond = any(before == "layers" and after.isdigit() and int(after) >= depth for before, after in itertools.pairwise(parts))
    return beyond or any(sign in name for sign in MTP)


def _layers_of(config: Mapping[str, Any]) -> int:
    text = config.get("text_config")
    inner = text if isinstance(text, Mapping) else config
    depth = inner.get("num_hidden_layers") or inner.get("num_layers") or inner.get("n_layer") or 0
    return depth if isinstance(depth, int) else 0
