"""Shapes that miss a field or cannot be: refused with the field's name, never rounded and never filled by a guess."""

from __future__ import annotations

from typing import Any

import pytest

from inferstack.records.errors import InputError
from inferstack.records.files.facts import load
from sizing import catalog
from sizing.catalog import find_model
from sizing.models.facts_record import from_record
from sizing.models.hf_config import from_config

LLAMA: dict[str, Any] = {
    "architectures": ["LlamaForCausalLM"], "model_type": "llama", "hidden_size": 4096, "intermediate_size": 14336, "num_hidden_layers": 32,
    "num_attention_heads": 32, "num_key_value_heads": 8, "vocab_size": 128256, "max_position_embeddings": 131072,
    "tie_word_embeddings": False, "torch_dtype": "bfloat16",
}  # fmt: skip
DEEPSEEK: dict[str, Any] = {
    "architectures": ["DeepseekV3ForCausalLM"], "model_type": "deepseek_v3", "hidden_size": 7168, "intermediate_size": 18432,
    "moe_intermediate_size": 2048, "num_hidden_layers": 61, "num_attention_heads": 128, "num_key_value_heads": 128, "n_routed_experts": 256,
    "n_shared_experts": 1, "num_experts_per_tok": 8, "first_k_dense_replace": 3, "q_lora_rank": 1536, "kv_lora_rank": 512,
    "qk_nope_head_dim": 128, "qk_rope_head_dim": 64, "v_head_dim": 128, "vocab_size": 129280, "max_position_embeddings": 163840,
}  # fmt: skip
QWEN_NEXT: dict[str, Any] = {
    "architectures": ["Qwen3NextForCausalLM"], "model_type": "qwen3_next", "hidden_size": 2048, "intermediate_size": 5120,
    "moe_intermediate_size": 512, "shared_expert_intermediate_size": 512, "num_hidden_layers": 48, "num_attention_heads": 16,
    "num_key_value_heads": 2, "head_dim": 256, "num_experts": 512, "num_experts_per_tok": 10, "vocab_size": 151936,
    "max_position_embeddings": 262144, "linear_num_key_heads": 16, "linear_key_head_dim": 128, "linear_num_value_heads": 32,
    "linear_value_head_dim": 128, "linear_conv_kernel_dim": 4,
}  # fmt: skip


def record(id_: str) -> dict[str, Any]:
    return dict(next(one for group in load("sizing")["models"].values() for one in group["records"] if one["id"] == id_))


@pytest.mark.parametrize(
    ("model", "positions"),
    [
        ("Qwen2.5-72B-Instruct", 32768), ("Qwen2.5-32B-Instruct", 32768), ("Qwen2.5-1.5B-Instruct", 32768),
        ("Llama-Guard-3-8B", 131072), ("Llama-Guard-3-1B", 131072), ("gemma-7b-it", 8192), ("falcon-7b", 2048), ("falcon-40b", 2048),
    ],
)  # fmt: skip
def test_records_have_the_positions_of_their_configs(model: str, positions: int) -> None:
    """They were taken for 4,096."""
    assert positions == find_model(model).max_positions


@pytest.mark.parametrize(
    ("id_", "field"),
    [
        ("Qwen/Qwen3-8B", "max_position_embeddings"), ("Qwen/Qwen3-8B", "head_dim"), ("Qwen/Qwen3-8B", "intermediate_size"),
        ("Qwen/Qwen3-8B", "hidden_size"), ("Qwen/Qwen3-30B-A3B", "num_experts"), ("Qwen/Qwen3-30B-A3B", "num_experts_per_tok"),
        ("Qwen/Qwen3-30B-A3B", "moe_intermediate_size"), ("deepseek-ai/DeepSeek-V3", "v_head_dim"),
        ("Qwen/Qwen3.5-27B", "linear_num_value_heads"), ("meta-llama/Llama-4-Scout-17B-16E-Instruct", "no_rope_layer_interval"),
        ("google/gemma-3-27b-it", "sliding_window_pattern"), ("Qwen/Qwen3-8B", "rope"),
    ],
)  # fmt: skip
def test_a_record_without_a_field_is_refused_by_name(id_: str, field: str) -> None:
    """Whatever the shape is computed from must be there."""
    whole = record(id_)
    del whole[field]
    with pytest.raises(InputError, match=f"{id_}.*{field}"):
        from_record(whole)


@pytest.mark.parametrize("id_", sorted({one["id"] for group in load("sizing")["models"].values() for one in group["records"]}))
def test_every_record_is_whole(id_: str) -> None:
    """No field of the shape is left to a default."""
    assert from_record(record(id_)).max_positions > 0


@pytest.mark.parametrize(
    "architecture", ["MistralForCausalLM", "Qwen2ForCausalLM", "Qwen3ForCausalLM", "Gemma2ForCausalLM", "Exaone4ForCausalLM"]
)
def test_kv_heads_are_asked_for_where_the_class_has_a_number_of_its_own(architecture: str) -> None:
    """Mistral's class takes 8, Qwen2's 32, Gemma 2's 4: none of it is the model's."""
    config = {key: value for key, value in {**LLAMA, "architectures": [architecture]}.items() if key != "num_key_value_heads"}
    with pytest.raises(InputError, match="num_key_value_heads is missing"):
        from_config(config)


@pytest.mark.parametrize(
    ("base", "change", "named"),
    [
        (LLAMA, {"num_attention_heads": 96}, "num_attention_heads"),
        (LLAMA, {"num_key_value_heads": 64}, "num_key_value_heads"),
        (LLAMA, {"num_key_value_heads": 5}, "num_key_value_heads"),
        (LLAMA, {"num_attention_heads": 12, "head_dim": 128}, "num_key_value_heads"),
        (LLAMA, {"layer_types": ["full_attention"] * 5}, "layer_types"),
        (LLAMA, {"layer_types": ["full_attention"] * 40}, "layer_types"),
        (LLAMA, {"layer_types": ["sliding_attention"] * 32}, "sliding_window"),
        (QWEN_NEXT, {"linear_num_value_heads": 24}, "linear_num_value_heads"),
        (QWEN_NEXT, {"full_attention_interval": 49}, "full_attention_interval"),
        (QWEN_NEXT, {"num_experts_per_tok": 513}, "num_experts_per_tok"),
        (QWEN_NEXT, {"mlp_only_layers": [48]}, "mlp_only_layers"),
        (LLAMA, {"head_dim": 127}, "head_dim"),
        (DEEPSEEK, {"first_k_dense_replace": 62}, "first_k_dense_replace"),
    ],
)  # fmt: skip
def test_a_shape_that_cannot_be_is_refused_by_its_field(base: dict[str, Any], change: dict[str, Any], named: str) -> None:
    """Heads that do not divide, groups that are none, lists that are not as long as the layers."""
    with pytest.raises(InputError, match=named):
        from_config({**base, **change})


def test_what_changes_the_bytes_of_a_record_is_no_note() -> None:
    """A record whose own format was not read is refused where its bytes are asked; one that was read since weighs what it says."""
    assert find_model("MiniMax-M2").quantization is not None
    for one in catalog.models():
        assert not any("quantization_config" in note for note in one.uncertain), one.id


def test_a_record_that_does_not_know_its_format_is_refused() -> None:
    """The copy that was read has its quantization_config removed: 457 GB were said for 230."""
    unread = {**record("MiniMaxAI/MiniMax-M2"), "not_verified": ["quantization_config: the copy read has it removed"]}
    unread.pop("quantization", None)
    with pytest.raises(InputError, match="quantization_config"):
        from_record(unread)
