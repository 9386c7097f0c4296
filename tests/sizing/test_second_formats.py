"""sizing.models.second_formats: weights come once, in the format that engines load."""

from __future__ import annotations

import pytest

from sizing.models.second_formats import second

ONE, TWO = "model-00001-of-00002.safetensors", "model-00002-of-00002.safetensors"
SHARDS = (ONE, TWO, "model.safetensors.index.json", "config.json")
COPY = ("original/model--00001-of-00007.safetensors", "original/config.json")
PIECE = "consolidated-00001-of-00002.safetensors"


@pytest.mark.parametrize(
    ("files", "twice"),
    [
        ((*SHARDS, *COPY), set(COPY)),
        ((*SHARDS, "tokenizer.json", "consolidated.safetensors", "params.json"), {"consolidated.safetensors"}),
        ((*SHARDS, "tekken.json", "params.json", "consolidated.safetensors"), set(SHARDS) - {"config.json"}),
        ((*SHARDS, "tekken.json", "tokenizer.json", PIECE), {PIECE}),
        (("consolidated.safetensors", "tekken.json", "params.json"), set()),
        ((*SHARDS, "onnx/model.safetensors"), {"onnx/model.safetensors"}),
        (SHARDS, set()),
        (("original/consolidated.00.pth", "model.gguf"), set()),
    ],
    ids=["openai", "mistral", "mistral-native", "both-tokenizers", "native-alone", "onnx", "plain", "no-safetensors"],
)
def test_what_is_there_twice(files: tuple[str, ...], twice: set[str]) -> None:
    """A copy in a folder or beside the shards; Mistral's own comes first where only its tokenizer is there."""
    assert twice == second(files)
