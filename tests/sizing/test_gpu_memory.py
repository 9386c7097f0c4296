"""sizing.memory and sizing.weights against what engines printed."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from sizing.estimate import answer

LOGS = json.loads((Path(__file__).parent / "vllm_start_ups.json").read_text())
PRINTED = ("weights_gib", "kv_cache_gib", "kv_cache_tokens", "total_gib", "source")


def asked(row: dict[str, Any]) -> dict[str, Any]:
    question = {key: value for key, value in row.items() if key not in PRINTED}
    return answer({"id": "x", "gpu": "H200", "memory_only": True, "gpu_override": {"memory_gib": row["total_gib"]}, **question})


@pytest.mark.parametrize("row", LOGS["rows"], ids=lambda row: f"{row['model']}-{row['engine_version']}")
def test_memory_is_what_vllm_printed_at_its_start(row: dict[str, Any]) -> None:
    """Weights within 0.5 %, KV cache within 3 % of the log: a cold compile cache alone moves it by 1 %."""
    found = asked(row)
    assert row["weights_gib"] == pytest.approx(found["weights_gib"], rel=0.005)
    assert row["kv_cache_gib"] == pytest.approx(found["kv_cache_gib"], rel=0.03)
    if "kv_cache_tokens" in row:
        assert row["kv_cache_tokens"] == pytest.approx(found["kv_cache_tokens"], rel=0.03)


def test_what_vllm_refused_to_start_does_not_fit() -> None:
    """No false "fits": a 70B in FP8 left -1.44 GiB on one H100 and the engine stopped."""
    found = asked(LOGS["refused"])
    assert found["fits"] is False
    assert "leave no KV cache" in found["why_not"]


@pytest.mark.parametrize(
    ("model", "quant", "gib"),
    [
        ("Meta-Llama-3-70B-Instruct", "gguf-q4_k_m", 39.60),
        ("Meta-Llama-3-70B-Instruct", "gguf-q5_k_m", 46.52),
        ("Meta-Llama-3-70B-Instruct", "gguf-q6_k", 53.91),
        ("Meta-Llama-3-70B-Instruct", "gguf-q8_0", 69.83),
        ("Meta-Llama-3-70B-Instruct", "gguf-q3_k_m", 31.91),
        ("Meta-Llama-3-70B-Instruct", "gguf-q3_k_l", 34.59),
        ("Meta-Llama-3-70B-Instruct", "gguf-q2_k", 24.56),
    ],
)
def test_gguf_files_weigh_what_was_published(model: str, quant: str, gib: float) -> None:
    """The mix of types decides the size; XiongjieDai/GPU-Benchmarks-on-LLM-Inference:README.md, to 1 %."""
    found = answer({"id": "x", "model": model, "weight_quant": quant, "gpu": "B300", "engine": "llama.cpp", "memory_only": True})
    assert gib == pytest.approx(found["checkpoint_bytes"] / 2**30, rel=0.01)


def test_scout_in_four_bits_does_not_fit_a_24_gb_card() -> None:
    """109 B parameters are resident, however few are active: about 65 GB in Q4_K_M."""
    found = answer(
        {
            "id": "x",
            "model": "Llama-4-Scout-17B-16E-Instruct",
            "weight_quant": "gguf-q4_k_m",
            "gpu": "RTX4090",
            "engine": "llama.cpp",
            "memory_only": True,
        }
    )
    assert found["fits"] is False
    assert 65.3e9 == pytest.approx(found["checkpoint_bytes"], rel=0.005)


def test_kv_heads_are_copied_where_there_are_fewer_than_gpus() -> None:
    """2 KV heads over 8 GPUs: each GPU keeps a whole head, so tokens do not double from tp=2 to tp=4."""
    from sizing.catalog import find_model
    from sizing.engines import engine_version
    from sizing.kv import kv_cost
    from sizing.weights import Shards

    shape, engine = find_model("Qwen/Qwen2.5-3B-Instruct"), engine_version("vllm", None)
    two, four = (kv_cost(shape, Shards(tp, tp, 1, 1), element_bytes=2.0, engine=engine).full_bytes for tp in (2, 4))
    assert 2 == shape.kv_heads
    assert two == four


def test_latent_attention_is_never_cut() -> None:
    """MLA keeps one latent of 512 + 64 a layer on every GPU."""
    from sizing.catalog import find_model
    from sizing.engines import engine_version
    from sizing.kv import kv_cost
    from sizing.weights import Shards

    shape, engine = find_model("deepseek-ai/DeepSeek-R1"), engine_version("vllm", None)
    assert 61 * 576 * 2.0 == kv_cost(shape, Shards(8, 8, 1, 1), element_bytes=2.0, engine=engine).full_bytes


def test_chunked_layers_save_kv_only_in_the_versions_that_do() -> None:
    """Llama 4: 36 of 48 layers keep 8,192 tokens at most, in vLLM 0.10.0 and from 0.14.0, not between."""
    tokens = {}
    for version in ("0.10.0", "0.12.0", "0.14.0"):
        found = answer(
            {
                "id": "x",
                "model": "Llama-4-Scout-17B-16E-Instruct",
                "weight_quant": "fp8",
                "gpu": "H200",
                "tp": 8,
                "engine_version": version,
                "max_model_len": 1_000_000,
                "memory_only": True,
            }
        )
        tokens[version] = found["kv_cache_tokens"]
    assert 3.9 < tokens["0.10.0"] / tokens["0.12.0"] < 4.1
    assert 3.9 < tokens["0.14.0"] / tokens["0.12.0"] < 4.1
