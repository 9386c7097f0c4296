"""Brings a model from the bucket into a folder by its manifest, and verifies the SHA-256 of every file.

Prints one line of JSON: {"fetched": [...], "kept": n, "files": [...]}. Exit 1 with one line on stderr when there is no manifest,
when it is not the expected one, or when a file does not match. Files that match are kept. Standard library only.
"""

import argparse
import concurrent.futures
import hashlib
import json
import os
import pathlib
import subprocess
import sys


class Refused(Exception):
    pass


class Source:
    """The model's prefix in the bucket, read with the AWS command and the credentials of the node's role."""

    def __init__(self, address, endpoint_url):
        self.address = address
        self.options = ["--only-show-errors", *(["--endpoint-url", endpoint_url] if endpoint_url else [])]

    def copy(self, name, target):
        self._aws([f"{self.address}/{name}", str(target)], f"no {name} at {self.address}/{name}")

    def copy_all(self, names, folder):
        patterns = [word for name in names for word in ("--include", name)]
        self._aws(
            ["--recursive", f"{self.address}/", f"{folder}/", "--exclude", "*", *patterns],
            f"copying {len(names)} files from {self.address} failed",
        )

    def _aws(self, arguments, meaning):
        done = subprocess.run(["aws", "s3", "cp", *self.options, *arguments], capture_output=True, text=True, check=False)
        if done.returncode:
            said = (done.stderr.strip().splitlines() or [f"aws exited {done.returncode}"])[-1]
            raise Refused(f"{meaning}: {said}")


def main(arguments=None):
    told = _arguments(arguments)
    try:
        sys.stdout.write(json.dumps(_bring(told)) + "\n")
    except Refused as error:
        sys.stderr.write(f"{error}\n")
        return 1
    return 0


def _arguments(arguments):
    parser = argparse.ArgumentParser()
    parser.add_argument("--source", required=True, help="s3://bucket/prefix of the model")
    parser.add_argument("--folder", required=True, type=pathlib.Path)
    parser.add_argument("--manifest-sha256", required=True)
    parser.add_argument("--endpoint-url", default="", help="of S3, where it is not AWS's own; older AWS commands know no variable for it")
    return parser.parse_args(arguments)


def _bring(told):
    source, folder = Source(told.source.rstrip("/"), told.endpoint_url), told.folder
    folder.mkdir(parents=True, exist_ok=True)
    entries = _manifest(source, folder, told.manifest_sha256)["files"]
    for entry in entries:
        _refuse_outside(entry["path"])
    wrong = _differing(folder, entries)
    if wrong:
        source.copy_all([entry["path"] for entry in wrong], folder)
        left = _differing(folder, wrong)
        if left:
            for entry in left:
                (folder / entry["path"]).unlink(missing_ok=True)
            raise Refused(
                f"{left[0]['path']}: SHA-256 or size differs from the manifest ({len(left)} of {len(entries)} files); upload the weights again"
            )
    for entry in entries:
        os.chmod(folder / entry["path"], 0o644)
    known = {entry["path"] for entry in entries}
    _remove_strangers(folder, known | {"manifest.json"})
    return {"fetched": [entry["path"] for entry in wrong], "kept": len(entries) - len(wrong), "files": sorted(known)}


def _manifest(source, folder, expected):
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


def _refuse_outside(name):
    parts = pathlib.PurePosixPath(name).parts
    if not parts or name.startswith("/") or ".." in parts or name == "manifest.json":
        raise Refused(f"manifest.json names a file outside the model's folder: {name!r}")


def _differing(folder, entries):
    with concurrent.futures.ThreadPoolExecutor(min(8, os.cpu_count() or 1)) as pool:
        return [entry for entry, same in zip(entries, pool.map(lambda entry: _matches(folder, entry), entries)) if not same]


def _matches(folder, entry):
    path = folder / entry["path"]
    return path.is_file() and not path.is_symlink() and path.stat().st_size == entry["size_bytes"] and _sha256(path) == entry["sha256"]


def _sha256(path):
    with open(path, "rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest() if hasattr(hashlib, "file_digest") else _sha256_slow(file)


def _sha256_slow(file):
    digest = hashlib.sha256()
    while piece := file.read(1 << 20):
        digest.update(piece)
    return digest.hexdigest()


def _remove_strangers(folder, known):
    for path in folder.rglob("*"):
        if path.is_file() and path.relative_to(folder).as_posix() not in known:
            path.unlink()


if __name__ == "__main__":
    sys.exit(main())
