"""Which weight formats and engines a plan searches where the request leaves them open, and which of them it may choose."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from inferstack.records.errors import InputError
from inferstack.records.request import Request
from sizing.engines import flags, table
from sizing.engines.engine import EngineVersion
from sizing.engines.versions import engine_version
from sizing.models.quantisation.formats import Bits, bits_of, nominal_bits, own_format
from sizing.models.shape import ModelShape
from sizing.options import request as special_loads
from sizing.planning.checkpoint import Checkpoint, checkpoint_for, narrowed_by, requantised


@dataclass(frozen=True)
class Variant:
    """One weight format on one engine. `shape` is of the file that is loaded: the asked model's, or a re-quantisation of it."""

    shape: ModelShape
    bits: Bits
    engine: EngineVersion
    files: Checkpoint
    allowed: bool


@dataclass(frozen=True)
class Untried:
    """A format on an engine that is not searched, and why."""

    format: str
    model: str
    engine: EngineVersion
    allowed: bool
    reason: str


def variants(request: Request, shape: ModelShape) -> Iterator[Variant | Untried]:
    """The asked format on the asked or the default engine, then on others; narrower formats last, so that at equal cost none is chosen.

    Raises InputError as `asked` does.
    """
    first = asked(request, shape)
    yield first
    engines = _engines(request, first)
    for engine in engines:
        if engine is not first.engine:
            yield _on(first.bits, shape, engine=engine, allowed=True, request=request)
    for format_ in _narrower(request, first):
        for engine in engines:
            yield _on(bits_of(shape, format_), shape, engine=engine, allowed=_allowed(request, format_), request=request)


def asked(request: Request, shape: ModelShape) -> Variant:
    """The request's format and engine, or the checkpoint's own and the default. Raises InputError for what does not run."""
    bits = bits_of(shape, request.weight_quant)
    engine = _asked_engine(request, shape, bits)
    return Variant(shape, bits, engine, checkpoint_for(shape, bits, engine=engine), True)


def _asked_engine(request: Request, shape: ModelShape, bits: Bits) -> EngineVersion:
    gguf = bits.format.startswith("gguf-")
    named = request.engine or (table.for_format(bits.format) if gguf else None)
    engine = engine_version(named or _first_able(request, shape), request.engine_version)
    formats = tuple(engine.facts["formats"])
    if ("gguf" if gguf else bits.format) not in formats:
        raise InputError(
            f"weight_quant: {bits.format} does not run in {engine.name}; it supports {', '.join(formats)}",
            hint="leave engine out to get one that can" if gguf else "choose another weight_quant or engine",
        )
    flags.refuse_undeployed(engine.name)
    why = special_loads.refused(request, shape, engine)
    if why:
        raise InputError(f"engine: {engine.name} cannot serve this: {why}")
    return engine


def _first_able(request: Request, shape: ModelShape) -> str:
    """The default engine, or where that cannot do what is asked beyond text the first that can."""
    if request.engine_version:
        return table.default()
    able = (name for name in table.chosen_unasked() if special_loads.refused(request, shape, engine_version(name, None)) is None)
    return next(able, table.default())


def _engines(request: Request, first: Variant) -> tuple[EngineVersion, ...]:
    """A version without an engine is the default engine's."""
    if request.engine or request.engine_version or first.engine.name not in table.chosen_unasked():
        return (first.engine,)
    return tuple(first.engine if name == first.engine.name else engine_version(name, None) for name in table.chosen_unasked())


def _narrower(request: Request, first: Variant) -> tuple[str, ...]:
    """Formats with fewer bits that somebody made of this model, or that an open engine makes at start; the widest first."""
    if request.weight_quant or first.engine.name not in table.chosen_unasked():
        return ()
    made = {own_format(one) for one in requantised(first.shape)}
    if own_format(first.shape) in ("bf16", "fp16"):
        made |= {one for name in table.chosen_unasked() for one in narrowed_by(engine_version(name, None))}
    own = nominal_bits(first.bits.format)
    return tuple(sorted((one for one in made if nominal_bits(one) < own), key=lambda one: (-nominal_bits(one), one)))


def _allowed(request: Request, format_: str) -> bool:
    return request.any_quant is not None and nominal_bits(format_) >= request.any_quant


def _on(bits: Bits, shape: ModelShape, *, engine: EngineVersion, allowed: bool, request: Request) -> Variant | Untried:
    """Return the variant with the file that the engine can load: the model's own, one that it narrows itself, or the first
    re-quantisation that it reads."""
    why = _unopened(shape, engine) or special_loads.refused(request, shape, engine)
    if why:
        return Untried(bits.format, shape.id, engine, allowed, why)
    files = checkpoint_for(shape, bits, engine=engine)
    if files.online or (files.says is None and _reads(engine, shape)):
        return Variant(shape, bits, engine, files, allowed)
    known = requantised(shape, bits.format)
    for other in known:
        if _reads(engine, other):
            return Variant(other, bits_of(other, None), engine, checkpoint_for(other, bits_of(other, None), engine=engine), allowed)
    have = f"not {', '.join(one.id for one in known)}" if known else "no such file is known"
    return Untried(bits.format, shape.id, engine, allowed, f"{engine.name} needs a file in {bits.format} that it can read; {have}")


def _unopened(shape: ModelShape, engine: EngineVersion) -> str | None:
    opened = engine.facts.get("opened")
    if opened and shape.architecture not in opened["architectures"]:
        return f"{shape.architecture} is not on the list of {engine.name}; plan it anyway with --engine {engine.name}"
    return None


def _reads(engine: EngineVersion, shape: ModelShape) -> bool:
    opened, own = engine.facts.get("opened"), shape.quantization
    return own is None or not opened or any(one in own.scheme for one in opened["files"])
