"""The tiny model: the same bytes each time, and words whose number is known."""

from __future__ import annotations

import hashlib
import json
import struct
from pathlib import Path

import pytest

from inferstack.sandbox.engine import tiny_model, vocabulary
from inferstack.sandbox.engine.vocabulary import Sizes

SMALL = Sizes(hidden=64, layers=1, heads=2, kv_heads=1, feed_forward=64)


def sums(files: tuple[Path, ...]) -> dict[str, str]:
    return {path.name: hashlib.sha256(path.read_bytes()).hexdigest() for path in files}


def test_the_same_seed_gives_the_same_bytes_and_another_seed_others(tmp_path: Path) -> None:
    """Rule: the manifest of the rehearsal's weights is the same on every machine."""
    first, second = (sums(tiny_model.make(tmp_path / name, sizes=SMALL)) for name in ("a", "b"))
    other = sums(tiny_model.make(tmp_path / "c", sizes=Sizes(hidden=64, layers=1, heads=2, kv_heads=1, feed_forward=64, seed=8)))
    assert first == second
    assert {"model.safetensors", "tiny.gguf"} == {name for name in first if first[name] != other[name]}
    everything = ["config.json", "generation_config.json", "model.safetensors", "tiny.gguf", "tokenizer.json", "tokenizer_config.json"]
    assert everything == list(first)


def test_there_is_one_token_for_each_short_word() -> None:
    """Rule: 256 bytes, 26 + 676 words, 5 control tokens, none twice."""
    tokens = vocabulary.tokens()
    assert (963, 963) == (len(tokens), len(set(tokens)))
    assert ("Ġa", "Ġzz", "<s>", "</s>") == (tokens[256], tokens[vocabulary.WORDS.stop - 1], tokens[vocabulary.BOS], tokens[vocabulary.EOS])


def test_only_words_can_be_said() -> None:
    """Rule: the output rows of bytes and control tokens are zero, so greedy output never ends early."""
    head = tiny_model.weights(SMALL)["lm_head.weight"]
    silent = [row for row in range(vocabulary.SIZE) if not head[row].any()]
    assert [*range(256), *range(vocabulary.SIZE - 5, vocabulary.SIZE)] == silent


def test_the_safetensors_file_is_what_its_header_says(tmp_path: Path) -> None:
    """Rule: every tensor's bytes are its shape in bfloat16, one after the other to the end of the file."""
    tiny_model.make(tmp_path, sizes=SMALL)
    content = (tmp_path / "model.safetensors").read_bytes()
    length = struct.unpack("<Q", content[:8])[0]
    header = json.loads(content[8 : 8 + length])
    header.pop("__metadata__")
    end = 0
    for entry in header.values():
        count = 2
        for side in entry["shape"]:
            count *= side
        assert [end, end + count] == entry["data_offsets"]
        end += count
    assert len(content) == 8 + length + end


def test_the_default_has_heads_that_every_engine_has_a_kernel_for() -> None:
    """Rule: 32 is the least head size that vLLM serves on a CPU; the config says the same sizes."""
    from inferstack.sandbox.engine.huggingface import config

    assert (32, 32) == (tiny_model.SMALLEST.head_dim, config(tiny_model.SMALLEST)["head_dim"])


@pytest.mark.parametrize("layer", [0, 1])
def test_every_tensor_has_its_ggml_name(layer: int) -> None:
    """Rule: what is not renamed llama.cpp would not find."""
    names = [tiny_model._ggml_name(name) for name in tiny_model.weights(tiny_model.SMALLEST) if f"layers.{layer}." in name]
    parts = ["attn_norm", "ffn_norm", "attn_q", "attn_k", "attn_v", "attn_output", "ffn_gate", "ffn_up", "ffn_down"]
    assert [f"blk.{layer}.{part}.weight" for part in parts] == names
