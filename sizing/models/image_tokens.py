"""Image tokens: how many tokens of the prompt, and how many patches of the vision encoder, an image takes by the family's own processor."""

from __future__ import annotations

import functools
import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from inferstack.records.errors import InputError
from inferstack.records.files.facts import load
from sizing.models.shape import ModelShape

Facts = Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class Images:
    """Tokens of one image: `tokens` join the prompt, `cross_tokens` are kept by cross-attention layers alone, `patches` run through the
    encoder. `per_request` is a mean."""

    per_request: float
    tokens: float
    cross_tokens: float
    patches: float
    says: str

    @property
    def prompt_tokens(self) -> float:
        """Return the image tokens of a request."""
        return self.per_request * self.tokens


@functools.lru_cache(4096)
def images(shape: ModelShape, *, per_request: float, pixels: str | None, tokens: int | None) -> Images:
    """Count the tokens of images of `pixels` (width x height), or of `tokens` each. Raises InputError for a model without a vision
    tower, and for a family whose rule is not in the facts where only pixels are given."""
    facts = family(shape)
    if facts is None and not shape.vision_params:
        raise InputError(
            f"images_per_request: {shape.id} has no vision tower ({shape.architecture})",
            hint=f"models with a vision tower: {', '.join(seeing())}",
        )
    if tokens is not None:
        return _in_tokens(facts, per_request, tokens)
    if facts is None:
        raise InputError(f"image_pixels: the image rule of {shape.architecture} is not known", hint="give image_tokens")
    width, height = (pixels or "").split("x")
    one, cross, patches = RULES[facts["rule"]](facts, int(width), int(height))
    return Images(per_request, one, cross, patches, f"{pixels} pixels: {facts['says']}")


def family(shape: ModelShape) -> Facts | None:
    """The facts of the model's class."""
    return next((one for one in load("sizing")["images"]["families"]["records"] if shape.architecture in one["architectures"]), None)


def seeing() -> tuple[str, ...]:
    """Classes whose images are known."""
    return tuple(name for one in load("sizing")["images"]["families"]["records"] for name in one["architectures"])


def _in_tokens(facts: Facts | None, per_request: float, tokens: int) -> Images:
    patches = tokens * (facts["patches_a_token"] if facts else 4.0)
    says = f"{tokens} tokens as given"
    if facts and facts.get("cross_tokens"):
        return Images(per_request, facts["tokens"], tokens, patches, f"{says}, kept by the cross-attention layers")
    return Images(per_request, tokens, 0.0, patches, says)


def _fixed(facts: Facts, width: int, height: int) -> tuple[float, float, float]:
    return facts["tokens"], facts["cross_tokens"], facts["patches"]


def _tiles(facts: Facts, width: int, height: int) -> tuple[float, float, float]:
    """Count the tokens of a grid of tiles and, where there is more than one tile, of the whole image once more, with separators between
    tiles and after rows."""
    rows, columns = grid(width, height, tile=facts["tile_pixels"], most=facts["max_tiles"])
    tiles = rows * columns
    shown, separators = (tiles + 1, rows * columns) if tiles > 1 else (1, 0)
    return shown * facts["tokens_a_tile"] + separators + facts["markers"], 0.0, shown * facts["patches_a_tile"]


def grid(width: int, height: int, *, tile: int, most: int) -> tuple[int, int]:
    """Choose the rows and columns of tiles with the least enlargement of the whole image, else with the least reduction; of equal ones
    the fewest tiles."""
    grids = [(rows, columns) for rows in range(1, most + 1) for columns in range(1, most // rows + 1)]
    scales = {one: min(one[0] * tile / height, one[1] * tile / width) for one in grids}
    larger = [scale for scale in scales.values() if scale >= 1]
    scale = min(larger) if larger else max(scales.values())
    return min((one for one in grids if scales[one] == scale), key=lambda one: one[0] * one[1])


def _merged(facts: Facts, width: int, height: int) -> tuple[float, float, float]:
    """Round both sides to whole merged patches, then scale them into the range of pixels."""
    side = facts["patch_pixels"] * facts["merge"]
    low, high = facts["min_pixels"], facts["max_pixels"]
    rows, columns = max(round(height / side), 1), max(round(width / side), 1)
    if rows * columns * side**2 > high:
        by = math.sqrt(height * width / high)
        rows, columns = max(math.floor(height / by / side), 1), max(math.floor(width / by / side), 1)
    elif rows * columns * side**2 < low:
        by = math.sqrt(low / (height * width))
        rows, columns = math.ceil(height * by / side), math.ceil(width * by / side)
    return rows * columns + facts["markers"], 0.0, rows * columns * facts["merge"] ** 2


def _rows(facts: Facts, width: int, height: int) -> tuple[float, float, float]:
    """Scale the longest edge down, round both sides up to whole merged patches, and add one break after each row."""
    ratio = max(width / facts["longest_edge"], height / facts["longest_edge"], 1.0)
    width, height = (max(math.floor(one / ratio), 1) if ratio > 1 else one for one in (width, height))
    side = facts["patch_pixels"] * facts["merge"]
    rows, columns = math.ceil(height / side), math.ceil(width / side)
    return rows * (columns + 1), 0.0, rows * columns * facts["merge"] ** 2


def _bounded(facts: Facts, width: int, height: int) -> tuple[float, float, float]:
    """Scale down into the patches of an image and of a side, then pad to whole merged patches."""
    patch, side, longest = (
        facts["patch_pixels"],
        facts["patch_pixels"] * facts["merge"],
        facts["max_patches_a_side"] * facts["patch_pixels"],
    )
    whole = max(1, width // patch) * max(1, height // patch)
    scale = min(1.0, math.sqrt(facts["max_patches"] / whole), longest / width, longest / height)
    rows, columns = (math.ceil(min(max(1, int(one * scale)), longest) / side) for one in (height, width))
    return rows * columns + facts["markers"], 0.0, rows * columns * facts["merge"] ** 2


RULES: dict[str, Callable[[Facts, int, int], tuple[float, float, float]]] = {
    "fixed": _fixed, "tiles": _tiles, "merged": _merged, "rows": _rows, "bounded": _bounded,
}  # fmt: skip
"""By name of the facts: tokens of the prompt, tokens of the cross-attention layers, patches of the encoder, for width and height."""
