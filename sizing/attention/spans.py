"""How far back layers look: over everything, over a sliding window, or within chunks; read from a record of the facts or of a config."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from sizing.models.shape import Span

Record = Mapping[str, Any]
Part = tuple[int, Span, int]
"""Layers, span, and its tokens."""


def parts(record: Record, group: Record, *, has_spans: bool) -> list[Part]:
    """Split a group of layers into those that look back over everything and those that do not."""
    n, window, chunk = int(group["n"]), int(record.get("sliding_window") or 0), int(record.get("attention_chunk_size") or 0)
    if "span" in group:
        return [(n, group["span"] if window else "full", window if group["span"] == "window" else 0)]
    if not has_spans or not (window or chunk):
        return [(n, "full", 0)]
    # Llama 4: every fourth layer has no rotary embedding and looks at everything, the others stay within chunks of
    # 8,192.
    if chunk:
        full = n // int(record["no_rope_layer_interval"])
        return _split(n, full, "chunk", chunk)
    pattern = record["sliding_window_pattern"]
    if pattern.startswith("alternating"):
        return _split(n, n - n // 2 if "even layers sliding" not in pattern else n // 2, "window", window)
    if " sliding : 1 full" in pattern:
        return _split(n, n // (int(pattern.split()[0]) + 1), "window", window)
    # Some published configs keep a sliding_window as long as the context, which is none.
    if window >= (record.get("max_position_embeddings") or 0):
        return [(n, "full", 0)]
    return [(n, "window", window)]


def needed_fields(record: Record) -> Iterator[str]:
    """Yield the fields that say which layers have a span, of a record that has one."""
    if record.get("attention_chunk_size"):
        yield "no_rope_layer_interval"
    if record.get("sliding_window") and not any("span" in group for group in record.get("layers") or ()):
        yield "sliding_window_pattern"


def _split(n: int, full: int, span: Span, tokens: int) -> list[Part]:
    found: list[Part] = [(full, "full", 0), (n - full, span, tokens)]
    return [part for part in found if part[0]]
