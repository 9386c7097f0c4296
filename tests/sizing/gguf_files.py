"""GGUF files written byte by byte, so that each number of a header can be wrong on purpose."""

from __future__ import annotations

import math
import struct
from pathlib import Path
from typing import Any

Q4_K, Q6_K, F32, F16 = 12, 14, 0, 1
BLOCKS = {Q4_K: (256, 144), Q6_K: (256, 210), F32: (1, 4), F16: (1, 2)}
LLAMA: dict[str, Any] = {
    "general.architecture": "llama", "general.name": "a-small-llama", "general.file_type": 15, "llama.block_count": 2,
    "llama.embedding_length": 512, "llama.attention.head_count": 8, "llama.attention.head_count_kv": 2,
    "llama.feed_forward_length": 1024, "llama.context_length": 4096, "llama.rope.dimension_count": 64,
    "tokenizer.ggml.tokens": ["a", "b", "c"],
}  # fmt: skip


def tensors(*, layers: int = 2, hidden: int = 512, kv: int = 128, ffn: int = 1024, vocab: int = 1000) -> list[tuple[str, list[int], int]]:
    """Of a llama with an output head of its own; widths first, as GGUF has them."""
    block = [
        ("attn_norm", [hidden], F32), ("ffn_norm", [hidden], F32), ("attn_q", [hidden, hidden], Q4_K), ("attn_k", [hidden, kv], Q4_K),
        ("attn_v", [hidden, kv], Q6_K), ("attn_output", [hidden, hidden], Q4_K), ("ffn_gate", [hidden, ffn], Q4_K),
        ("ffn_up", [hidden, ffn], Q4_K), ("ffn_down", [ffn, hidden], Q6_K),
    ]  # fmt: skip
    found = [("token_embd.weight", [hidden, vocab], Q4_K), ("output.weight", [hidden, vocab], Q6_K), ("output_norm.weight", [hidden], F32)]
    return found + [(f"blk.{layer}.{name}.weight", shape, kind) for layer in range(layers) for name, shape, kind in block]


def content(keys: dict[str, Any], listed: list[tuple[str, list[int], int]], *, version: int = 3, magic: bytes = b"GGUF") -> bytes:
    """A whole file; the weights are zeros."""
    head = magic + struct.pack("<IQQ", version, len(listed), len(keys))
    head += b"".join(_text(name) + _value(value) for name, value in keys.items())
    offset = 0
    for name, shape, kind in listed:
        head += _text(name) + struct.pack(f"<I{len(shape)}QIQ", len(shape), *shape, kind, offset)
        offset += math.ceil(bytes_of(shape, kind) / 32) * 32
    return head + bytes(-len(head) % 32) + bytes(offset)


def bytes_of(shape: list[int], kind: int) -> int:
    weights, held = BLOCKS[kind]
    return math.prod(shape) // weights * held


def written(path: Path, keys: dict[str, Any] | None = None, listed: list[tuple[str, list[int], int]] | None = None, **more: Any) -> Path:
    path.write_bytes(content(LLAMA if keys is None else keys, tensors() if listed is None else listed, **more))
    return path


def _text(text: str) -> bytes:
    return struct.pack("<Q", len(text.encode())) + text.encode()


def _value(value: Any) -> bytes:
    if isinstance(value, str):
        return struct.pack("<I", 8) + _text(value)
    if isinstance(value, list) and value and isinstance(value[0], str):
        return struct.pack("<IIQ", 9, 8, len(value)) + b"".join(map(_text, value))
    if isinstance(value, list):
        return struct.pack(f"<IIQ{len(value)}I", 9, 4, len(value), *value)
    return struct.pack("<II", 4, value)
