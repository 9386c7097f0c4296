"""sizing.models.local_files: folders, config.json and GGUF files of this machine, with exact sizes and without reading a weight."""

from __future__ import annotations

import json
import struct
from pathlib import Path
from typing import Any

import pytest

from inferstack.records.errors import InputError
from sizing.models import local_files
from sizing.models.hf_config import from_config
from sizing.models.parameters import count
from sizing.models.shape import ModelShape
from tests.sizing.gguf_files import written

CONFIG: dict[str, Any] = {
    "architectures": ["LlamaForCausalLM"], "model_type": "llama", "hidden_size": 64, "intermediate_size": 128, "num_hidden_layers": 1,
    "num_attention_heads": 4, "num_key_value_heads": 2, "vocab_size": 256, "max_position_embeddings": 512, "torch_dtype": "bfloat16",
}  # fmt: skip
TENSORS: dict[str, list[int]] = {
    "model.embed_tokens.weight": [256, 64], "lm_head.weight": [256, 64], "model.norm.weight": [64],
    "model.layers.0.input_layernorm.weight": [64], "model.layers.0.post_attention_layernorm.weight": [64],
    "model.layers.0.self_attn.q_proj.weight": [64, 64], "model.layers.0.self_attn.k_proj.weight": [32, 64],
    "model.layers.0.self_attn.v_proj.weight": [32, 64], "model.layers.0.self_attn.o_proj.weight": [64, 64],
    "model.layers.0.mlp.gate_proj.weight": [128, 64], "model.layers.0.mlp.up_proj.weight": [128, 64],
    "model.layers.0.mlp.down_proj.weight": [64, 128],
}  # fmt: skip


def safetensors(tensors: dict[str, list[int]], dtype: str = "BF16", width: int = 2) -> bytes:
    header, at = {}, 0
    for name, shape in tensors.items():
        size = width
        for one in shape:
            size *= one
        header[name] = {"dtype": dtype, "shape": shape, "data_offsets": [at, at + size]}
        at += size
    text = json.dumps(header).encode()
    return struct.pack("<Q", len(text)) + text + bytes(at)


def folder(tmp_path: Path, files: dict[str, bytes] | None = None, **config: Any) -> Path:
    here = tmp_path / "my-model"
    here.mkdir()
    (here / "config.json").write_text(json.dumps({**CONFIG, **config}))
    for name, content in (files or {"model.safetensors": safetensors(TENSORS)}).items():
        (here / name).parent.mkdir(exist_ok=True)
        (here / name).write_bytes(content)
    return here


def shape_of(path: Path) -> ModelShape:
    return from_config(local_files.config_of(path))


def test_a_folder_gives_its_name_its_shape_and_the_bytes_of_its_files(tmp_path: Path) -> None:
    """Bytes of the files, not of arithmetic."""
    here = folder(tmp_path)
    shape = shape_of(here)
    assert ("my-model", (here / "model.safetensors").stat().st_size, ()) == (shape.id, shape.checkpoint_bytes, shape.uncertain)
    assert sum(a * (b if b else 1) for a, b in (([*one, 0])[:2] for one in TENSORS.values())) == count(shape).total


def test_a_file_alone_gives_the_shape_without_sizes(tmp_path: Path) -> None:
    """Named after its folder."""
    shape = shape_of(folder(tmp_path) / "config.json")
    assert ("my-model", None) == (shape.id, shape.checkpoint_bytes)


def test_a_second_format_in_the_folder_is_not_part_of_the_checkpoint(tmp_path: Path) -> None:
    """consolidated.safetensors is what Mistral's own engine reads."""
    here = folder(
        tmp_path, {"model.safetensors": safetensors(TENSORS), "consolidated.safetensors": bytes(5000), "tokenizer.json": bytes(70)}
    )
    exact = local_files.config_of(here)["inferstack"]
    assert (len(safetensors(TENSORS)), 5000, 70) == (exact["checkpoint_bytes"], exact["original_bytes"], exact["tokenizer_bytes"])


def test_an_older_file_of_modelopt_tells_its_format_beside_the_config(tmp_path: Path) -> None:
    """hf_quant_config.json, which engines read where config.json tells no format."""
    (tmp_path / "config.json").write_text(json.dumps(CONFIG))
    beside = {
        "producer": {"name": "modelopt"},
        "quantization": {"quant_algo": "FP8", "kv_cache_quant_algo": "FP8", "exclude_modules": ["lm_head"]},
    }
    (tmp_path / "hf_quant_config.json").write_text(json.dumps(beside))
    shape = from_config(local_files.config_of(tmp_path))
    assert shape.quantization is not None
    assert ("fp8", "fp8") == (shape.quantization.format, shape.quantization.kv_cache)


def test_the_index_gives_the_size_where_no_weights_are_there(tmp_path: Path) -> None:
    """And says so."""
    index = {"metadata": {"total_size": 123456}, "weight_map": {}}
    shape = shape_of(folder(tmp_path, {"model.safetensors.index.json": json.dumps(index).encode()}))
    assert 123456 == shape.checkpoint_bytes
    assert "sizes from the index only: no weight file is present" in shape.uncertain


def test_a_file_that_the_index_names_and_that_is_missing_is_refused(tmp_path: Path) -> None:
    """Half a download is no model."""
    index = {"metadata": {}, "weight_map": {"a": "model.safetensors", "b": "model-2.safetensors"}}
    files = {"model.safetensors": safetensors(TENSORS), "model.safetensors.index.json": json.dumps(index).encode()}
    with pytest.raises(InputError, match=r"1 of the files that model\.safetensors\.index\.json names are missing, for example model-2"):
        local_files.config_of(folder(tmp_path, files))


def test_a_vision_tower_is_counted_from_its_tensors(tmp_path: Path) -> None:
    """An unknown size becomes a known one."""
    files = {"model.safetensors": safetensors({**TENSORS, "vision_tower.patch.weight": [10, 10]})}
    here = tmp_path / "llava"
    here.mkdir()
    config = {"architectures": ["LlavaForConditionalGeneration"], "text_config": CONFIG, "vision_config": {"depth": 1}}
    (here / "config.json").write_text(json.dumps(config))
    (here / "model.safetensors").write_bytes(files["model.safetensors"])
    shape = shape_of(here)
    assert (100, ()) == (shape.vision_params, shape.uncertain)


def test_prediction_layers_are_found_by_their_tensors(tmp_path: Path) -> None:
    """A layer beyond the last one; a config may promise one that the files do not hold."""
    more = {**TENSORS, "model.layers.1.mlp.up_proj.weight": [128, 64]}
    exact = local_files.config_of(folder(tmp_path, {"model.safetensors": safetensors(more)}))["inferstack"]
    assert exact["mtp_in_checkpoint"]
    vision, other = tmp_path / "vision", tmp_path / "other"
    vision.mkdir()
    other.mkdir()
    deeper = {**TENSORS, "vision_tower.encoder.layers.9.weight": [10, 10]}
    assert not local_files.config_of(folder(vision, {"model.safetensors": safetensors(deeper)}))["inferstack"]["mtp_in_checkpoint"]
    assert not local_files.config_of(folder(other))["inferstack"]["mtp_in_checkpoint"]


def test_files_that_are_not_what_the_config_says_are_said(tmp_path: Path) -> None:
    """32 bit weights under a config of 16 bit: twice the bytes."""
    here = folder(tmp_path, {"model.safetensors": safetensors(TENSORS, "F32", 4)})
    assert any("the rule of LlamaForCausalLM gives" in note for note in shape_of(here).uncertain)


def test_an_adapter_is_recognised_and_its_base_named(tmp_path: Path) -> None:
    """A LoRA is not a model of its own."""
    (tmp_path / "adapter_config.json").write_text(json.dumps({"peft_type": "LORA", "r": 16, "base_model_name_or_path": "org/base"}))
    (tmp_path / "adapter_model.safetensors").write_bytes(bytes(2_000_000))
    with pytest.raises(InputError, match=r"is an adapter \(LORA, rank 16, 2\.0 MB\) of org/base") as raised:
        local_files.config_of(tmp_path)
    assert "--model org/base" in raised.value.hint


@pytest.mark.parametrize(
    ("damage", "message"),
    [
        (lambda whole: whole[:4], "is cut off"),
        (lambda whole: whole[:40], "is cut off"),
        (lambda whole: whole[:-10], "is cut off: its header tells of"),
        (lambda whole: struct.pack("<Q", 2**62) + whole[8:], "its header would have"),
        (lambda whole: whole[:8] + b"[" * 300 + whole[308:], "is not JSON"),
        (lambda whole: whole.replace(b'"BF16"', b'"BF99"'), "has no dtype, shape and data_offsets that are known"),
    ],
)
def test_damaged_weights_are_refused_in_one_line(damage: Any, message: str, tmp_path: Path) -> None:
    """Named with their file."""
    with pytest.raises(InputError, match=message) as raised:
        local_files.config_of(folder(tmp_path, {"model.safetensors": damage(safetensors(TENSORS))}))
    assert "model.safetensors" in raised.value.message
    assert "\n" not in raised.value.message


def test_a_folder_with_one_gguf_file_is_that_file(tmp_path: Path) -> None:
    """Two of them are a question."""
    written(tmp_path / "a.gguf")
    assert "a-small-llama" == shape_of(tmp_path).id
    written(tmp_path / "b.gguf")
    with pytest.raises(InputError, match=r"holds 2 \.gguf files"):
        local_files.config_of(tmp_path)


@pytest.mark.parametrize("name", ["./here", "/models/x", "~/x", "x.gguf", "config.json"])
def test_a_path_is_known_by_its_form(name: str) -> None:
    """Whether it exists is said when it is read."""
    assert local_files.names_a_path(name)
    assert not local_files.names_a_path("meta-llama/Llama-3.1-8B-Instruct")


def test_no_such_place_is_one_line() -> None:
    """With what is allowed."""
    with pytest.raises(InputError, match="no such file or folder") as raised:
        local_files.config_of(Path("/nowhere/at/all"))
    assert "a folder, a config.json or a .gguf file" in raised.value.hint
