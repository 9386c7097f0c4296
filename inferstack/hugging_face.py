"""A model's files from the Hugging Face hub into a cache folder: weights, configuration, tokenizer; code with consent alone."""

from __future__ import annotations

import os
import shutil
from collections.abc import Callable, Mapping
from fnmatch import fnmatch
from pathlib import Path
from typing import TYPE_CHECKING, Any

from pydantic import SecretStr

from inferstack import toolchain
from records.errors import CloudRefused, InputError
from sizing import second_formats

if TYPE_CHECKING:
    import httpx

HUB = "https://huggingface.co"
WANTED = ("*.safetensors", "*.json", "*.model", "*.jinja", "tokenizer*", "merges.txt", "vocab.txt", "LICENSE*", "NOTICE*", "USE_POLICY*")
CODE = ("*.py",)
CHUNK_BYTES = 8 * 2**20

Progress = Callable[[str, int, int], None]


def download(
    model: str, *, token: SecretStr | None, on_progress: Progress, code: bool = False, environment: Mapping[str, str] = os.environ
) -> Path:
    """The folder of the model's files. A file that is there whole is not fetched again. `code`: its repository's Python files too, which
    the plan's `trust_remote_code` consents to. Raises InputError, CloudRefused."""
    import httpx

    folder = toolchain.cache_folder(environment) / "models" / model.replace("/", "--")
    headers = {"Authorization": f"Bearer {token.get_secret_value()}"} if token else {}
    base = environment.get("HF_ENDPOINT", HUB).rstrip("/")
    try:
        with httpx.Client(base_url=base, headers=headers, follow_redirects=True, timeout=60) as hub:
            files = _files(hub, model, code=code)
            _refuse_small_disk(folder, files)
            for name, size_bytes in files.items():
                on_progress(name, 0, size_bytes)
                _fetch(hub, model, name, size_bytes=size_bytes, target=folder / name, on_progress=on_progress)
    except httpx.HTTPError as error:
        raise CloudRefused(f"{base} cannot be reached: {error}", kind="timeout", hint="look at HTTPS_PROXY, then run it again") from None
    return folder


def _files(hub: httpx.Client, model: str, *, code: bool) -> dict[str, int]:
    """Names with sizes. The weights come once, in the format that engines load; code only with consent."""
    answer = hub.get(f"/api/models/{model}", params={"blobs": "true"})
    _refuse(answer, model)
    told: list[dict[str, Any]] = answer.json().get("siblings", [])
    twice = second_formats.second(one["rfilename"] for one in told)
    patterns = (*WANTED, *(CODE if code else ()))
    names = {one["rfilename"]: int(one.get("size") or 0) for one in told if any(fnmatch(one["rfilename"], pattern) for pattern in patterns)}
    safe = {name: size for name, size in names.items() if not name.startswith("/") and ".." not in name.split("/") and name not in twice}
    if not any(name.endswith(".safetensors") for name in safe):
        raise InputError(f"model {model}: its repository holds no safetensors", hint="give a folder of its files instead")
    return safe


def _fetch(hub: httpx.Client, model: str, name: str, *, size_bytes: int, target: Path, on_progress: Progress) -> None:
    if target.exists() and (not size_bytes or target.stat().st_size == size_bytes):
        return
    target.parent.mkdir(parents=True, exist_ok=True)
    partial, done = target.with_name(f".{target.name}.part"), 0
    with hub.stream("GET", f"/{model}/resolve/main/{name}") as answer, partial.open("wb") as file:
        _refuse(answer, model)
        for chunk in answer.iter_bytes(CHUNK_BYTES):
            done += file.write(chunk)
            on_progress(name, done, size_bytes)
    if size_bytes and done != size_bytes:
        raise CloudRefused(f"{name}: {done} of {size_bytes} bytes came", kind="timeout", hint="run it again; what is whole is kept")
    partial.replace(target)


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
