"""A model in figures: shape, parameter counts, bytes by part, KV cache a token."""

from __future__ import annotations

from typing import Any

from sizing.engines.versions import engine_version
from sizing.memory.kv_cache import kv_cost
from sizing.models.gguf import mix
from sizing.models.parameters import Parameters, count
from sizing.models.quantisation.formats import Bits, bits_of, own_format
from sizing.models.shape import ModelShape
from sizing.models.weights import Shards, checkpoint_bytes

WIDE_BYTES = 2.0
ALONE = Shards(gpus=1, attention=1, pp=1, experts=1)


def described(shape: ModelShape) -> dict[str, Any]:
    """One document. `bytes` are of the checkpoint's own format; KV is of one GPU under the default engine, layers with a span apart."""
    bits, counts = bits_of(shape, None), count(shape)
    return {
        "id": shape.id,
        "architecture": shape.architecture,
        "source": shape.source,
        "format": own_format(shape),
        "layers": [
            {"n": one.n, "attention": one.attn, "ffn": one.ffn, "span": one.span, "span_tokens": one.span_tokens} for one in shape.layers
        ],
        "hidden_size": shape.hidden,
        "heads": shape.heads,
        "kv_heads": shape.kv_heads,
        "head_dim": shape.head_dim,
        "vocabulary": shape.vocab,
        "max_positions": shape.max_positions,
        "experts": shape.experts,
        "experts_per_token": shape.experts_per_token,
        "parameters": {"total": counts.total, "active": counts.active, "stored": counts.stored, "vision": counts.vision, "mtp": counts.mtp},
        "checkpoint_bytes": checkpoint_bytes(shape, bits),
        "checkpoint_bytes_from": "published or read from its files" if shape.checkpoint_bytes else "arithmetic",
        "bytes": _bytes_by_part(shape, counts, bits),
        "kv_bytes_per_token": {name: _kv(shape, width) for name, width in (("bf16", 2.0), ("fp8", 1.0))},
        "license": shape.license,
        "gated": shape.gated,
        "generates": shape.generates,
        "not_verified": list(shape.uncertain),
    }


def row(shape: ModelShape, *, source: str) -> dict[str, Any]:
    """A line of a list."""
    counts = count(shape)
    return {
        "id": shape.id,
        "architecture": shape.architecture,
        "parameters": counts.total,
        "active": counts.active,
        "format": own_format(shape),
        "max_positions": shape.max_positions,
        "license": shape.license,
        "source": source,
    }


def _bytes_by_part(shape: ModelShape, counts: Parameters, bits: Bits) -> dict[str, int]:
    """What a server loads, before it is cut over GPUs; routers and norms stay 16 bit."""
    embed_bits, head_bits = (16.0, 16.0)
    if bits.format.startswith("gguf-"):
        embed_bits, head_bits = mix.embedding_bits(shape, bits.format.removeprefix("gguf-"))
    parts = {
        "embedding": counts.embed * embed_bits / 8,
        "head": counts.head * head_bits / 8,
        "attention": counts.attn * bits.attn / 8,
        "ffn": (counts.ffn - counts.router) * bits.ffn / 8,
        "router": counts.router * WIDE_BYTES,
        "experts": counts.experts * bits.experts / 8,
        "norms and rest": counts.other * WIDE_BYTES,
        "vision": counts.vision * WIDE_BYTES,
    }
    return {name: round(size) for name, size in parts.items() if size}


def _kv(shape: ModelShape, width: float) -> dict[str, float]:
    cost = kv_cost(shape, ALONE, element_bytes=width, engine=engine_version(None, None))
    return {"all_tokens": cost.full_bytes, "within_span": cost.span_bytes, "state_a_request": cost.state_bytes}
