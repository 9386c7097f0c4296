"""sizing.models.hf_config: any known decoder's config.json, and refusals that name what is missing."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from inferstack.records.errors import InputError
from inferstack.records.files.facts import load
from sizing.attention.table import kinds
from sizing.catalog import find_model
from sizing.models.hf_config import from_config, rules
from sizing.models.parameters import count
from sizing.models.quantisation.formats import bits_of

LLAMA_8B: dict[str, Any] = {
    "architectures": ["LlamaForCausalLM"],
    "model_type": "llama",
    "hidden_size": 4096,
    "intermediate_size": 14336,
    "num_hidden_layers": 32,
    "num_attention_heads": 32,
    "num_key_value_heads": 8,
    "vocab_size": 128256,
    "max_position_embeddings": 131072,
    "torch_dtype": "bfloat16",
}
DEEPSEEK: dict[str, Any] = {
    "architectures": ["DeepseekV3ForCausalLM"], "model_type": "deepseek_v3", "hidden_size": 7168, "intermediate_size": 18432,
    "moe_intermediate_size": 2048, "num_hidden_layers": 61, "num_attention_heads": 128, "num_key_value_heads": 128, "n_routed_experts": 256,
    "n_shared_experts": 1, "num_experts_per_tok": 8, "first_k_dense_replace": 3, "q_lora_rank": 1536, "kv_lora_rank": 512,
    "qk_nope_head_dim": 128, "qk_rope_head_dim": 64, "v_head_dim": 128, "vocab_size": 129280, "max_position_embeddings": 163840,
    "num_nextn_predict_layers": 1, "torch_dtype": "bfloat16",
    "quantization_config": {"quant_method": "fp8", "weight_block_size": [128, 128]},
}  # fmt: skip
MIXTRAL: dict[str, Any] = {
    "architectures": ["MixtralForCausalLM"], "model_type": "mixtral", "hidden_size": 4096, "intermediate_size": 14336,
    "num_hidden_layers": 32, "num_attention_heads": 32, "num_key_value_heads": 8, "num_local_experts": 8, "num_experts_per_tok": 2,
    "vocab_size": 32000, "max_position_embeddings": 32768,
}  # fmt: skip
GEMMA_2_9B: dict[str, Any] = {
    "architectures": ["Gemma2ForCausalLM"], "model_type": "gemma2", "hidden_size": 3584, "intermediate_size": 14336,
    "num_hidden_layers": 42, "num_attention_heads": 16, "num_key_value_heads": 8, "head_dim": 256,
    "vocab_size": 256000, "max_position_embeddings": 8192, "sliding_window": 4096,
}  # fmt: skip


@pytest.mark.parametrize(
    ("config", "model"),
    [
        (LLAMA_8B, "Llama-3.1-8B-Instruct"),
        (DEEPSEEK, "deepseek-ai/DeepSeek-V3"),
        (MIXTRAL, "Mixtral-8x7B-Instruct-v0.1"),
        (GEMMA_2_9B, "google/gemma-2-9b-it"),
    ],
)
def test_a_config_gives_the_parameters_of_the_facts(config: dict[str, Any], model: str) -> None:
    """To the parameter."""
    assert count(find_model(model)).total == count(from_config(config)).total
    assert count(find_model(model)).active == count(from_config(config)).active


def test_alternating_windows_are_read_from_the_architecture_or_from_layer_types() -> None:
    """Gemma 2: every second layer reaches back 4,096 tokens."""
    types = ["sliding_attention", "full_attention"] * 21
    for config in (GEMMA_2_9B, {**GEMMA_2_9B, "layer_types": types}):
        assert {("window", 21, 4096), ("full", 21, 0)} == {(one.span, one.n, one.span_tokens) for one in from_config(config).layers}


def test_an_unknown_architecture_is_refused_with_the_known_ones() -> None:
    """Never a silent guess."""
    with pytest.raises(InputError, match="UnheardOfForCausalLM is not known") as raised:
        from_config({**LLAMA_8B, "architectures": ["UnheardOfForCausalLM"]})
    assert "LlamaForCausalLM" in raised.value.hint


@pytest.mark.parametrize("key", ["hidden_size", "num_hidden_layers", "vocab_size", "intermediate_size", "max_position_embeddings"])
def test_a_missing_key_is_named(key: str) -> None:
    """One line with the key."""
    with pytest.raises(InputError, match=f"{key} is missing"):
        from_config({name: value for name, value in LLAMA_8B.items() if name != key})


@pytest.mark.parametrize("value", [0, -1, 1.5, "4096", True, 10**12])
def test_a_wrong_value_is_named(value: object) -> None:
    """Whole numbers in a sane range."""
    with pytest.raises(InputError, match="hidden_size must be a whole number"):
        from_config({**LLAMA_8B, "hidden_size": value})


def test_experts_in_a_dense_architecture_are_refused() -> None:
    """A Llama with experts is not the Llama that is known."""
    with pytest.raises(InputError, match="num_local_experts"):
        from_config({**LLAMA_8B, "num_local_experts": 8})


def test_an_unknown_quantisation_method_is_refused() -> None:
    """Its bits are not known."""
    with pytest.raises(InputError, match="hqq"):
        from_config({**LLAMA_8B, "quantization_config": {"quant_method": "hqq"}})


def test_a_default_under_the_configs_own_name_counts_as_ours() -> None:
    """Jamba's state and convolution widths are often left out: the class has them."""
    published = rules()["JambaForCausalLM"]["published"]
    short = {key: value for key, value in published["config"].items() if key not in ("mamba_d_state", "mamba_d_conv", "mamba_expand")}
    shape = from_config({"architectures": ["JambaForCausalLM"], **short})
    assert published["params"] == count(shape).total
    assert {(28, "mamba2"), (4, "gqa")} == {(sum(one.n for one in shape.layers if one.attn == kind), kind) for kind in ("mamba2", "gqa")}


def test_whole_numbers_of_compressed_tensors_are_read() -> None:
    """Four bits and a 16-bit scale for each 128; parts of the ignore list stay wide: 58 shared experts, not the dense FFN of 3 layers."""
    weights = {"num_bits": 4, "type": "int", "group_size": 128, "symmetric": True}
    config = {"quant_method": "compressed-tensors", "config_groups": {"group_0": {"weights": weights}}, "ignore": ["lm_head"]}
    bits = bits_of(from_config({**LLAMA_8B, "quantization_config": config}), None)
    assert (4.125, 4.125, True) == (bits.attn, bits.ffn, bits.own)
    kept = {**config, "ignore": ["lm_head", "re:.*self_attn.*", "re:.*shared_experts.*"]}
    bits = bits_of(from_config({**DEEPSEEK, "quantization_config": kept}), None)
    dense, shared = 3 * 18432, 58 * 2048
    assert (16, 4.125) == (bits.attn, bits.experts)
    assert bits.ffn == pytest.approx((dense * 4.125 + shared * 16) / (dense + shared), abs=1e-5)
    with pytest.raises(InputError, match="num_bits 3"):
        from_config({**LLAMA_8B, "quantization_config": {**config, "config_groups": {"group_0": {"weights": {**weights, "num_bits": 3}}}}})
    with pytest.raises(InputError, match="no group of weights"):
        from_config({**LLAMA_8B, "quantization_config": {**config, "config_groups": {}}})


def test_every_known_architecture_of_the_facts_reads_its_own_records() -> None:
    """A config made from a record's fields gives the record's parameters, vision left out."""
    known = load("sizing")["architectures"]["known"]["records"]
    checked = 0
    for group in load("sizing")["models"].values():
        for record in group["records"]:
            if record["architecture"] in known and record.get("max_position_embeddings"):
                expected = record["params_total"] - (record.get("vision_params") or 0) - _beyond_the_config(record, known)
                assert expected == count(from_config(_config_of(record, known))).total, record["id"]
                checked += 1
    assert checked >= 100


@pytest.mark.parametrize("name", [name for name, rule in rules().items() if rule.get("published")])
def test_an_architecture_gives_the_published_parameters_of_a_checkpoint(name: str) -> None:
    """To the parameter, from the config alone."""
    published = rules()[name]["published"]
    counts = count(from_config({"architectures": [name], **published["config"]}))
    assert published["params"] == (counts.stored if published.get("counts") == "stored" else counts.total)


def test_an_architecture_is_held_against_something_or_says_that_it_is_not() -> None:
    """A facts record, a published count, a sibling with the same keys, or a line in every plan."""
    recorded = {record["architecture"] for group in load("sizing")["models"].values() for record in group["records"]}
    proven = {name for name, rule in rules().items() if rule.get("published") or name in recorded}
    for name, rule in rules().items():
        assert name in proven or rule.get("wraps") or rule.get("not_verified") or rule.get("same_as") in proven, name


def test_a_model_type_stands_in_for_a_missing_architecture() -> None:
    """Quantised copies often drop the list."""
    plain = {key: value for key, value in LLAMA_8B.items() if key != "architectures"}
    assert "LlamaForCausalLM" == from_config(plain).architecture
    with pytest.raises(InputError, match="architectures is missing"):
        from_config({**plain, "model_type": "parrot"})


def test_a_known_but_unmodelled_architecture_says_what_is_missing() -> None:
    """Not 'unknown': the reason."""
    with pytest.raises(InputError, match="MambaForCausalLM is not modelled: a model without attention is missing"):
        from_config({**LLAMA_8B, "architectures": ["MambaForCausalLM"]})


def test_a_wrapped_text_model_is_read_by_its_own_rule() -> None:
    """Llava around a Llama: the Llama's parameters, the vision tower named as not counted."""
    shape = from_config({"architectures": ["LlavaForConditionalGeneration"], "text_config": LLAMA_8B, "vision_config": {"depth": 2}})
    assert count(from_config(LLAMA_8B)).total == count(shape).total
    assert ("vision tower: its size is not counted",) == shape.uncertain


def test_sizes_read_from_files_replace_what_the_rule_supposes() -> None:
    """They travel inside the config."""
    exact = {"checkpoint_bytes": 16_060_522_496, "id": "here/llama", "vision_params": 7, "notes": ["a note"]}
    shape = from_config({**LLAMA_8B, "inferstack": exact})
    assert (16_060_522_496, "here/llama", 7, ("a note",)) == (shape.checkpoint_bytes, shape.id, shape.vision_params, shape.uncertain)
    with pytest.raises(InputError, match=r"config\.inferstack: checkpoint_bytes"):
        from_config({**LLAMA_8B, "inferstack": {"checkpoint_bytes": -1}})


@pytest.mark.parametrize("text", ["M*X", "M*", 7, None])
def test_a_hybrid_pattern_that_does_not_fit_is_refused(text: object) -> None:
    """A letter for each layer, each one known."""
    config = {
        "architectures": ["NemotronHForCausalLM"], "hidden_size": 64, "num_hidden_layers": 3, "num_attention_heads": 4, "vocab_size": 100,
        "num_key_value_heads": 2, "max_position_embeddings": 128, "intermediate_size": 128, "mamba_num_heads": 8, "mamba_head_dim": 16,
        "ssm_state_size": 8, "conv_kernel": 4, "hybrid_override_pattern": text,
    }  # fmt: skip
    with pytest.raises(InputError, match="hybrid_override_pattern"):
        from_config(config)


def _beyond_the_config(record: dict[str, Any], known: dict[str, Any]) -> int:
    """Rows of the embedding that no key of a config tells."""
    return 0 if "derive" in known[record["architecture"]] else record.get("extra_params") or 0


def _config_of(record: dict[str, Any], known: dict[str, Any]) -> dict[str, Any]:
    rule = known[record["architecture"]]
    head = {"architectures": [record["architecture"]], "model_type": record["model_type"]}
    if rule.get("wraps"):
        return {**head, rule["inside"]: {"architectures": ["DeepseekV3ForCausalLM"], **_text_of(record, known["DeepseekV3ForCausalLM"])}}
    text = _text_of(record, rule)
    return {**head, rule["inside"]: text} if "inside" in rule else {**head, **text}


def _text_of(record: dict[str, Any], rule: dict[str, Any]) -> dict[str, Any]:
    theirs = {ours: key for key, ours in rule.get("rename", {}).items()}
    plain = (
        "hidden_size", "num_hidden_layers", "num_attention_heads", "num_key_value_heads", "head_dim", "intermediate_size", "vocab_size",
        "max_position_embeddings", "num_experts", "num_experts_per_tok", "moe_intermediate_size", "q_lora_rank", "kv_lora_rank",
        "qk_nope_head_dim", "qk_rope_head_dim", "v_head_dim", "sliding_window", "tie_word_embeddings", "first_k_dense_replace",
        "interleave_moe_layer_step", "attention_chunk_size", "attention_bias", "mtp_layers", "index_head_dim", "index_n_heads",
        "full_attention_interval", *(field for kind in kinds().others for field in kind.fields),
    )  # fmt: skip
    text = {theirs.get(key, key): record[key] for key in plain if record.get(key) is not None}
    text |= {"n_shared_experts": record["num_shared_experts"]} if record.get("num_shared_experts") else {}
    text |= {theirs["shared_expert_size"]: record["shared_expert_size"]} if "shared_expert_size" in theirs else {}
    text |= {"use_qk_norm": True} if record.get("qk_norm") and rule.get("when") else {}
    if record["architecture"] == "FalconForCausalLM":
        text |= {"new_decoder_architecture": record["norms_per_layer"] == 2, "parallel_attn": True, "multi_query": True}
        text |= {"num_kv_heads": record["num_key_value_heads"]}
    return text | ({rule["pattern"]: record["layer_pattern"]} if rule.get("pattern") else {})


PLAIN = st.one_of(st.none(), st.booleans(), st.integers(-5, 10**13), st.floats(allow_nan=False), st.text(max_size=8))
VALUES = PLAIN | st.lists(st.integers(0, 9), max_size=3) | st.dictionaries(st.text(max_size=4), st.integers(0, 9), max_size=2)
KEYS = sorted({"architectures", "quantization_config", "inferstack", "layer_types", "rope_parameters", "mlp_only_layers", "text_config"}
              | {*DEEPSEEK, *GEMMA_2_9B, *MIXTRAL})  # fmt: skip


@settings(max_examples=400, deadline=None)
@given(
    config=st.sampled_from([LLAMA_8B, DEEPSEEK, MIXTRAL, GEMMA_2_9B]), changes=st.dictionaries(st.sampled_from(KEYS), VALUES, max_size=3)
)
def test_no_config_ends_in_anything_but_a_shape_or_a_refusal(config: dict[str, Any], changes: dict[str, Any]) -> None:
    """Values of any kind under any key: one line, never a traceback."""
    try:
        shape = from_config({**config, **changes})
    except InputError as error:
        assert "\n" not in error.message
    else:
        assert count(shape).total > 0
