"""Which file of weights a plan loads: the checkpoint's own, one that the engine narrows while it reads, or one that somebody quantised."""

from __future__ import annotations

import functools
from dataclasses import dataclass

from inferstack.records.plan import PlannedWeights
from sizing.engines.engine import EngineVersion, parsed
from sizing.models.quantisation.formats import Bits, bits_of, normalised, own_format
from sizing.models.shape import ModelShape
from sizing.models.weights import checkpoint_bytes


@dataclass(frozen=True, slots=True)
class Checkpoint:
    """`online`: the engine makes the narrow weights itself from the file on disk. `says` is None for the model's own file.

    `stored` is the file that has to be in the bucket; without a repository nobody's file in its format is known.
    """

    bytes_on_disk: int
    online: bool
    says: str | None
    stored: PlannedWeights


def checkpoint_for(shape: ModelShape, bits: Bits, *, engine: EngineVersion) -> Checkpoint:
    own = own_format(shape)
    if bits.own or (bits.format in (own, "bf16", "fp16") and own in ("bf16", "fp16")):
        size = checkpoint_bytes(shape, bits)
        return Checkpoint(size, False, None, _stored(shape, own, size))
    if bits.format in narrowed_by(engine) and own in ("bf16", "fp16"):
        return _narrowed_while_read(shape, bits, engine=engine, source=engine.facts["online_quantisation"]["source"])
    size, others = checkpoint_bytes(shape, bits), requantised(shape, bits.format)
    known = [one.id for one in others]
    exact = checkpoint_bytes(others[0], bits_of(others[0], None)) if others else size
    where = f"; known: {', '.join(known)}" if known else "; none is known: quantise the model, or give the id of such a checkpoint as model"
    return Checkpoint(
        size,
        False,
        f"weights: a checkpoint of {shape.id} in {bits.format} is needed ({size / 1e9:.1f} GB by arithmetic){where}",
        _stored(others[0] if others else None, bits.format, exact),
    )


def quantised_by_others(shape: ModelShape, format_: str) -> tuple[str, ...]:
    """Ids of the facts that are this model in this format."""
    return tuple(one.id for one in requantised(shape, format_))


def requantised(shape: ModelShape, format_: str | None = None) -> tuple[ModelShape, ...]:
    """Records of the facts with the same shape whose name begins with this model's and whose own format is this one, or any.

    The shape alone is not enough: a fine-tune has the shape of its base, and other weights.
    """
    return tuple(one for one in _requantised(shape) if format_ is None or own_format(one) == format_)


def narrowed_by(engine: EngineVersion) -> tuple[str, ...]:
    """The formats that the engine makes of a 16-bit file while it reads it."""
    online = engine.facts.get("online_quantisation") or {}
    return tuple(online.get("formats", ())) if online and engine.version >= parsed(online["streamed_since"]) else ()


@functools.lru_cache(256)
def _requantised(shape: ModelShape) -> tuple[ModelShape, ...]:
    from sizing.catalog import find_model, records

    stem = shape.id.split("/")[-1].lower().removesuffix("-bf16")
    made = {record["id"] for record in records() if record.get("requantises") == shape.id}
    ids = [record["id"] for record in records() if record.get("quantization")]
    named = (find_model(one) for one in ids if one.split("/")[-1].lower().startswith(stem + "-") and one != shape.id)
    return tuple(one for one in named if one.signature == shape.signature or one.id in made)


def as_published(shape: ModelShape, format_: str | None) -> ModelShape:
    """The model itself, or the file in this format whose shape its publisher padded: the model's own widths are not in it.

    Raises InputError for a format that does not exist.
    """
    if format_ is None or (named := normalised(format_)) == own_format(shape):
        return shape
    return next((one for one in requantised(shape, named) if one.signature != shape.signature), shape)


def _narrowed_while_read(shape: ModelShape, bits: Bits, *, engine: EngineVersion, source: str) -> Checkpoint:
    wide = checkpoint_bytes(shape, bits_of(shape, None))
    known = quantised_by_others(shape, bits.format)
    other = f"; a file already in {bits.format} halves disk and load time: {', '.join(known)}" if known else ""
    return Checkpoint(
        wide,
        True,
        f"weights: the 16-bit checkpoint of {shape.id} ({wide / 1e9:.1f} GB) is converted to {bits.format} layer by layer at start "
        f"({engine.name} --quantization {bits.format}; {source}){other}",
        _stored(shape, own_format(shape), wide, quantized_at_start=True),
    )


def _stored(whose: ModelShape | None, format_: str, size: int, *, quantized_at_start: bool = False) -> PlannedWeights:
    return PlannedWeights(
        repository=whose.id if whose else None,
        revision=whose.revision if whose else None,
        format=format_,
        bytes=size,
        quantized_at_start=quantized_at_start,
    )
