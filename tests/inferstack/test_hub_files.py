"""inferstack.stack.hugging_face: which files of a repository come, and that code comes with consent alone."""

from __future__ import annotations

from pathlib import Path

from inferstack.stack import hugging_face
from tests.inferstack.hub import Repository, serving

FILES = {
    "config.json": b"{}", "model.safetensors": bytes(10), "tokenizer.json": b"{}", "tokenization_acme.py": b"#", "README.md": b"#",
    "consolidated.safetensors": bytes(9), "original/model.safetensors": bytes(8),
}  # fmt: skip


def fetched(tmp_path: Path, *, code: bool) -> set[str]:
    with serving(acme__m=Repository(dict(FILES))) as hub:
        place = {"HF_ENDPOINT": hub.address, "XDG_CACHE_HOME": str(tmp_path)}
        folder = hugging_face.download("acme/m", token=None, on_progress=lambda *_: None, code=code, environment=place).folder
        names = {path.relative_to(folder).as_posix() for path in folder.rglob("*") if path.is_file()}
        return {name for name in names if not name.startswith(f"{hugging_face.NOTES}/")}


def test_weights_come_once(tmp_path: Path) -> None:
    """Neither the folder `original` nor consolidated weights beside shards: gpt-oss came twice, 121.5 GiB for 60.8."""
    assert {"config.json", "model.safetensors", "tokenizer.json"} == fetched(tmp_path, code=False)


def test_code_comes_with_consent(tmp_path: Path) -> None:
    """A tokenizer that is code of the repository is of no use without its file."""
    assert "tokenization_acme.py" in fetched(tmp_path, code=True)
