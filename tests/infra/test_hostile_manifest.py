"""The manifest of weights lies in a bucket that others may write: what `put` would never write is refused whole, in one line."""

from __future__ import annotations

import io
import json
from pathlib import PurePosixPath
from types import SimpleNamespace
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from inferstack.records.errors import InputError
from infra.calls import weights

MODEL = "acme/model"
GOOD = {"path": "sub/model.safetensors", "size_bytes": 7, "sha256": "0" * 64}
HOSTILE = [
    "{{ lookup('ansible.builtin.pipe', 'touch /tmp/pwned') }}\n",
    "x\nExecStartPre=+/bin/touch /pwned",
    "x\x1b]0;OWNED\x07\x1b[2J",
    "x\u202e",
    "../x",
    "a/../../x",
    "/etc/cron.d/x",
    "a//x",
    "./x",
    "manifest.json",
    "",
]


def read(document: Any) -> weights.Manifest | None:
    """What the control machine makes of it; whatever is there is all that S3 answers."""
    client = SimpleNamespace(get_object=lambda **_: {"Body": io.BytesIO(json.dumps(document).encode())})
    return weights.present(SimpleNamespace(client=lambda _: client), bucket="b", model=MODEL)  # type: ignore[arg-type]


def refused(document: Any) -> None:
    with pytest.raises(InputError, match="is not a weights manifest") as caught:
        read(document)
    assert caught.value.message.isprintable()


def manifest(**entry: Any) -> dict[str, Any]:
    return {"schema_version": 1, "model": MODEL, "files": [{**GOOD, **entry}]}


def test_what_put_writes_is_read() -> None:
    """Names with blanks, brackets and dollar signs are names."""
    for path in ("config.json", "sub/a b.json", "{{ x }}", "$(id).safetensors"):
        found = read(manifest(path=path))
        assert found is not None and path == found.files[0].path


@pytest.mark.parametrize("path", HOSTILE)
def test_a_path_that_leaves_the_folder_or_acts_on_a_terminal_is_no_manifest(path: str) -> None:
    """It would become a file on a node, and a line of Ansible's."""
    refused(manifest(path=path))


@pytest.mark.parametrize(
    "entry",
    [
        {"path": 5},
        {"path": None},
        {"path": ["x"]},
        {"size_bytes": "7"},
        {"size_bytes": -1},
        {"size_bytes": True},
        {"size_bytes": 1.5},
        {"sha256": "x"},
        {"sha256": None},
        {"sha256": "0" * 64 + "\n"},
    ],
)
def test_a_field_of_another_kind_is_no_manifest(entry: dict[str, Any]) -> None:
    """Else the program on the node ends in a trace."""
    refused(manifest(**entry))


@pytest.mark.parametrize(
    "document", [[], "x", 5, None, {"files": 5, "model": MODEL}, {"files": [5], "model": MODEL}, {"files": [], "model": 5}]
)
def test_another_document_is_no_manifest(document: Any) -> None:
    """Whatever JSON there is."""
    refused(document)


@pytest.mark.parametrize("revision", [5, ["x"], {"a": 1}])
def test_a_revision_is_a_text(revision: Any) -> None:
    """Or left out."""
    refused({**manifest(), "revision": revision})


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(), lambda inner: st.lists(inner) | st.dictionaries(st.text(), inner)
)


@settings(max_examples=40)
@given(path=st.text() | JSON, size=st.integers() | JSON, digest=st.text() | JSON)
def test_whatever_is_in_a_manifest_it_is_refused_or_stays_inside_its_folder(path: Any, size: Any, digest: Any) -> None:
    """Any texts and any JSON in any field."""
    for entry in ({"path": path}, {"size_bytes": size}, {"sha256": digest}, {"path": path, "size_bytes": size, "sha256": digest}):
        try:
            found = read(manifest(**entry))
        except InputError as error:
            assert error.message.isprintable()
            continue
        assert found is not None
        for file in found.files:
            parts = PurePosixPath(file.path).parts
            assert file.path.isprintable() and parts and parts[0] != "/" and ".." not in parts
            assert file.size_bytes >= 0 and 64 == len(file.sha256)
