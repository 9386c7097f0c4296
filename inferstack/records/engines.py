"""Names of engines: the four that are sized, other spellings of them, and what is said of an engine that is not sized."""

from __future__ import annotations

from typing import Any

from inferstack.records.facts import load

SIZED = ("vllm", "tensorrt-llm", "sglang", "llama.cpp")


def named(name: str) -> str:
    """One of `SIZED`. Raises ValueError with the reason and the way out for another engine, and with the four for what is none."""
    plain = name.strip().lower().replace(" ", "-")
    if plain in SIZED:
        return plain
    facts: dict[str, Any] = load("sizing")["engines"]["unsized"]
    for engine, spellings in facts["spellings"].items():
        if plain in spellings:
            return str(engine)
    for record in facts["records"].values():
        if plain in record["names"]:
            raise ValueError(f"{name!r:.60}: {record['says']}; plan with --engine {record['runs']}")
    raise ValueError(f"must be {', '.join(repr(one) for one in SIZED[:-1])} or {SIZED[-1]!r} (given: {name[:60]})")
