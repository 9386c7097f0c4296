"""sizing.engines.layouts: what an engine refuses, and what is tried on a node."""

from __future__ import annotations

from typing import Any

import pytest

from sizing.catalog import find_model
from sizing.engines.layouts import ReplicaLayout, legal, refused
from sizing.engines.versions import engine_version
from sizing.estimate import answer
from sizing.models.hf_config import from_config
from sizing.models.quantisation.formats import bits_of


def why(model: str, quant: str | None = None, **layout: int) -> str | None:
    shape = find_model(model)
    return refused(shape, bits_of(shape, quant), ReplicaLayout(**layout), engine=engine_version("vllm", None))


def test_forty_heads_divide_by_five_and_tp5_is_still_refused() -> None:
    """Llama 4: the 8 KV heads decide (vllm/model_executor/models/llama4.py)."""
    assert 0 == find_model("Llama-4-Maverick-17B-128E-Instruct").heads % 5
    assert "8 KV heads and tp=5" in str(why("Llama-4-Maverick-17B-128E-Instruct", tp=5))


@pytest.mark.parametrize(
    ("version", "starts"), [("0.12.0", False), ("0.18.0", False), ("0.28.0", False), ("0.29.0", True), ("0.33.0", True)]
)
def test_blocks_of_experts_are_cut_from_the_version_that_cuts_them(version: str, starts: bool) -> None:
    """Experts of 1536 in FP8 blocks of 128 at tp=8: `not divisible by weight quantization block_n` up to 0.28, scales of 64 from 0.29."""
    shape = find_model("Qwen/Qwen3-235B-A22B-FP8")
    told = refused(shape, bits_of(shape, None), ReplicaLayout(tp=8), engine=engine_version("vllm", version))
    assert starts is (told is None)
    assert starts or "groups of 128: expert width 1536 / tp=8" in str(told)


EXPERTS: dict[str, Any] = {
    "architectures": ["Qwen3MoeForCausalLM"], "model_type": "qwen3_moe", "hidden_size": 2048, "intermediate_size": 6144,
    "moe_intermediate_size": 768, "num_experts": 128, "num_experts_per_tok": 8, "num_hidden_layers": 4, "num_attention_heads": 32,
    "num_key_value_heads": 8, "head_dim": 128, "vocab_size": 151936, "max_position_embeddings": 40960,
}  # fmt: skip
INT4 = {"num_bits": 4, "type": "int", "strategy": "group", "group_size": 128}
QUARK_BLOCKS = {"dtype": "fp8_e4m3", "qscheme": "per_group", "group_size": 128}
BLOCKS = {"num_bits": 8, "type": "float", "strategy": "block", "block_structure": [128, 128]}


def of_groups(weights: dict[str, Any]) -> dict[str, Any]:
    return {"quant_method": "compressed-tensors", "config_groups": {"group_0": {"targets": ["Linear"], "weights": weights}}, "ignore": []}


@pytest.mark.parametrize(
    ("quantization", "tp", "width", "starts"),
    [
        ({"quant_method": "fp8", "weight_block_size": [128, 128]}, 4, 768, True),  # 192: scales of 64
        ({"quant_method": "fp8", "weight_block_size": [128, 128]}, 8, 768, True),  # 96: scales of 32
        ({"quant_method": "fp8", "weight_block_size": [128, 128]}, 8, 896, False),  # 112: 16 is below the 32 that kernels take
        (of_groups(BLOCKS), 4, 768, False),
        ({"quant_method": "quark", "global_quant_config": {"weight": QUARK_BLOCKS}}, 4, 768, False),
        ({"quant_method": "gptq", "bits": 4, "group_size": 128}, 8, 768, True),  # groups of 32
        ({"quant_method": "awq", "bits": 4, "group_size": 128}, 8, 896, False),
        (of_groups(INT4), 4, 768, False),
        (of_groups(INT4), 2, 768, True),
        (of_groups({**INT4, "group_size": 32}), 8, 768, True),
        ({"quant_method": "modelopt", "quant_algo": "NVFP4"}, 8, 896, True),
        ({"quant_method": "fp8"}, 8, 896, True),
    ],
)  # fmt: skip
def test_experts_of_the_newest_version_are_cut_as_their_method_cuts_them(
    quantization: dict[str, Any], tp: int, width: int, starts: bool
) -> None:
    """vLLM 0.33: refine_fp8_moe_block_shape for its own FP8 alone, moe_wna16 for AWQ and GPTQ, whole groups for compressed-tensors."""
    shape = from_config({**EXPERTS, "moe_intermediate_size": width, "quantization_config": quantization})
    told = refused(shape, bits_of(shape, None), ReplicaLayout(tp=tp), engine=engine_version("vllm", None))
    assert starts is (told is None), told


@pytest.mark.parametrize(
    ("model", "quant", "layout", "rule"),
    [
        ("Llama-3.1-8B-Instruct", None, {"tp": 3}, "32 query heads do not divide by tp=3"),
        ("Llama-3.1-8B-Instruct", None, {"ep": 2, "tp": 2}, "needs experts"),
        ("Llama-3.1-8B-Instruct", None, {"pp": 33}, "more than the 32 layers"),
    ],
)
def test_an_illegal_layout_is_refused_with_the_rule(model: str, quant: str | None, layout: dict[str, int], rule: str) -> None:
    """guides: each refusal of the engine, with its numbers."""
    assert rule in str(why(model, quant, **layout))


def test_tensor_parallelism_over_two_nodes_is_refused_where_the_node_is_named() -> None:
    """16 GPUs of p5.48xlarge are two nodes: tp=8 with pp=2, not tp=16 over the network."""
    plain = {"id": "x", "memory_only": True, "model": "Llama-3.1-405B-Instruct", "instance_type": "p5.48xlarge", "max_model_len": 8192}
    found = answer({**plain, "tp": 16})
    assert found["fits"] is False
    assert "tp=16 is more than the 8 GPUs of a node" in found["why_not"]
    assert "2 nodes are tp=8 with pp=2" in found["why_not"]
    assert answer({**plain, "tp": 8, "pp": 2})["fits"] is True


def test_experts_of_a_dense_model_are_refused_in_the_batch_interface() -> None:
    found = answer({"id": "x", "memory_only": True, "model": "Llama-3.1-8B-Instruct", "gpu": "H100", "tp": 2, "ep": 2})
    assert found["fits"] is False
    assert "needs experts" in found["why_not"]


def test_block_fp8_of_narrow_experts_runs_with_expert_parallelism() -> None:
    """Qwen3-235B FP8: tp=8 is refused, tp=8 with ep=8 is not."""
    assert why("Qwen/Qwen3-235B-A22B-FP8", tp=8, ep=8) is None


def test_a_node_of_eight_gives_every_power_of_two() -> None:
    """TP within the node, PP fills the rest; dense, so no EP."""
    shape = find_model("Llama-3.1-8B-Instruct")
    found = legal(shape, bits_of(shape, None), engine=engine_version("vllm", None), gpus_per_node=8)
    assert {(tp, pp) for tp in (1, 2, 4, 8) for pp in (1, 2, 4, 8) if tp * pp <= 8} == {(one.tp, one.pp) for one in found}


def test_tensor_parallelism_never_leaves_a_node() -> None:
    """Over two nodes only whole nodes as pipeline stages."""
    shape = find_model("Llama-3.1-405B-Instruct")
    found = legal(shape, bits_of(shape, None), engine=engine_version("vllm", None), gpus_per_node=8, max_nodes=2)
    assert all(one.tp <= 8 for one in found)
    assert all(one.tp == 8 for one in found if one.gpus > 8)
    assert any(one.gpus == 16 for one in found)


def test_fp4_of_a_checkpoint_that_is_mxfp4_is_its_own_format() -> None:
    """gpt-oss exists in MXFP4 alone: asked for as fp4 or nvfp4 it is that, and its padded experts are cut by 8."""
    shape = find_model("openai/gpt-oss-120b")
    assert "mxfp4" == bits_of(shape, "nvfp4").format
    assert why("openai/gpt-oss-120b", "fp4", tp=8) is None
