"""Brings a model from the bucket into a folder by its manifest, and verifies the SHA-256 of every file.

The folder is of one manifest. What an older one beside it has already is linked, not fetched; nothing of that one is changed,
for an engine may serve from it.

Prints one line of JSON: {"fetched": [...], "kept": n, "files": [...]}. Exit 1 with one line on stderr when there is no manifest,
when it is not the expected one, when the disk is too small for what is missing, or when a file does not match. Files that match
are kept. Standard library only.
"""

from __future__ import annotations

import argparse
import concurrent.futures
import hashlib
import json
import os
import pathlib
import shutil
import subprocess
import sys
from typing import Any

PIECE_BYTES = 1 << 20
AT_A_TIME = 4


class Refused(Exception):
    pass


class Source:
    """The model's prefix in the bucket, read with the AWS command and the credentials of the node's role."""

    def __init__(self, address: str, endpoint_url: str) -> None:
        self.address = address
        self.options = ["--only-show-errors", *(["--endpoint-url", endpoint_url] if endpoint_url else [])]

    def copy(self, name: str, target: pathlib.Path) -> None:
        self._aws([f"{self.address}/{name}", str(target)], f"no {name} at {self.address}/{name}")

    def copy_all(self, names: list[str], folder: pathlib.Path) -> None:
        """One by one and several at a time: the node's role may read objects, not list the bucket."""
        for name in names:
            (folder / name).parent.mkdir(parents=True, exist_ok=True)
        with concurrent.futures.ThreadPoolExecutor(AT_A_TIME) as pool:
            list(pool.map(lambda name: self.copy(name, folder / name), names))

    def _aws(self, arguments: list[str], meaning: str) -> None:
        done = subprocess.run(["aws", "s3", "cp", *self.options, *arguments], capture_output=True, text=True, check=False)
        if done.returncode:
            said = (done.stderr.strip().splitlines() or [f"aws exited {done.returncode}"])[-1]
            raise Refused(f"{meaning}: {said}")


def main(arguments: list[str] | None = None) -> int:
    told = _arguments(arguments)
    try:
        answer = bring(Source(told.source.rstrip("/"), told.endpoint_url), told.folder, told.manifest_sha256)
    except Refused as error:
        sys.stderr.write(f"{error}\n")
        return 1
    sys.stdout.write(json.dumps(answer) + "\n")
    return 0


def bring(source: Source, folder: pathlib.Path, manifest_sha256: str) -> dict[str, Any]:
    folder.mkdir(parents=True, exist_ok=True)
    entries = _manifest(source, folder, manifest_sha256)["files"]
    for entry in entries:
        _refuse_outside(entry["path"])
    _link_from_others(folder, entries)
    wrong = _differing(folder, entries)
    if wrong:
        for entry in wrong:
            (folder / entry["path"]).unlink(missing_ok=True)  # never written into: it may be a link to a file that an engine reads
        _refuse_small_disk(folder, wrong)
        source.copy_all([entry["path"] for entry in wrong], folder)
        _refuse_different(folder, _differing(folder, wrong))
    for entry in entries:
        (folder / entry["path"]).chmod(0o644)
    known = {entry["path"] for entry in entries}
    _remove_strangers(folder, known | {"manifest.json"})
    return {"fetched": [entry["path"] for entry in wrong], "kept": len(entries) - len(wrong), "files": sorted(known)}


def _arguments(arguments: list[str] | None) -> argparse.Namespace:
    parser = argparse.ArgumentParser()
    parser.add_argument("--source", required=True, help="s3://bucket/prefix of the model")
    parser.add_argument("--folder", required=True, type=pathlib.Path)
    parser.add_argument("--manifest-sha256", required=True)
    parser.add_argument("--endpoint-url", default="", help="of S3, where it is not AWS's own; older AWS commands know no variable for it")
    return parser.parse_args(arguments)


def _manifest(source: Source, folder: pathlib.Path, expected: str) -> Any:
    path = folder / "manifest.json"
    if not path.is_file() or _sha256(path) != expected:
        incoming = folder / ".manifest.json.incoming"
        source.copy("manifest.json", incoming)
        found = _sha256(incoming)
        if found != expected:
            incoming.unlink()
            raise Refused(f"manifest.json has SHA-256 {found}, expected {expected}: the weights changed since they were uploaded")
        incoming.replace(path)
        path.chmod(0o644)
    return json.loads(path.read_text())


def _link_from_others(folder: pathlib.Path, entries: list[dict[str, Any]]) -> None:
    """Link files of the folders of other manifests; the content is read afterwards like that of any file."""
    for manifest in folder.parent.glob("*/manifest.json"):
        if manifest.parent == folder:
            continue
        there = {entry["sha256"]: manifest.parent / entry["path"] for entry in json.loads(manifest.read_text())["files"]}
        for entry in entries:
            same, target = there.get(entry["sha256"]), folder / entry["path"]
            if same and same.is_file() and not same.is_symlink() and not target.exists():
                target.parent.mkdir(parents=True, exist_ok=True)
                os.link(same, target)


def _refuse_small_disk(folder: pathlib.Path, missing: list[dict[str, Any]]) -> None:
    needed = sum(entry["size_bytes"] for entry in missing)
    free = shutil.disk_usage(folder).free
    if needed > free:
        others = [path for path in folder.parent.iterdir() if path.is_dir() and path != folder]
        beside = ", beside the weights that are served now" if others else ""
        raise Refused(
            f"{needed / 1e9:.1f} GB are needed in {folder}{beside}, {free / 1e9:.1f} GB are free; take the stack down and up again"
        )


def _refuse_outside(name: str) -> None:
    if not name or name.startswith("/") or ".." in pathlib.PurePosixPath(name).parts or name == "manifest.json":
        raise Refused(f"manifest.json names a file outside the model's folder: {name!r}")


def _refuse_different(folder: pathlib.Path, left: list[dict[str, Any]]) -> None:
    """A file that is not what the manifest says is taken away, lest an engine load it."""
    for entry in left:
        (folder / entry["path"]).unlink(missing_ok=True)
    if left:
        more = f" (and {len(left) - 1} more)" if len(left) > 1 else ""
        raise Refused(f"{left[0]['path']}{more}: size or SHA-256 differs from the manifest; upload the weights again")


def _differing(folder: pathlib.Path, entries: list[dict[str, Any]]) -> list[dict[str, Any]]:
    with concurrent.futures.ThreadPoolExecutor(min(8, os.cpu_count() or 1)) as pool:
        same = list(pool.map(lambda entry: _matches(folder, entry), entries))
    return [entry for number, entry in enumerate(entries) if not same[number]]


def _matches(folder: pathlib.Path, entry: dict[str, Any]) -> bool:
    path = folder / entry["path"]
    return path.is_file() and not path.is_symlink() and path.stat().st_size == entry["size_bytes"] and _sha256(path) == entry["sha256"]


def _sha256(path: pathlib.Path) -> str:
    digest = hashlib.sha256()
    with path.open("rb") as file:
        while piece := file.read(PIECE_BYTES):
            digest.update(piece)
    return digest.hexdigest()


def _remove_strangers(folder: pathlib.Path, known: set[str]) -> None:
    for path in folder.rglob("*"):
        if path.is_file() and path.relative_to(folder).as_posix() not in known:
            path.unlink()


if __name__ == "__main__":
    sys.exit(main())
