"""The tiny model as a Hugging Face folder: config, tokenizer, generation config, and safetensors written by hand in bfloat16."""

from __future__ import annotations

import json
import struct
from pathlib import Path
from typing import TYPE_CHECKING, Any

from inferstack.sandbox.engine import vocabulary

if TYPE_CHECKING:
    from inferstack.sandbox.engine.vocabulary import Sizes

NORM_EPS, ROPE_THETA = 1e-5, 10000.0


def write(folder: Path, tensors: dict[str, Any], sizes: Sizes) -> None:
    (folder / "model.safetensors").write_bytes(_safetensors(tensors))
    for name, content in (
        ("config.json", config(sizes)),
        ("tokenizer.json", _tokenizer()),
        ("tokenizer_config.json", _tokenizer_config(sizes)),
        ("generation_config.json", {"bos_token_id": vocabulary.BOS, "eos_token_id": vocabulary.EOS}),
    ):
        (folder / name).write_text(json.dumps(content, indent=1, ensure_ascii=False) + "\n", encoding="utf-8")


def config(sizes: Sizes) -> dict[str, Any]:
    return {
        "architectures": ["LlamaForCausalLM"],
        "model_type": "llama",
        "hidden_size": sizes.hidden,
        "num_hidden_layers": sizes.layers,
        "num_attention_heads": sizes.heads,
        "num_key_value_heads": sizes.kv_heads,
        "head_dim": sizes.head_dim,
        "intermediate_size": sizes.feed_forward,
        "max_position_embeddings": sizes.context,
        "vocab_size": vocabulary.SIZE,
        "rms_norm_eps": NORM_EPS,
        "rope_theta": ROPE_THETA,
        "hidden_act": "silu",
        "tie_word_embeddings": False,
        "torch_dtype": "bfloat16",
        "bos_token_id": vocabulary.BOS,
        "eos_token_id": vocabulary.EOS,
    }


def _safetensors(tensors: dict[str, Any]) -> bytes:
    """Length of the header as u64, the header as JSON padded to 8 bytes, the data."""
    import numpy as np

    header: dict[str, Any] = {"__metadata__": {"format": "pt"}}
    data = bytearray()
    for name, tensor in tensors.items():
        rounded = ((tensor.view(np.uint32) + 0x8000) >> 16).astype("<u2").tobytes()
        header[name] = {"dtype": "BF16", "shape": list(tensor.shape), "data_offsets": [len(data), len(data) + len(rounded)]}
        data += rounded
    text = json.dumps(header).encode()
    text += b" " * (-len(text) % 8)
    return struct.pack("<Q", len(text)) + text + bytes(data)


def _tokenizer() -> dict[str, Any]:
    byte_level = {"type": "ByteLevel", "add_prefix_space": False, "trim_offsets": True, "use_regex": True}
    ids = {token: number for number, token in enumerate(vocabulary.tokens())}
    return {
        "version": "1.0",
        "truncation": None,
        "padding": None,
        "added_tokens": [_added(token, ids[token]) for token in vocabulary.CONTROL],
        "normalizer": None,
        "pre_tokenizer": byte_level,
        "post_processor": _begin_with(vocabulary.CONTROL[0], vocabulary.BOS),
        "decoder": byte_level,
        "model": {
            "type": "BPE",
            "dropout": None,
            "unk_token": None,
            "continuing_subword_prefix": None,
            "end_of_word_suffix": None,
            "fuse_unk": False,
            "byte_fallback": False,
            "ignore_merges": False,
            "vocab": ids,
            "merges": [" ".join(pair) for pair in vocabulary.merges()],
        },
    }


def _added(token: str, number: int) -> dict[str, Any]:
    return {"id": number, "content": token, "single_word": False, "lstrip": False, "rstrip": False, "normalized": False, "special": True}


def _begin_with(token: str, number: int) -> dict[str, Any]:
    first = {"SpecialToken": {"id": token, "type_id": 0}}
    a, b = ({"Sequence": {"id": name, "type_id": kind}} for name, kind in (("A", 0), ("B", 1)))
    return {
        "type": "TemplateProcessing",
        "single": [first, a],
        "pair": [first, a, b],
        "special_tokens": {token: {"id": token, "ids": [number], "tokens": [token]}},
    }


def _tokenizer_config(sizes: Sizes) -> dict[str, Any]:
    return {
        "tokenizer_class": "PreTrainedTokenizerFast",
        "bos_token": vocabulary.CONTROL[0],
        "eos_token": vocabulary.CONTROL[1],
        "chat_template": vocabulary.CHAT_TEMPLATE,
        "model_max_length": sizes.context,
        "clean_up_tokenization_spaces": False,
    }
