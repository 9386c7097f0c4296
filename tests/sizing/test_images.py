"""sizing.models.image_tokens: tokens of an image as each family's own processor counts them, and what they cost."""

from __future__ import annotations

import dataclasses
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from inferstack.records.errors import InputError
from inferstack.records.files.facts import load
from sizing.batch.question import parse
from sizing.catalog import find_model, models
from sizing.estimate import answer
from sizing.models.hf_config import from_config
from sizing.models.image_tokens import RULES, Images, family, grid, images
from sizing.models.quantisation.formats import bits_of
from sizing.models.shape import ModelShape
from sizing.models.weights import Shards, per_gpu_bytes
from sizing.options.replica import SpecialReplica
from sizing.speed.replica import Replica

FAMILIES = load("sizing")["images"]["families"]["records"]
SEEING = ["Llama-4-Scout-17B-16E-Instruct", "gemma-3-12b-it", "Mistral-Small-3.2-24B-Instruct-2506", "Qwen3.5-27B"]


def _shape(architecture: str) -> ModelShape:
    """Any shape of that class: the rule looks at nothing else."""
    return dataclasses.replace(find_model("Llama-3.1-8B-Instruct"), architecture=architecture)


def _of(architecture: str, pixels: str) -> Images:
    return images(_shape(architecture), per_request=1.0, pixels=pixels, tokens=None)


@pytest.mark.parametrize(
    ("architecture", "pixels", "tokens", "patches"),
    [
        ("MllamaForConditionalGeneration", "1024x768", 1, 4 * 1601),
        ("Llama4ForConditionalGeneration", "336x336", 144 + 3, 577),
        ("Llama4ForConditionalGeneration", "1024x768", 13 * 144 + 4 * 3 + 3, 13 * 577),
        ("Llama4ForConditionalGeneration", "9000x9000", 17 * 144 + 16 + 3, 17 * 577),
        ("Qwen2_5_VLForConditionalGeneration", "1024x768", 37 * 27 + 2, 37 * 27 * 4),
        ("Qwen2_5_VLForConditionalGeneration", "20x20", 2 * 2 + 2, 16),
        ("Qwen2_5_VLForConditionalGeneration", "8000x8000", 128 * 128 + 2, 65536),
        ("Qwen3VLForConditionalGeneration", "1024x768", 32 * 24 + 2, 32 * 24 * 4),
        ("Qwen3VLForConditionalGeneration", "100x100", 8 * 8 + 2, 256),
        ("Gemma3ForConditionalGeneration", "1024x768", 256 + 4, 4096),
        ("Mistral3ForConditionalGeneration", "1024x768", 28 * (37 + 1), 28 * 37 * 4),
        ("Mistral3ForConditionalGeneration", "3080x1540", 28 * (55 + 1), 28 * 55 * 4),
        ("PixtralForConditionalGeneration", "1024x1024", 64 * (64 + 1), 4096),
        ("KimiK25ForConditionalGeneration", "1024x768", 37 * 28, 37 * 28 * 4),
        ("KimiK25ForConditionalGeneration", "2800x2800", 64 * 64, 16384),
    ],
)
def test_an_image_takes_what_the_familys_processor_says(architecture: str, pixels: str, tokens: int, patches: int) -> None:
    """Computed by hand from the processor that the facts name as their source."""
    found = _of(architecture, pixels)
    assert (tokens, patches) == (found.tokens, found.patches)


def test_llama_3_2_keeps_an_image_in_its_cross_attention_alone() -> None:
    """Four tiles of 1,601 patches, whatever the size."""
    small, large = (_of("MllamaForConditionalGeneration", one) for one in ("10x10", "9000x100"))
    assert 6404 == small.cross_tokens == large.cross_tokens


def test_a_grid_shows_the_whole_image_with_the_fewest_tiles() -> None:
    """The example of the processor's own documentation (300 x 200 pixels on a row of two tiles of 224), and two by hand."""
    assert (1, 2) == grid(300, 200, tile=224, most=3)
    assert (1, 1) == grid(100, 100, tile=336, most=16)
    assert (2, 1) == grid(300, 337, tile=336, most=16)


def test_every_family_names_a_rule_a_source_and_a_class_that_is_known() -> None:
    """And no class stands in two families."""
    classes = [name for one in FAMILIES for name in one["architectures"]]
    assert len(set(classes)) == len(classes)
    assert set(classes) <= {*load("sizing")["architectures"]["known"]["records"], *(one.architecture for one in models())}
    for one in FAMILIES:
        assert one["rule"] in RULES
        assert one["source"] and one["says"]


def test_every_model_of_the_facts_with_a_vision_tower_has_a_rule() -> None:
    """Classifiers aside; and its tower is in the weights that a GPU holds."""
    seeing = [one for one in models() if one.vision_params and one.generates]
    assert 10 < len(seeing)
    for one in seeing:
        assert family(one) is not None, one.id


def test_the_vision_tower_is_in_the_weights() -> None:
    """Without it a replica would hold 16 bit of its parameters less."""
    whole = find_model("gemma-3-12b-it")
    blind = dataclasses.replace(whole, vision_params=0)
    held = [per_gpu_bytes(one, bits_of(one, None), Shards(gpus=1, attention=1, pp=1, experts=1)) for one in (whole, blind)]
    assert 2 * whole.vision_params == pytest.approx(held[0] - held[1])


def test_a_model_that_does_not_see_is_refused_in_one_line() -> None:
    """By key, with the model's class."""
    with pytest.raises(InputError, match=r"images_per_request: meta-llama/Llama-3\.1-8B-Instruct has no vision tower") as caught:
        images(find_model("Llama-3.1-8B-Instruct"), per_request=1, pixels="10x10", tokens=None)
    assert "\n" not in caught.value.message


def test_tokens_may_be_given_in_place_of_pixels() -> None:
    """The encoder then runs the patches that the family merges to as many tokens."""
    found = images(find_model("gemma-3-12b-it"), per_request=3, pixels=None, tokens=100)
    assert (300, 1600) == (found.prompt_tokens, found.patches)


def test_a_tower_of_unknown_size_is_counted_with_what_is_known() -> None:
    """Qwen2-VL from a config: the rule is known, the encoder's parameters are not, so its time is none."""
    text = {"hidden_size": 1536, "num_hidden_layers": 28, "num_attention_heads": 12, "num_key_value_heads": 2, "intermediate_size": 8960}
    config = {
        "architectures": ["Qwen2VLForConditionalGeneration"], "model_type": "qwen2_vl", "vocab_size": 151936,
        "max_position_embeddings": 32768,
        "vision_config": {"depth": 32}, **text,
    }  # fmt: skip
    assert not from_config(config).vision_params
    r = parse(
        {"id": "x", "config": config, "gpu": "L4", "isl": 100, "osl": 10, "images_per_request": 1, "image_pixels": "1024x768"}
    ).replica
    assert isinstance(r, SpecialReplica)
    assert r.images is not None
    assert (1001, 0.0) == (r.images.tokens, r.encoder_s)


def _replica(model: str, **more: Any) -> Replica:
    return parse({"id": "x", "model": model, "gpu": "H100", "isl": 1000, "osl": 100, **more}).replica


def test_the_encoder_takes_twice_its_parameters_a_patch() -> None:
    """FLOP over the arithmetic that the prompt attains, spread over the tokens of the prompt."""
    r = _replica("gemma-3-12b-it", images_per_request=2, image_pixels="800x600")
    assert isinstance(r, SpecialReplica)
    flop = 2 * r.shape.vision_params * 4096 * 2
    assert flop / (r.gpu.flops_bf16 * r.efficiency.prefill) == pytest.approx(r.encoder_s * (1000 + 2 * 260))
    plain = _replica("gemma-3-12b-it")
    assert r.prefill_s(1520) - plain.prefill_s(1520) == pytest.approx(r.encoder_s * 1520)


def test_an_image_of_llama_3_2_holds_kv_of_cross_attention_layers() -> None:
    """8 layers x 8 heads x 128 x 2 (K and V) x 2 bytes x 6,404 tokens, whatever the text; vLLM's blocks hold all 40 layers."""
    asked = {"images_per_request": 1, "image_pixels": "800x600"}
    seen, plain = (_replica("Llama-3.2-11B-Vision-Instruct", engine="tensorrt-llm", **one) for one in (asked, {}))
    assert 8 * 8 * 128 * 2 * 2 * 6404 == seen.kv.running_bytes(512) - plain.kv.running_bytes(512)
    blocks = _replica("Llama-3.2-11B-Vision-Instruct", engine="vllm", engine_version="0.6.6", **asked)
    assert 40 * 8 * 128 * 2 * 2 * 6404 == blocks.kv.state_bytes
    assert plain.decode_s(8, 512) < seen.decode_s(8, 512)


@settings(max_examples=40, deadline=None)
@given(
    model=st.sampled_from(SEEING), n=st.integers(1, 4), side=st.integers(64, 700), wide=st.floats(1, 3), load_=st.sampled_from([1, 8, 64])
)
def test_more_or_larger_images_never_raise_throughput(model: str, n: int, side: int, wide: float, load_: int) -> None:
    """Twice the images, or twice both sides of each, below the sizes from which processors scale down. Some rules cut a small image into
    more tokens than the doubled one: larger is what has no fewer tokens."""

    def tokens(scale: int) -> float:
        return images(find_model(model), per_request=1, pixels=f"{round(side * wide) * scale}x{side * scale}", tokens=None).tokens

    def rate(count: int, scale: int) -> float:
        pixels = f"{round(side * wide) * scale}x{side * scale}"
        asked = {"isl": 256, "osl": 128, "images_per_request": count, "image_pixels": pixels, "concurrency": load_, "tp": 2}
        return float(answer({"id": "x", "model": model, "gpu": "H200", **asked})["output_tokens_per_s"])

    one = rate(n, 1)
    assert rate(2 * n, 1) <= one * (1 + 1e-9)
    assert tokens(2) < tokens(1) or rate(n, 2) <= one * (1 + 1e-9)
