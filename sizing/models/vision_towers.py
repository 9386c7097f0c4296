"""Parameters of a vision tower with its projector, from the vision part of a config; None where its kind or a width is not known."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

Config = Mapping[str, Any]
LARGEST = 10**7


class Unknown(Exception):
    """A width that is missing or is no number of a tower; its text names the key."""


def params(config: Config, *, text_hidden: int) -> int | None:
    """Raises Unknown with the key that is missing, for a kind of tower that is known."""
    vision = config.get("vision_config")
    if not isinstance(vision, Mapping):
        return None
    of_wrapper, of_tower = str(config.get("model_type")), str(vision.get("model_type"))
    count = WRAPPERS.get(of_wrapper) or TOWERS.get(of_tower)
    if count is None:
        return None
    return count(vision, config, text_hidden)


def _of(vision: Config, *keys: str) -> int:
    """The first of the keys that is there."""
    value = next((vision[key] for key in keys if vision.get(key) is not None), None)
    if isinstance(value, list) and len(set(map(str, value))) == 1:
        value = value[0]
    if isinstance(value, bool) or not isinstance(value, int) or not 0 < value <= LARGEST:
        raise Unknown(keys[0])
    return value


def _layer(hidden: int, ffn: int, *, norms: int, biased: bool = True, matrices: int = 2) -> int:
    """Count one layer: attention with four square matrices, a feed-forward part, and `norms` weights of norms."""
    attention = 4 * hidden * hidden + 4 * hidden * biased
    return attention + matrices * hidden * ffn + ((matrices - 1) * ffn + hidden) * biased + norms


def _patches(vision: Config, hidden: int, *, channels: str = "num_channels", temporal: int = 1, biased: bool) -> int:
    colours = vision.get(channels, vision.get("in_channels", vision.get("in_chans", 3)))
    side = _of(vision, "patch_size", "spatial_patch_size")
    return int(colours) * temporal * side * side * hidden + hidden * biased


def _positions(vision: Config) -> int:
    return int((_of(vision, "image_size") // _of(vision, "patch_size")) ** 2)


def _merger(vision: Config, hidden: int, out: int, *, norm: int) -> int:
    merged = hidden * _of(vision, "spatial_merge_size") ** 2
    return norm + merged * merged + merged + merged * out + out


def _qwen2_vl(vision: Config, _: Config, text_hidden: int) -> int:
    """`hidden_size` of the older config is the text model's; the tower's is `embed_dim`."""
    hidden = _of(vision, "embed_dim")
    ffn = round(hidden * float(vision.get("mlp_ratio") or 4))
    body = _of(vision, "depth") * _layer(hidden, ffn, norms=4 * hidden)
    return (
        body
        + _patches(vision, hidden, temporal=_of(vision, "temporal_patch_size"), biased=False)
        + _merger(vision, hidden, text_hidden, norm=2 * hidden)
    )


def _qwen2_5_vl(vision: Config, _: Config, text_hidden: int) -> int:
    hidden = _of(vision, "hidden_size")
    body = _of(vision, "depth") * _layer(hidden, _of(vision, "intermediate_size"), norms=2 * hidden, matrices=3)
    patches = _patches(vision, hidden, temporal=_of(vision, "temporal_patch_size"), biased=False)
    return body + patches + _merger(vision, hidden, int(vision.get("out_hidden_size") or text_hidden), norm=hidden)


def _qwen3_vl(vision: Config, _: Config, text_hidden: int) -> int:
    """Qwen3-VL, which merges some layers' outputs too, and Qwen3.5, which does not."""
    hidden, out = _of(vision, "hidden_size"), int(vision.get("out_hidden_size") or text_hidden)
    body = _of(vision, "depth") * _layer(hidden, _of(vision, "intermediate_size"), norms=4 * hidden)
    patches = _patches(vision, hidden, temporal=_of(vision, "temporal_patch_size"), biased=True)
    merged = hidden * _of(vision, "spatial_merge_size") ** 2
    deep = len(vision.get("deepstack_visual_indexes") or ()) * _merger(vision, hidden, out, norm=2 * merged)
    return body + patches + _of(vision, "num_position_embeddings") * hidden + _merger(vision, hidden, out, norm=2 * hidden) + deep


def _siglip(vision: Config, config: Config, text_hidden: int) -> int:
    hidden = _of(vision, "hidden_size")
    body = _of(vision, "num_hidden_layers") * _layer(hidden, _of(vision, "intermediate_size"), norms=4 * hidden)
    tower = body + _patches(vision, hidden, biased=True) + _positions(vision) * hidden + 2 * hidden
    return tower + (hidden * text_hidden + hidden if config.get("model_type") == "gemma3" else _two_linear(hidden, text_hidden))


def _clip(vision: Config, _: Config, text_hidden: int) -> int:
    hidden = _of(vision, "hidden_size")
    body = _of(vision, "num_hidden_layers") * _layer(hidden, _of(vision, "intermediate_size"), norms=4 * hidden)
    return body + _patches(vision, hidden, biased=False) + (_positions(vision) + 2) * hidden + 4 * hidden + _two_linear(hidden, text_hidden)


def _two_linear(hidden: int, text_hidden: int) -> int:
    """Count the projector of Llava: two linear layers."""
    return hidden * text_hidden + text_hidden + text_hidden * text_hidden + text_hidden


def _pixtral(vision: Config, config: Config, text_hidden: int) -> int:
    hidden = _of(vision, "hidden_size")
    body = _of(vision, "num_hidden_layers") * _layer(hidden, _of(vision, "intermediate_size"), norms=2 * hidden, biased=False, matrices=3)
    tower = body + _patches(vision, hidden, biased=False) + hidden
    if config.get("model_type") != "mistral3":
        return tower + _two_linear(hidden, text_hidden)
    merged = hidden * _of(config, "spatial_merge_size") ** 2
    return tower + hidden + merged * hidden + hidden * text_hidden + text_hidden * text_hidden


def _llama4(vision: Config, _: Config, text_hidden: int) -> int:
    hidden, ffn, out = (
        _of(vision, "hidden_size"),
        _of(vision, "intermediate_size"),
        _of(vision, "projector_output_dim", "vision_output_dim"),
    )
    body = _of(vision, "num_hidden_layers") * _layer(hidden, ffn, norms=4 * hidden)
    ratio = float(vision.get("pixel_shuffle_ratio") or 0.5)
    adapter = round(hidden / ratio**2) * _of(vision, "projector_input_dim") + _of(vision, "projector_input_dim") * out
    ends = _patches(vision, hidden, biased=False) + (_positions(vision) + 2) * hidden + 4 * hidden
    return body + ends + adapter + _of(vision, "vision_output_dim") * text_hidden


def _intern_vit(vision: Config, config: Config, text_hidden: int) -> int:
    """Layers with two scales beside their norms; a projector over four patches together."""
    hidden = _of(vision, "hidden_size")
    body = _of(vision, "num_hidden_layers") * _layer(hidden, _of(vision, "intermediate_size"), norms=6 * hidden)
    ends = _patches(vision, hidden, biased=True) + (_positions(vision) + 2) * hidden
    merged = hidden * round(1 / float(config.get("downsample_ratio") or 0.5)) ** 2
    return body + ends + 2 * merged + _two_linear(merged, text_hidden)


WRAPPERS: dict[str, Callable[[Config, Config, int], int]] = {
    "qwen2_vl": _qwen2_vl, "qwen2_5_vl": _qwen2_5_vl, "qwen3_vl": _qwen3_vl, "qwen3_vl_moe": _qwen3_vl, "qwen3_5": _qwen3_vl,
    "qwen3_5_moe": _qwen3_vl, "gemma3": _siglip, "mistral3": _pixtral, "llama4": _llama4, "internvl_chat": _intern_vit,
}  # fmt: skip
TOWERS: dict[str, Callable[[Config, Config, int], int]] = {
    "siglip_vision_model": _siglip, "clip_vision_model": _clip, "pixtral": _pixtral, "llama4_vision_model": _llama4,
    "intern_vit_6b": _intern_vit, "qwen2_vl": _qwen2_vl, "qwen2_5_vl": _qwen2_5_vl, "qwen3_vl": _qwen3_vl,
}  # fmt: skip
"""By the type of the whole model, and of the tower where the whole is not told: counts are held against published ones in the tests."""
