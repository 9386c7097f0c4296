"""sizing.models.vision_towers against published counts, to the parameter, and in the weights of a GPU."""

from __future__ import annotations

from typing import Any

import pytest

from sizing.catalog import find_model
from sizing.estimate import answer
from sizing.models import vision_towers
from sizing.models.hf_config import from_config
from sizing.models.parameters import count

SIGLIP = {"model_type": "siglip_vision_model", "hidden_size": 1152, "intermediate_size": 4304, "num_hidden_layers": 27, "patch_size": 14,
          "image_size": 896}  # fmt: skip
QWEN3 = {"depth": 27, "hidden_size": 1152, "intermediate_size": 4304, "patch_size": 16, "temporal_patch_size": 2, "spatial_merge_size": 2,
         "num_position_embeddings": 2304}  # fmt: skip
PIXTRAL = {"model_type": "pixtral", "hidden_size": 1024, "intermediate_size": 4096, "num_hidden_layers": 24, "patch_size": 14}
LLAMA4 = {"model_type": "llama4_vision_model", "hidden_size": 1408, "intermediate_size": 5632, "num_hidden_layers": 34, "patch_size": 14,
          "image_size": 336, "vision_output_dim": 4096, "projector_input_dim": 4096, "projector_output_dim": 4096}  # fmt: skip
QWEN2_5 = {"depth": 32, "hidden_size": 1280, "intermediate_size": 3420, "out_hidden_size": 3584, "patch_size": 14, "spatial_merge_size": 2,
           "temporal_patch_size": 2, "in_channels": 3}  # fmt: skip
QWEN2 = {"depth": 32, "embed_dim": 1280, "mlp_ratio": 4, "hidden_size": 3584, "patch_size": 14, "spatial_merge_size": 2,
         "temporal_patch_size": 2, "in_chans": 3}  # fmt: skip
QWEN_7B = {"hidden_size": 3584, "intermediate_size": 18944, "num_hidden_layers": 28, "num_attention_heads": 28, "num_key_value_heads": 4,
           "vocab_size": 152064, "max_position_embeddings": 128000, "tie_word_embeddings": False, "torch_dtype": "bfloat16"}  # fmt: skip
INTERN = {"model_type": "intern_vit_6b", "hidden_size": 1024, "intermediate_size": 4096, "num_hidden_layers": 24, "patch_size": 14,
          "image_size": 448}  # fmt: skip
CLIP = {"model_type": "clip_vision_model", "hidden_size": 1024, "intermediate_size": 4096, "num_hidden_layers": 24, "patch_size": 14,
        "image_size": 336}  # fmt: skip
PROJECTOR_1024_4096 = 1024 * 4096 + 4096 + 4096 * 4096 + 4096


@pytest.mark.parametrize(
    ("config", "model"),
    [
        ({"model_type": "gemma3", "vision_config": SIGLIP}, "gemma-3-27b-it"),
        ({"model_type": "gemma3", "vision_config": SIGLIP}, "gemma-3-12b-it"),
        ({"model_type": "mistral3", "vision_config": PIXTRAL, "spatial_merge_size": 2}, "Mistral-Small-3.2-24B-Instruct-2506"),
        ({"model_type": "llama4", "vision_config": LLAMA4}, "Llama-4-Scout-17B-16E-Instruct"),
        ({"model_type": "qwen3_5", "vision_config": QWEN3}, "Qwen3.5-27B"),
        ({"model_type": "qwen3_5_moe", "vision_config": QWEN3}, "Qwen3.5-397B-A17B"),
    ],
)
def test_a_tower_has_the_parameters_of_the_facts(config: dict[str, Any], model: str) -> None:
    """What published totals leave beside the text model."""
    shape = find_model(model)
    assert shape.vision_params == vision_towers.params(config, text_hidden=shape.hidden)


@pytest.mark.parametrize(
    ("config", "text_hidden", "published"),
    [
        ({"vision_config": CLIP}, 4096, 303_507_456 + PROJECTOR_1024_4096),  # openai/clip-vit-large-patch14-336
        ({"vision_config": INTERN}, 4096, 304_012_288 + 2 * 4096 + 4096 * 4096 + 4096 + 4096 * 4096 + 4096),  # InternViT-300M-448px
    ],
)
def test_a_tower_that_is_published_alone_has_its_count(config: dict[str, Any], text_hidden: int, published: int) -> None:
    """With the projector to the text model beside it."""
    assert published == vision_towers.params(config, text_hidden=text_hidden)


@pytest.mark.parametrize(
    ("name", "vision", "total"),
    [
        ("Qwen2_5_VLForConditionalGeneration", {**QWEN2_5, "model_type": "qwen2_5_vl"}, 8_292_166_656),
        ("Qwen2VLForConditionalGeneration", {**QWEN2, "model_type": "qwen2_vl"}, 8_291_375_616),
    ],
)
def test_a_model_with_its_tower_has_the_published_total(name: str, vision: dict[str, Any], total: int) -> None:
    """Qwen2.5-VL-7B and Qwen2-VL-7B, by the hub's counts of their tensors."""
    config = {"architectures": [name], "model_type": vision["model_type"], **QWEN_7B, "vision_config": vision}
    assert total == count(from_config(config)).total


def test_a_tower_that_lacks_a_width_is_said() -> None:
    """By its key; the text model is counted all the same."""
    vision = {key: value for key, value in QWEN2_5.items() if key != "depth"}
    config = {"architectures": ["Qwen2_5_VLForConditionalGeneration"], "model_type": "qwen2_5_vl", **QWEN_7B, "vision_config": vision}
    shape = from_config(config)
    assert shape.vision_params == 0
    assert any("vision_config.depth" in one for one in shape.uncertain)


def test_vllm_keeps_a_tower_whole_on_every_gpu() -> None:
    """Gemma 3 27B over four cards: 13.17 GiB logged (vllm-project/vllm#15676), 12.81 with the tower cut."""
    found = answer({"id": "x", "model": "gemma-3-27b-it", "gpu": "L40S", "tp": 4, "engine_version": "0.8.2", "memory_only": True})
    assert 13.1665 == pytest.approx(found["weights_gib"], rel=0.02)
    assert found["weights_gib"] > 13.1665
