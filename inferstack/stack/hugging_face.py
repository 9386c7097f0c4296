"""A model's files from the Hugging Face hub into a cache folder: weights, configuration, tokenizer; code with consent alone."""

from __future__ import annotations

import glob
import os
import re
import shutil
import threading
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from fnmatch import fnmatch
from pathlib import Path
from typing import TYPE_CHECKING, Any

from pydantic import SecretStr

from inferstack.records.errors import CloudRefused, InputError
from inferstack.stack import hub_client, toolchain
from sizing.models import second_formats

if TYPE_CHECKING:
    from huggingface_hub import HfApi

WANTED = ("*.safetensors", "*.json", "*.model", "*.jinja", "tokenizer*", "merges.txt", "vocab.txt", "LICENSE*", "NOTICE*", "USE_POLICY*")
COMMIT = re.compile(r"[0-9a-f]{40}")
FOLDER_HINT = "give a folder of its files instead"
NOTES = ".cache"
"""The library's own notes inside the folder: what it has fetched, at which commit."""

Progress = Callable[[str, int, int], None]


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
    """Fetch the model's files at `revision`, else at the commit of the hub's listing, each held against the hub's own checksum.

    A file that is there whole is not fetched again, one that the listing does not have is taken away. Python files only with `code`.
    Raises InputError, CloudRefused.
    """
    folder = toolchain.cache_folder(environment) / "models" / model.replace("/", "--")
    with hub_client.opened(model, token=token, environment=environment) as api:
        commit, sizes = _files(api, model, revision=revision, code=code)
        _refuse_small_disk(folder, sizes)
        there = _cleared(folder, sizes)
        damaged = _fetched(api, model, commit, folder, sizes, on_progress=on_progress)
        if damaged and damaged <= there:  # they lay here before, and are no fault of the hub's
            damaged = _fetched(api, model, commit, folder, sizes, on_progress=on_progress)
    if damaged:
        first = min(damaged)
        raise CloudRefused(f"{first}: its checksum is not the one that the hub lists; nothing of it is kept", hint="run it again")
    return Downloaded(folder, commit)


def _files(api: HfApi, model: str, *, revision: str | None, code: bool) -> tuple[str, dict[str, int]]:
    """Return the commit and the files that are wanted of it, with their bytes."""
    listing = hub_client.model_info(api, model, revision)
    if not COMMIT.fullmatch(str(listing.sha)):
        raise CloudRefused(f"model {model}: the hub names no commit of it", hint=FOLDER_HINT)
    told = {one.rfilename: one for one in listing.siblings or ()}
    names = [name for name in told if _wanted(name, code=code)]
    bad = next((name for name in names if not name.isprintable()), None)
    if bad is not None:
        raise InputError(f"model {model}: its file {bad!r:.80} has a control character in its name", hint=FOLDER_HINT)
    twice = second_formats.second(told)  # the weights come once, in the format that engines load
    safe = [name for name in names if name not in twice and not name.startswith("/") and ".." not in name.split("/")]
    if not any(name.endswith(".safetensors") for name in safe):
        raise InputError(f"model {model}: its repository contains no safetensors", hint=FOLDER_HINT)
    for name in safe:
        if not told[name].lfs and not told[name].blob_id:
            raise CloudRefused(f"{name}: the hub names no checksum of it", hint=FOLDER_HINT)
    return str(listing.sha), {name: told[name].size or 0 for name in safe}


def _wanted(name: str, *, code: bool) -> bool:
    runs = name.lower().endswith((".py", ".pyc", ".so", ".sh"))
    return (code and name.endswith(".py")) if runs else any(fnmatch(name, pattern) for pattern in WANTED)


def _cleared(folder: Path, wanted: Iterable[str]) -> set[str]:
    """Remove what the listing does not have; return the names of what stays."""
    files = {path.relative_to(folder).as_posix(): path for path in folder.rglob("*") if path.is_symlink() or path.is_file()}
    kept = {name for name in wanted if name in files and not files[name].is_symlink()}
    for name, path in files.items():
        if name not in kept and not name.startswith(f"{NOTES}/"):
            path.unlink()
    return kept


def _fetched(api: HfApi, model: str, commit: str, folder: Path, sizes: Mapping[str, int], *, on_progress: Progress) -> set[str]:
    """Fetch what is not there and hold every file against its checksum; remove those that differ, and return their names."""
    missing = sum(size for name, size in sizes.items() if not (folder / name).exists())
    api.snapshot_download(
        model,
        revision=commit,
        local_dir=folder,
        allow_patterns=[glob.escape(name) for name in sizes],
        tqdm_class=_bar(model, missing, on_progress),
    )
    found = api.verify_repo_checksums(model, revision=commit, local_dir=folder)
    damaged = {one["path"] for one in found.mismatches} | (set(found.missing_paths) & set(sizes))
    # A file that the second listing does not have was held against nothing.
    damaged |= set(found.extra_paths) & set(sizes)
    for name in damaged:
        (folder / name).unlink(missing_ok=True)
    return damaged


def _bar(model: str, size: int, on_progress: Progress) -> Any:
    """Return a progress bar that draws nothing and tells `on_progress` how many bytes of all files have come."""
    from huggingface_hub.utils import tqdm

    lock, came = threading.Lock(), 0

    class Bar(tqdm):
        def __init__(self, *arguments: Any, name: str | None = None, **more: Any) -> None:
            self.counts = name == "huggingface_hub.snapshot_download"  # beside it are bars of files and of what compression saves
            super().__init__(*arguments, name=name, **{**more, "disable": True})

        def update(self, n: float | None = 1) -> bool | None:
            nonlocal came
            if self.counts:
                with lock:
                    came += int(n or 0)
                    on_progress(model, came, size)
            return None

    return Bar


def _refuse_small_disk(folder: Path, files: Mapping[str, int]) -> None:
    folder.mkdir(parents=True, exist_ok=True)
    needed = sum(size for name, size in files.items() if not (folder / name).exists())
    free = shutil.disk_usage(folder).free
    if needed > free:
        raise CloudRefused(
            f"{needed / 1e9:.0f} GB are needed in {folder}, {free / 1e9:.0f} GB are free", kind="host", hint="set XDG_CACHE_HOME"
        )
