"""A model's files from the hub: at one commit, each held against the hub's checksum, nothing that runs among them."""

from __future__ import annotations

import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from huggingface_hub import constants
from pydantic import SecretStr

from inferstack.records.errors import CloudRefused, InputError
from inferstack.stack import hub_client, hugging_face
from tests.inferstack import hub as hubs
from tests.inferstack.hub import SHA, Hub, Repository, serving

FILES = {
    "model.safetensors": b"weights" * 100,
    "config.json": b"{}",
    "tokenizer.json": b"{}",
    "tokenizer_evil.py": b"import os",
    "modeling_x.py": b"import os",
    "README.md": b"# x",
}


@pytest.fixture
def hub() -> Iterator[Hub]:
    with serving(org__model=Repository(dict(FILES))) as made:
        yield made


@pytest.fixture
def no_pause(monkeypatch: pytest.MonkeyPatch) -> None:
    """The library pauses between its attempts."""
    monkeypatch.setattr(time, "sleep", lambda seconds: None)


def _download(hub: Hub, tmp_path: Path, **more: Any) -> hugging_face.Downloaded:
    environment = {"HF_ENDPOINT": hub.address, "XDG_CACHE_HOME": str(tmp_path)}
    more = {"on_progress": lambda *told: None, **more}
    return hugging_face.download("org/model", token=SecretStr(hub.token), environment=environment, **more)


def _names(folder: Path) -> list[str]:
    paths = [path.relative_to(folder) for path in folder.rglob("*") if path.is_file()]
    return sorted(path.as_posix() for path in paths if path.parts[0] != hugging_face.NOTES)


def test_files_are_those_of_the_listings_commit_and_no_code(hub: Hub, tmp_path: Path) -> None:
    """A push between listing and download changes nothing; `tokenizer*` took a Python file along."""
    done = _download(hub, tmp_path)
    assert SHA == done.revision
    assert ["config.json", "model.safetensors", "tokenizer.json"] == _names(done.folder)
    paths = [path for _, path, _, _ in hub.asked if "/resolve/" in path]
    assert paths and all(f"/resolve/{SHA}/" in path for path in paths)


def test_the_revision_that_a_plan_names_is_the_one_that_is_fetched(hub: Hub, tmp_path: Path) -> None:
    """A model that was added was sized at one commit; what its branch holds today is another file."""
    assert SHA == _download(hub, tmp_path, revision=SHA).revision
    assert f"/api/models/org/model/revision/{SHA}" in [path.split("?")[0] for _, path, _, _ in hub.asked]


def test_code_comes_only_where_the_plan_consents(hub: Hub, tmp_path: Path) -> None:
    """A model whose repository's code must run needs it on the node."""
    assert {"tokenizer_evil.py", "modeling_x.py"} <= set(_names(_download(hub, tmp_path, code=True).folder))
    assert not {"tokenizer_evil.py", "modeling_x.py"} & set(_names(_download(hub, tmp_path).folder))


@pytest.mark.parametrize("name", ["model.safetensors", "config.json"])
def test_a_file_that_is_not_what_the_hub_lists_is_not_kept(hub: Hub, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, name: str) -> None:
    """SHA-256 of a large file, git's SHA-1 of a small one; the size alone certified anything."""
    listing = hubs._sibling

    def wrong(path: str, content: bytes) -> dict[str, Any]:
        return listing(path, content if path != name else bytes(len(content)))

    monkeypatch.setattr(hubs, "_sibling", wrong)
    with pytest.raises(CloudRefused, match=f"{name}: its checksum is not the one that the hub lists"):
        _download(hub, tmp_path)
    assert name not in [Path(path).name for path in map(str, tmp_path.rglob("*"))]


def test_what_lies_there_already_is_held_against_the_checksum_too(hub: Hub, tmp_path: Path) -> None:
    """A damaged file of the right size is fetched again, a whole one is not."""
    folder = _download(hub, tmp_path).folder
    sent = hub.sent_bytes
    _download(hub, tmp_path)
    assert sent == hub.sent_bytes
    (folder / "model.safetensors").write_bytes(bytes(len(FILES["model.safetensors"])))
    (folder / "stranger.bin").write_bytes(b"x")
    _download(hub, tmp_path)
    assert FILES["model.safetensors"] == (folder / "model.safetensors").read_bytes()
    assert not (folder / "stranger.bin").exists()


def test_a_name_with_a_control_character_is_refused_before_a_byte_is_fetched(hub: Hub, tmp_path: Path) -> None:
    """It was a traceback of the HTTP library."""
    hub.repositories["org/model"].files["a\nb.safetensors"] = b"x"
    with pytest.raises(InputError, match="has a control character in its name"):
        _download(hub, tmp_path)
    assert 0 == hub.sent_bytes


def test_a_hub_without_commit_or_checksum_is_refused(hub: Hub, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Nothing is taken that could not be told from something else."""
    monkeypatch.setattr(hubs, "_sibling", lambda path, content: {"rfilename": path, "size": len(content)})
    with pytest.raises(CloudRefused, match="the hub names no checksum of it"):
        _download(hub, tmp_path)
    monkeypatch.setattr(hubs, "SHA", "main")
    with pytest.raises(CloudRefused, match="the hub names no commit of it"):
        _download(hub, tmp_path)


def test_a_file_that_comes_short_is_fetched_on_from_where_it_broke(
    hub: Hub, tmp_path: Path, no_pause: None, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The rest is asked for by range; the progress ends at the bytes of all files."""
    monkeypatch.setattr(constants, "DOWNLOAD_CHUNK_SIZE", 10)
    hub.repositories["org/model"].fault = "cut-once"
    told: list[tuple[str, int, int]] = []
    folder = _download(hub, tmp_path, on_progress=lambda *one: told.append(one)).folder
    assert FILES["model.safetensors"] == (folder / "model.safetensors").read_bytes()
    assert "bytes=20-" in [ranged for host, _, ranged, _ in hub.asked if host == "store"]
    size = sum(len(FILES[name]) for name in _names(folder))
    assert ("org/model", size, size) == max(told)


def test_a_hub_that_goes_silent_is_given_up(hub: Hub, tmp_path: Path, no_pause: None, monkeypatch: pytest.MonkeyPatch) -> None:
    """The library lists a tree without any time limit of its own."""
    monkeypatch.setattr(hub_client, "TIMEOUT_S", 0.05)
    hub.repositories["org/model"].fault = "silent-tree"
    with pytest.raises(CloudRefused, match="cannot be reached: timed out"):
        _download(hub, tmp_path)


def test_a_link_in_the_cache_is_not_written_through(hub: Hub, tmp_path: Path) -> None:
    """What it points at stays as it is."""
    elsewhere = tmp_path / "elsewhere"
    elsewhere.write_bytes(b"mine")
    folder = _download(hub, tmp_path).folder
    for name in ("config.json", "stranger"):
        (folder / name).unlink(missing_ok=True)
        (folder / name).symlink_to(elsewhere)
    _download(hub, tmp_path)
    assert b"mine" == elsewhere.read_bytes()
    assert ["config.json", "model.safetensors", "tokenizer.json"] == _names(folder)
    assert not (folder / "config.json").is_symlink()
