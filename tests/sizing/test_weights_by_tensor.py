"""sizing.models.weights, sizing.models.parameters and sizing.models.gguf.mix: every model of the facts from its shape alone, beside what
was published."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from inferstack.records.files.facts import load
from sizing.attention.latent import uncut_params
from sizing.catalog import find_model
from sizing.models.quantisation.formats import bits_of
from sizing.models.weights import DTYPE_BYTES, Shards, checkpoint_bytes, per_gpu_bytes
from tools.calibration.memory_accuracy import gguf_files

RECORDS = [record for group in load("sizing")["models"].values() for record in group["records"]]
FILES = gguf_files()


def published_bytes(record: dict[str, Any]) -> float | None:
    """The size of the files, or the published count of what is stored at its width; None for a quantised file that nobody measured."""
    if (record.get("checkpoint") or {}).get("bytes"):
        return float(record["checkpoint"]["bytes"])
    count = record["params_published"]
    if record.get("quantization"):
        return None
    missing = record["params_stored"] - record["params_total"] if count["counts"] == "total" else 0
    return float((count["value"] + missing) * DTYPE_BYTES[record["dtype"]])


MEASURED = [record for record in RECORDS if published_bytes(record)]
DERIVED = [record["id"] for record in RECORDS if not published_bytes(record)]


@pytest.mark.parametrize("record", MEASURED, ids=lambda record: record["id"])
def test_a_checkpoint_weighs_what_was_published(record: dict[str, Any]) -> None:
    """From the shape, not from the stored size: within 0.5 %."""
    shape = replace(find_model(record["id"]), checkpoint_bytes=None)
    assert published_bytes(record) == pytest.approx(checkpoint_bytes(shape, bits_of(shape, None)), rel=0.005)


def test_the_table_leaves_out_only_quantised_files_that_nobody_measured() -> None:
    """Most models are held by a published size; the rest are named by being quantised."""
    assert len(MEASURED) > 0.75 * len(RECORDS)
    assert all(find_model(name).quantization for name in DERIVED)


@pytest.mark.parametrize("row", FILES, ids=lambda row: f"{row.model}-{row.version}")
def test_a_gguf_file_weighs_what_llama_bench_prints(row: Any) -> None:
    """Within 1 %: K types, fused tensors, rows too narrow for K types, tied embeddings, experts."""
    assert row.measured == pytest.approx(row.predicted, rel=0.01)


def test_quantising_by_part_keeps_what_the_checkpoint_keeps() -> None:
    """An FP8 file of Llama 3.1 8B has 16-bit embeddings and head: 9.08 GB, not 8.03 (published: 9,081,280,648 bytes)."""
    shape = find_model("Llama-3.1-8B-Instruct")
    assert 9_081_280_648 == pytest.approx(checkpoint_bytes(shape, bits_of(shape, "fp8")), rel=0.001)


@pytest.mark.parametrize("model", ["deepseek-ai/DeepSeek-R1", "deepseek-ai/DeepSeek-V3.2"])
def test_mla_latents_are_on_every_gpu(model: str) -> None:
    """Eight GPUs hold eight copies of the down projections and an eighth of the rest; 16-bit copies of the absorbed matrices besides."""
    shape = find_model(model)
    bits = bits_of(shape, None)
    one, eight = (per_gpu_bytes(shape, bits, Shards(n, n, 1, 1)) for n in (1, 8))
    copied = sum(uncut_params(shape, group) * group.n for group in shape.layers) * bits.attn / 8
    assert eight - one / 8 > 0.999 * copied * 7 / 8


def test_kv_projections_are_copied_where_there_are_fewer_heads_than_gpus() -> None:
    """2 KV heads over 8 GPUs: four copies of each."""
    shape = find_model("Qwen/Qwen2.5-3B-Instruct")
    bits = bits_of(shape, None)
    two, eight = (per_gpu_bytes(shape, bits, Shards(n, n, 1, 1)) for n in (2, 8))
    kv = 2 * shape.hidden * shape.head_dim * 2 * shape.num_layers
    assert eight > two / 4 + kv * 0.74
