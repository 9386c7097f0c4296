"""Sizes that were read from a model's own files and travel inside its config under the key `inferstack`, so that a request stands alone."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from pydantic import Field

from inferstack.records import model_ids
from inferstack.records.files.reading import validated
from inferstack.records.record import Part

KEY = "inferstack"


class Exact(Part):
    """`checkpoint_bytes` of the files the engine reads, `original_bytes` of a second format beside them; `bits` by part of a GGUF."""

    id: str | None = Field(None, pattern=model_ids.PATTERN, max_length=model_ids.LONGEST)
    source: str | None = Field(None, max_length=500)
    as_of: str | None = Field(None, max_length=40)
    checkpoint_bytes: int | None = Field(None, gt=0, lt=10**15)
    vision_params: int | None = Field(None, ge=0, lt=10**13)
    extra_params: int | None = Field(None, ge=0, lt=10**13)
    mtp_in_checkpoint: bool | None = None
    gguf: str | None = Field(None, pattern=r"^[a-z0-9_]+$")
    bits: dict[str, float] | None = None
    license: str | None = Field(None, max_length=200)
    gated: bool | None = None
    revision: str | None = Field(None, pattern=r"^[0-9a-f]{7,64}$")
    tokenizer_bytes: int | None = Field(None, ge=0, lt=10**12)
    original_bytes: int | None = Field(None, ge=0, lt=10**15)
    remote_code: str | None = Field(None, max_length=40)
    notes: tuple[str, ...] = ()


def told(config: Mapping[str, Any]) -> Exact:
    """Raises InputError for a key that is none of these."""
    content = config.get(KEY)
    return validated(dict(content) if isinstance(content, Mapping) else {}, Exact, where=f"config.{KEY}")


def applied(record: dict[str, Any], exact: Exact) -> dict[str, Any]:
    """The record with what the files say in place of what the architecture's rule supposes."""
    given = exact.model_dump(
        include={"vision_params", "mtp_in_checkpoint", "license", "gated", "revision", "tokenizer_bytes", "original_bytes", "remote_code"},
        exclude_none=True,
    )
    changed = {**record, **given}
    if exact.extra_params:
        changed["extra_params"] = (record.get("extra_params") or 0) + exact.extra_params
    if exact.checkpoint_bytes:
        changed["checkpoint"] = {"bytes": exact.checkpoint_bytes}
    if exact.gguf:
        changed["quantization"] = {"scheme": f"gguf-{exact.gguf}", "method": "gguf", "bits": dict(exact.bits or {})}
    if exact.source:
        changed |= {"sources": [exact.source], "as_of": exact.as_of or "the request"}
    return changed
