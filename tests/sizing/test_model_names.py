"""The id of a model: whatever a file of others calls itself, the id keeps the one rule."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from inferstack.records import model_ids
from inferstack.records.errors import InputError
from sizing.models import local_files
from sizing.models.hf_config import from_config
from sizing.models.user_models import AddedModel
from tests.sizing.gguf_files import LLAMA, written
from tests.sizing.test_local_model import CONFIG, folder

HOSTILE = ["acme/{{ lookup('pipe', 'id') }}", "acme/m\nExecStartPre=+/bin/sh", "a b --trust-remote-code", "\x1b]0;X\x07", "../../etc", 7]


@pytest.mark.parametrize("name", HOSTILE)
def test_a_config_that_names_itself_otherwise_is_called_after_its_folder(tmp_path: Path, name: Any) -> None:
    """A pasted config.json: the folder's name and a sentence."""
    (tmp_path / "pasted").mkdir()
    file = tmp_path / "pasted" / "config.json"
    file.write_text(json.dumps({**CONFIG, "_name_or_path": name}))
    shape = from_config(local_files.config_of(file))
    assert "pasted" == shape.id
    assert any("is not a model id: the model is called pasted" in line for line in shape.uncertain)


@pytest.mark.parametrize("name", HOSTILE)
def test_a_config_of_a_request_is_called_after_its_architecture(name: Any) -> None:
    """No file is there to name it by."""
    shape = from_config({**CONFIG, "_name_or_path": name})
    assert "config-of-LlamaForCausalLM" == shape.id
    assert any("is not a model id" in line for line in shape.uncertain)


@pytest.mark.parametrize("name", HOSTILE[:-1])
def test_a_gguf_file_that_names_itself_otherwise_is_called_after_the_file(tmp_path: Path, name: str) -> None:
    """general.name is free text: the piece's number is no part of the id."""
    path = written(tmp_path / "tiny {{x}}-00001-of-00001.gguf", {**LLAMA, "general.name": name})
    shape = from_config(local_files.config_of(path))
    assert "tiny-x" == shape.id
    assert any("is not a model id: the model is called tiny-x" in line for line in shape.uncertain)


@pytest.mark.parametrize("name", ["My Model", "{{ x }} y", "a\nb"])
def test_a_folder_with_another_name_is_called_by_its_slug(tmp_path: Path, name: str) -> None:
    """A blank made several served names of one."""
    made = folder(tmp_path).rename(tmp_path / name)
    shape = from_config(local_files.config_of(made))
    assert model_ids.slug(name) == shape.id
    assert any("is not a model id" in line for line in shape.uncertain)


def test_an_id_that_travels_inside_a_config_is_refused_where_the_rule_is_broken() -> None:
    """`inferstack.id` is written by this product alone: another hand changed it."""
    with pytest.raises(InputError, match="inferstack: id"):
        from_config({**CONFIG, "inferstack": {"id": "a b"}})


@pytest.mark.parametrize("name", ["a b", "../x", "ä/b", "a\n"])
def test_a_stored_model_keeps_the_rule(name: str) -> None:
    """The file of a model that was added, changed by hand."""
    with pytest.raises(ValueError, match="pattern"):
        AddedModel(id=name, as_of="2026-01-01", source="x", revision="y", config={})
