"""The same weights by the formats' own writers, as GGUF and as a Hugging Face folder: one shape, each file's own bytes."""

from __future__ import annotations

from pathlib import Path

import pytest

from sizing.models import local_files
from sizing.models.hf_config import from_config
from sizing.models.parameters import count
from sizing.models.shape import ModelShape


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    pytest.importorskip("gguf")
    from inferstack.sandbox.engine import tiny_model

    made = tmp_path_factory.mktemp("models") / "tiny"
    tiny_model.make(made)
    return made


def test_both_formats_of_one_model_give_one_shape(folder: Path) -> None:
    """Counts, layers, heads, vocabulary, context; no doubt in either."""
    shapes = [from_config(local_files.config_of(path)) for path in (folder, folder / "tiny.gguf")]
    assert _figures(shapes[0]) == _figures(shapes[1])
    assert ((), ()) == (shapes[0].uncertain, shapes[1].uncertain)


def test_each_format_has_the_bytes_of_its_own_file(folder: Path) -> None:
    """As the file system says."""
    for path, file in ((folder, folder / "model.safetensors"), (folder / "tiny.gguf", folder / "tiny.gguf")):
        assert file.stat().st_size == from_config(local_files.config_of(path)).checkpoint_bytes


def _figures(shape: ModelShape) -> tuple[object, ...]:
    return (count(shape), shape.layers, shape.heads, shape.kv_heads, shape.head_dim, shape.vocab, shape.max_positions, shape.tied)
