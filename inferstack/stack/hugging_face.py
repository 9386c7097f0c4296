"""A model's files from the Hugging Face hub into a cache folder: weights, configuration, tokenizer; code with consent alone."""

from __future__ import annotations

import hashlib
import os
import re
import shutil
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from fnmatch import fnmatch
from pathlib import Path
from typing import TYPE_CHECKING, Any
from urllib.parse import quote

from pydantic import SecretStr

from inferstack.records.errors import CloudRefused, InputError
from inferstack.stack import toolchain
from sizing.models import second_formats

if TYPE_CHECKING:
    import httpx

HUB = "https://huggingface.co"
WANTED = ("*.safetensors", "*.json", "*.model", "*.jinja", "tokenizer*", "merges.txt", "vocab.txt", "LICENSE*", "NOTICE*", "USE_POLICY*")
CHUNK_BYTES = 8 * 2**20

COMMIT = re.compile(r"[0-9a-f]{40}")

Progress = Callable[[str, int, int], None]


@dataclass(frozen=True)
class Listed:
    """A file as the hub lists it: its bytes, and the SHA-256 of a large file or git's SHA-1 of a small one."""

    size_bytes: int
    sha256: str | None
    git_sha1: str | None

    def digest(self) -> Any:
        return hashlib.sha256() if self.sha256 else hashlib.sha1(f"blob {self.size_bytes}\0".encode(), usedforsecurity=False)

    def matches(self, digest: Any) -> bool:
        return bool(digest.hexdigest() == (self.sha256 or self.git_sha1))


@dataclass(frozen=True)
class Downloaded:
    folder: Path
    revision: str


def download(
    model: str,
    *,
    token: SecretStr | None,
    on_progress: Progress,
    revision: str | None = None,
    code: bool = False,
    environment: Mapping[str, str] = os.environ,
) -> Downloaded:
    """The folder of the model's files at `revision`, else at the commit of the hub's listing, each held against the hub's own checksum.

    A file that is there whole is not fetched again, one that the listing does not have is taken away. Python files only with `code`.
    Raises InputError, CloudRefused.
    """
    import httpx

    folder = toolchain.cache_folder(environment) / "models" / model.replace("/", "--")
    headers = {"Authorization": f"Bearer {token.get_secret_value()}"} if token else {}
    base = environment.get("HF_ENDPOINT", HUB).rstrip("/")
    try:
        with httpx.Client(base_url=base, headers=headers, follow_redirects=True, timeout=60) as hub:
            commit, files = _files(hub, model, revision=revision, code=code)
            _refuse_small_disk(folder, {name: one.size_bytes for name, one in files.items()})
            for name, one in files.items():
                on_progress(name, 0, one.size_bytes)
                _fetch(hub, f"/{model}/resolve/{commit}/{name}", one, model=model, target=folder / name, on_progress=on_progress)
    except httpx.HTTPError as error:
        raise CloudRefused(f"{base} cannot be reached: {error}", kind="timeout", hint="look at HTTPS_PROXY, then run it again") from None
    for path in [path for path in folder.rglob("*") if path.is_file() and path.relative_to(folder).as_posix() not in files]:
        path.unlink()
    return Downloaded(folder, commit)


def _files(hub: httpx.Client, model: str, *, revision: str | None, code: bool) -> tuple[str, dict[str, Listed]]:
    answer = hub.get(f"/api/models/{model}" + (f"/revision/{revision}" if revision else ""), params={"blobs": "true"})
    _refuse(answer, model)
    content = answer.json()
    commit, told = str(content.get("sha")), content.get("siblings", [])
    if not COMMIT.fullmatch(commit):
        raise CloudRefused(f"model {model}: the hub names no commit of it", hint="give a folder of its files instead")
    names = {str(one["rfilename"]): one for one in told if _wanted(str(one["rfilename"]), code=code)}
    bad = next((name for name in names if not name.isprintable()), None)
    if bad is not None:
        raise InputError(
            f"model {model}: its file {bad!r:.80} has a control character in its name", hint="give a folder of its files instead"
        )
    twice = second_formats.second(str(one["rfilename"]) for one in told)  # the weights come once, in the format that engines load
    inside = {name: one for name, one in names.items() if not name.startswith("/") and ".." not in name.split("/")}
    safe = {name: _listed(name, one) for name, one in inside.items() if name not in twice}
    if not any(name.endswith(".safetensors") for name in safe):
        raise InputError(f"model {model}: its repository holds no safetensors", hint="give a folder of its files instead")
    return commit, safe


def _wanted(name: str, *, code: bool) -> bool:
    runs = name.lower().endswith((".py", ".pyc", ".so", ".sh"))
    return (code and name.endswith(".py")) if runs else any(fnmatch(name, pattern) for pattern in WANTED)


def _listed(name: str, told: Mapping[str, Any]) -> Listed:
    large = told.get("lfs") or {}
    sha256, git = large.get("sha256"), told.get("blobId")
    if not sha256 and not git:
        raise CloudRefused(f"{name}: the hub names no checksum of it", hint="give a folder of its files instead")
    return Listed(int(large.get("size") or told.get("size") or 0), str(sha256) if sha256 else None, str(git) if git else None)


def _fetch(hub: httpx.Client, address: str, listed: Listed, *, model: str, target: Path, on_progress: Progress) -> None:
    if target.is_file() and target.stat().st_size == listed.size_bytes and listed.matches(_digest_of(target, listed)):
        return
    target.parent.mkdir(parents=True, exist_ok=True)
    partial, done, digest = target.with_name(f".{target.name}.part"), 0, listed.digest()
    with hub.stream("GET", quote(address)) as answer, partial.open("wb") as file:
        _refuse(answer, model)
        for chunk in answer.iter_bytes(CHUNK_BYTES):
            done += file.write(chunk)
            digest.update(chunk)
            on_progress(target.name, done, listed.size_bytes)
    if done != listed.size_bytes:
        size = f"{done} of {listed.size_bytes} bytes"
        raise CloudRefused(f"{target.name}: {size} came", kind="timeout", hint="run it again; what is whole is kept")
    if not listed.matches(digest):
        partial.unlink()
        raise CloudRefused(f"{target.name}: its checksum is not the one that the hub lists; nothing of it is kept", hint="run it again")
    partial.replace(target)


def _digest_of(path: Path, listed: Listed) -> Any:
    digest = listed.digest()
    with path.open("rb") as file:
        while piece := file.read(CHUNK_BYTES):
            digest.update(piece)
    return digest


def _refuse(answer: httpx.Response, model: str) -> None:
    if answer.status_code in (401, 403):
        hint = "accept its licence on its page, then give a token by HF_TOKEN or --hf-token-file"
        raise CloudRefused(
            f"permission: the hub does not give {model} to this identity (HTTP {answer.status_code})", kind="permission", hint=hint
        )
    if answer.status_code == 404:
        raise InputError(f"model {model}: the hub has no such repository", hint="give the whole id, organisation/name, or a folder")
    answer.raise_for_status()


def _refuse_small_disk(folder: Path, files: Mapping[str, int]) -> None:
    folder.mkdir(parents=True, exist_ok=True)
    needed = sum(size for name, size in files.items() if not (folder / name).exists())
    free = shutil.disk_usage(folder).free
    if needed > free:
        raise CloudRefused(
            f"{needed / 1e9:.0f} GB are needed in {folder}, {free / 1e9:.0f} GB are free", kind="host", hint="set XDG_CACHE_HOME"
        )
