"""sizing.models.quantisation.hf_quantisation: the bits of each part by groups, targets and lists of what stays wide, as the engines read
them."""

from __future__ import annotations

from typing import Any

import pytest

from inferstack.records.errors import InputError
from sizing.models.hf_config import from_config, rules
from sizing.models.parameters import count
from sizing.models.quantisation.formats import bits_of, own_format
from sizing.models.quantisation.quantised_modules import modules
from sizing.models.shape import ModelShape
from sizing.models.weights import checkpoint_bytes

LLAMA: dict[str, Any] = {
    "architectures": ["LlamaForCausalLM"], "model_type": "llama", "hidden_size": 4096, "intermediate_size": 14336, "num_hidden_layers": 32,
    "num_attention_heads": 32, "num_key_value_heads": 8, "vocab_size": 128256, "max_position_embeddings": 131072,
    "tie_word_embeddings": False, "torch_dtype": "bfloat16",
}  # fmt: skip
MOE: dict[str, Any] = {
    "architectures": ["Qwen3MoeForCausalLM"], "model_type": "qwen3_moe", "hidden_size": 2048, "intermediate_size": 6144,
    "moe_intermediate_size": 768, "num_experts": 128, "num_experts_per_tok": 8, "num_hidden_layers": 48, "num_attention_heads": 32,
    "num_key_value_heads": 4, "head_dim": 128, "vocab_size": 151936, "max_position_embeddings": 40960, "tie_word_embeddings": False,
}  # fmt: skip
DEEPSEEK: dict[str, Any] = {
    "architectures": ["DeepseekV3ForCausalLM"], "model_type": "deepseek_v3", "hidden_size": 7168, "intermediate_size": 18432,
    "moe_intermediate_size": 2048, "num_hidden_layers": 61, "num_attention_heads": 128, "num_key_value_heads": 128, "n_routed_experts": 256,
    "n_shared_experts": 1, "num_experts_per_tok": 8, "first_k_dense_replace": 3, "q_lora_rank": 1536, "kv_lora_rank": 512,
    "qk_nope_head_dim": 128, "qk_rope_head_dim": 64, "v_head_dim": 128, "vocab_size": 129280, "max_position_embeddings": 163840,
    "num_nextn_predict_layers": 1,
}  # fmt: skip
INT4 = {"num_bits": 4, "type": "int", "symmetric": True, "strategy": "group", "group_size": 128}
FP8 = {"num_bits": 8, "type": "float", "symmetric": True, "strategy": "channel"}
NVFP4 = {"num_bits": 4, "type": "float", "symmetric": True, "strategy": "tensor_group", "group_size": 16}
KV8 = {"num_bits": 8, "type": "float", "symmetric": True}


def read(config: dict[str, Any], **quantization: Any) -> ModelShape:
    return from_config({**config, "quantization_config": quantization})


def parts(shape: ModelShape) -> tuple[float, float, float]:
    bits = bits_of(shape, None)
    return bits.attn, bits.ffn, bits.experts


def compressed(*groups: dict[str, Any], ignore: tuple[str, ...] = ("lm_head",), **more: Any) -> dict[str, Any]:
    named = {f"group_{i}": {"targets": ["Linear"], **group} for i, group in enumerate(groups)}
    return {"quant_method": "compressed-tensors", "config_groups": named, "ignore": list(ignore), **more}


def test_the_kv_cache_is_no_format_of_the_weights() -> None:
    """Four-bit weights beside an 8-bit KV cache: 5.70 GB, and the cache follows."""
    shape = read(LLAMA, **compressed({"weights": INT4}, format="pack-quantized", kv_cache_scheme=KV8))
    assert checkpoint_bytes(shape, bits_of(shape, None)) == pytest.approx(5_700_059_136, rel=0.01)
    assert shape.quantization is not None
    assert shape.quantization.kv_cache == "fp8"
    assert own_format(shape) == "int4-gptq"


def test_activations_are_no_format_of_the_weights() -> None:
    """Weights of 4 bit with activations of 8; weights alone where there are no activations' entries."""
    shape = read(LLAMA, **compressed({"weights": INT4, "input_activations": FP8}))
    assert (4.125, 4.125) == parts(shape)[:2]
    shape = read(LLAMA, **compressed({"weights": NVFP4, "input_activations": None}))
    assert ("nvfp4", 4.5) == (own_format(shape), parts(shape)[0])


def test_every_group_counts_for_what_it_targets() -> None:
    """Experts in NVFP4, the attention in FP8: two groups with regular expressions as targets."""
    shape = read(
        DEEPSEEK,
        **compressed(
            {"weights": NVFP4, "targets": [r"re:.*mlp\.experts\..*"]},
            {"weights": FP8, "targets": [r"re:.*self_attn\.(q_a|q_b|o)_proj$"]},
        ),
    )
    attn, ffn, experts = parts(shape)
    assert 4.5 == experts
    assert 16 == ffn
    assert 8 < attn < 9.5  # kv_a and kv_b stay wide: 18 M of 187 M weights a layer
    assert own_format(shape) == "nvfp4"


def test_layers_that_are_named_one_by_one_stay_wide_one_by_one() -> None:
    """The first and the last FFN of 32."""
    ignore = [f"model.layers.{i}.mlp.{one}_proj" for i in (0, 31) for one in ("gate", "up", "down")]
    shape = read(LLAMA, **compressed({"weights": FP8}, ignore=("lm_head", *ignore)))
    attn, ffn, _ = parts(shape)
    assert attn == pytest.approx(8.004, abs=0.01)
    assert ffn == pytest.approx((30 * 8.004 + 2 * 16) / 32, abs=0.01)


@pytest.mark.parametrize(
    ("quantization", "expected"),
    [
        ({"quant_method": "modelopt", "quant_algo": "NVFP4", "ignore": ["lm_head", "model.layers.*.self_attn*"]}, (16, 4.5)),
        ({"quant_method": "modelopt", "quant_algo": "NVFP4", "exclude_modules": ["lm_head"]}, (4.5, 4.5)),
        ({"quant_method": "modelopt", "quant_algo": "FP8", "exclude_modules": ["lm_head", "*mlp.experts*"]}, (8, 16)),
        ({"quantization": {"quant_algo": "FP8_PB_WO", "exclude_modules": []}}, (8.002, 8.002)),
        ({"quant_method": "modelopt", "quant_algo": "MXFP8"}, (8.25, 8.25)),
        ({"quant_method": "modelopt", "quant_algo": "MIXED_PRECISION",
          "quantized_layers": {f"model.layers.{i}.mlp.experts.0.{one}_proj": {"quant_algo": "NVFP4", "group_size": 16}
                               for i in range(48) for one in ("gate", "up", "down")}}, (16, 4.5)),
        ({"quant_method": "fp8", "weight_block_size": [128, 128], "modules_to_not_convert": ["self_attn"]}, (16, 8.002)),
        ({"quant_method": "fbgemm_fp8", "modules_to_not_convert": [f"model.layers.{i}.self_attn.{one}_proj" for i in range(48)
                                                                   for one in "qkvo"]}, (16, 8.004)),
        ({"quant_method": "awq", "bits": 4, "group_size": 64, "zero_point": True, "modules_to_not_convert": ["self_attn"]}, (16, 4.3125)),
        ({"quant_method": "gptq", "bits": 4, "group_size": 128, "dynamic": {"-:.*self_attn.*": {}}}, (16, 4.15625)),
        ({"quant_method": "gptq", "bits": 4, "group_size": 128, "dynamic": {"+:.*self_attn.*": {"bits": 8, "group_size": 32}}},
         (8.75, 4.15625)),
        ({"quant_method": "mxfp4", "modules_to_not_convert": ["model.layers.*.self_attn", "lm_head"]}, (16, 4.25)),
        ({"quant_method": "bitsandbytes", "load_in_4bit": True, "llm_int8_skip_modules": ["self_attn"]}, (16, 4.5)),
        ({"quant_method": "quark", "global_quant_config": {"weight": {"dtype": "fp4", "group_size": 32}}, "exclude": ["*self_attn*"]},
         (16, 4.25)),
        ({"quant_method": "quark", "global_quant_config": {"weight": {"dtype": "fp8_e4m3", "qscheme": "per_tensor"}},
          "layer_quant_config": {"*experts*": {"weight": {"dtype": "fp4", "group_size": 32}}}}, (8, 4.25)),
        ({"quant_method": "auto-round", "bits": 4, "group_size": 128, "sym": True}, (4.15625, 4.15625)),
        ({"quant_method": "torchao", "quant_type": {"default": {"_type": "Float8DynamicActivationFloat8WeightConfig", "_data": {}}},
          "modules_to_not_convert": ["self_attn"]}, (16, 8.004)),
    ],
    ids=lambda one: str(one.get("quant_method", one.get("quantization"))) if isinstance(one, dict) else "",
)  # fmt: skip
def test_attention_and_experts_by_method(quantization: dict[str, Any], expected: tuple[float, float]) -> None:
    """What a method's own list of exceptions names stays in 16 bit, in the way in which its engine compares names."""
    attn, _, experts = parts(read(MOE, **quantization))
    assert expected == pytest.approx((attn, experts), abs=0.01)


def test_weights_beside_activations_of_another_width_in_quark() -> None:
    """fp4 weights, fp8 activations: 5.81 GB."""
    shape = read(
        LLAMA,
        quant_method="quark",
        global_quant_config={"weight": {"dtype": "fp4", "group_size": 32}, "input_tensors": {"dtype": "fp8_e4m3"}},
    )
    assert checkpoint_bytes(shape, bits_of(shape, None)) == pytest.approx(5_809_111_040, rel=0.005)


@pytest.mark.parametrize(
    ("quantization", "gb"),
    [
        ({"quant_method": "bitsandbytes", "load_in_4bit": True, "bnb_4bit_quant_type": "nf4", "bnb_4bit_use_double_quant": True}, 5.70),
        ({"quant_method": "bitsandbytes", "load_in_8bit": True}, 9.08),
        ({"quant_method": "torchao", "quant_type": {"default": {"_type": "Int4WeightOnlyConfig", "_data": {"group_size": 128}}}}, 5.81),
        ({"quant_method": "torchao", "quant_type": "int8_weight_only"}, 9.08),
    ],
)
def test_dense_checkpoints_of_libraries(quantization: dict[str, Any], gb: float) -> None:
    """6.98 G weights of the layers at the method's width, 1.05 G of embeddings and head in 16 bit."""
    shape = read(LLAMA, **quantization)
    assert checkpoint_bytes(shape, bits_of(shape, None)) / 1e9 == pytest.approx(gb, rel=0.005)


@pytest.mark.parametrize(
    ("quantization", "named"),
    [
        ({"quant_method": "mxfp4", "modules_to_not_convert": ["lm_head"]}, "dense"),
        ({"quant_method": "aqlm"}, "aqlm"),
        ({"quant_method": "modelopt", "quant_algo": "W4A8_MXFP4_FP8"}, "W4A8_MXFP4_FP8"),
        ({"quant_method": "quark", "global_quant_config": {"weight": {"dtype": "fp6_e3m2"}}}, "fp6_e3m2"),
        ({"quant_method": "torchao", "quant_type": {"default": {"_type": "GemliteUIntXWeightOnlyConfig"}}}, "Gemlite"),
        (compressed({"weights": {**INT4, "num_bits": 3}}), "num_bits 3"),
        (compressed({"weights": {**INT4, "group_size": "x"}}), "group_size"),
        (compressed(), "no group"),
        (compressed({"weights": INT4, "targets": ["re:(*"]}), r"re:\(\*"),
        ({"quant_method": "gptq", "bits": 5}, "bits 5"),
        ({"bits": 4}, "unnamed"),
    ],
)
def test_what_is_not_known_is_refused_by_name(quantization: dict[str, Any], named: str) -> None:
    """Never a guess of the bits."""
    with pytest.raises(InputError, match=named):
        read(LLAMA, **quantization)


def test_a_prediction_layer_that_is_named_stays_wide() -> None:
    """`mtp` in the list, or the layer beyond the last one: what the file holds more of, a plain server does not load."""
    narrow = read(DEEPSEEK, **compressed({"weights": INT4}))
    wide = read(DEEPSEEK, **compressed({"weights": INT4}, ignore=("lm_head", r"re:.*layers\.61\..*")))
    assert wide.quantization is not None
    assert wide.quantization.bits["mtp"] == 16
    more = checkpoint_bytes(wide, bits_of(wide, None)) - checkpoint_bytes(narrow, bits_of(narrow, None))
    assert more == pytest.approx(11.6e9 * (16 - 4.125) / 8, rel=0.02)


def test_groups_are_those_of_the_file() -> None:
    """What a layout may cut is a multiple of the file's own group, not of 128."""
    shape = read(LLAMA, quant_method="awq", bits=4, group_size=64)
    assert shape.quantization is not None
    assert 64 == shape.quantization.group


@pytest.mark.parametrize("name", [name for name, rule in rules().items() if rule.get("published")])
def test_the_modules_of_a_class_are_its_matrices(name: str) -> None:
    """What a method with no exceptions narrows is nearly all of the layers: norms, convolutions and routers are the rest."""
    published = rules()[name]["published"]["config"]
    shape = from_config({"architectures": [name], **published, "quantization_config": {"quant_method": "fp8"}})
    counts = count(shape)
    named = sum(one.weights for one in modules(shape, kinds_of(shape)) if one.part != "mtp")
    held = counts.attn + counts.ffn - counts.router + counts.experts
    assert held == pytest.approx(named, rel=0.03)


def kinds_of(shape: ModelShape) -> list[tuple[str, str]]:
    return [(group.attn, group.ffn) for group in shape.layers for _ in range(group.n)]
