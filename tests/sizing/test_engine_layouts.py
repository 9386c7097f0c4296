"""sizing.layouts: what an engine refuses, and what is tried on a node."""

from __future__ import annotations

import pytest

from sizing.catalog import find_model
from sizing.engines import engine_version
from sizing.estimate import answer
from sizing.layouts import ReplicaLayout, legal, refused
from sizing.quantisation import bits_of


def why(model: str, quant: str | None = None, **layout: int) -> str | None:
    shape = find_model(model)
    return refused(shape, bits_of(shape, quant), ReplicaLayout(**layout), engine=engine_version("vllm", None))


def test_forty_heads_divide_by_five_and_tp5_is_still_refused() -> None:
    """Llama 4: the 8 KV heads decide (vllm/model_executor/models/llama4.py)."""
    assert 0 == find_model("Llama-4-Maverick-17B-128E-Instruct").heads % 5
    assert "8 KV heads and tp=5" in str(why("Llama-4-Maverick-17B-128E-Instruct", tp=5))


def test_blocks_of_experts_are_cut_from_the_version_that_was_seen_to() -> None:
    """Experts of 1536 in FP8 blocks of 128 at tp=8: refused by 0.12, run by 0.18 (InferenceX, MiniMax-M2.5)."""
    shape = find_model("Qwen/Qwen3-235B-A22B-FP8")
    told = [
        refused(shape, bits_of(shape, None), ReplicaLayout(tp=8), engine=engine_version("vllm", version))
        for version in ("0.12.0", "0.18.0")
    ]
    assert "groups of 128: expert width 1536 / tp=8" in str(told[0])
    assert told[1] is None


@pytest.mark.parametrize(
    ("model", "quant", "layout", "rule"),
    [
        ("Llama-3.1-8B-Instruct", None, {"tp": 3}, "32 query heads do not divide by tp=3"),
        ("Llama-3.1-8B-Instruct", None, {"ep": 2, "tp": 2}, "needs experts"),
        ("Llama-3.1-8B-Instruct", None, {"pp": 33}, "more stages than the 32 layers"),
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
