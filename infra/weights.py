"""Weights in the bucket: a folder uploaded file by file with SHA-256, then a manifest that says what a node must find."""

from __future__ import annotations

import base64
import hashlib
import json
import re
from collections.abc import Callable, Iterator
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from infra.aws import Aws, code_of, refused
from records.errors import InputError

MANIFEST = "manifest.json"
SKIPPED = {".git", ".cache", "__pycache__", MANIFEST}

Progress = Callable[[str, int, int], None]


@dataclass(frozen=True)
class File:
    path: str
    size_bytes: int
    sha256: str


@dataclass(frozen=True)
class Manifest:
    """`sha256` is of the manifest's own bytes; it is what Configured records."""

    model: str
    prefix: str
    files: tuple[File, ...]
    sha256: str
    uploaded_bytes: int = 0

    @property
    def size_bytes(self) -> int:
        return sum(file.size_bytes for file in self.files)


def prefix(model: str) -> str:
    """Where a model lies in the bucket; a slash of a repository id becomes two dashes."""
    return "models/" + re.sub(r"[^A-Za-z0-9._-]", "-", model.replace("/", "--"))


def put(
    aws: Aws, *, bucket: str, kms_key_arn: str, model: str, folder: Path, on_progress: Progress = lambda path, done, total: None
) -> Manifest:
    """Uploads what differs, the manifest last: a node never sees a manifest whose files are not there. Raises InputError, CloudRefused."""
    files = tuple(_described(folder))
    if not files:
        raise InputError(f"{folder}: holds no files to upload", hint="give the folder with the checkpoint's files")
    known = present(aws, bucket=bucket, model=model)
    there = {file.path: file for file in known.files} if known else {}
    total, done, sent = sum(file.size_bytes for file in files), 0, 0
    try:
        for file in files:
            key = f"{prefix(model)}/{file.path}"
            if there.get(file.path) != file or not _stored(aws, bucket, key, file):
                _upload(aws, folder / file.path, bucket=bucket, key=key, kms_key_arn=kms_key_arn, file=file)
                sent += file.size_bytes
            done += file.size_bytes
            on_progress(file.path, done, total)
        content = _content(model, files)
        _put_bytes(aws, content, bucket=bucket, key=f"{prefix(model)}/{MANIFEST}", kms_key_arn=kms_key_arn)
    except Exception as error:  # noqa: BLE001  refused() gives back what is not AWS's
        raise refused(error) from None
    return Manifest(model, prefix(model), files, hashlib.sha256(content).hexdigest(), sent)


def present(aws: Aws, *, bucket: str, model: str) -> Manifest | None:
    """The manifest in the bucket, None when there is none. Raises InputError when it is not one."""
    try:
        content = aws.client("s3").get_object(Bucket=bucket, Key=f"{prefix(model)}/{MANIFEST}")["Body"].read()
    except Exception as error:  # noqa: BLE001  refused() gives back what is not AWS's
        if code_of(error) in {"NoSuchKey", "404", "NotFound", "NoSuchBucket"}:
            return None
        raise refused(error) from None
    try:
        told = json.loads(content)
        files = tuple(File(entry["path"], int(entry["size_bytes"]), entry["sha256"]) for entry in told["files"])
        return Manifest(told["model"], prefix(model), files, hashlib.sha256(content).hexdigest())
    except (ValueError, KeyError, TypeError):
        raise InputError(
            f"s3://{bucket}/{prefix(model)}/{MANIFEST}: is not a manifest of weights", hint="inferstack weights put writes it anew"
        ) from None


def _described(folder: Path) -> Iterator[File]:
    if not folder.is_dir():
        raise InputError(f"{folder}: is not a folder", hint="give the folder with the checkpoint's files")
    for path in sorted(folder.rglob("*")):
        inside = path.relative_to(folder)
        if path.is_file() and not SKIPPED & set(inside.parts):
            yield File(inside.as_posix(), path.stat().st_size, _sha256(path))


def _sha256(path: Path) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def _content(model: str, files: tuple[File, ...]) -> bytes:
    return (json.dumps({"schema_version": 1, "model": model, "files": [asdict(file) for file in files]}, indent=2) + "\n").encode()


def _stored(aws: Aws, bucket: str, key: str, file: File) -> bool:
    try:
        return int(aws.client("s3").head_object(Bucket=bucket, Key=key)["ContentLength"]) == file.size_bytes
    except Exception as error:
        if code_of(error) in {"404", "NoSuchKey", "NotFound"}:
            return False
        raise


def _upload(aws: Aws, path: Path, *, bucket: str, key: str, kms_key_arn: str, file: File) -> None:
    more = {**_encryption(kms_key_arn), "ChecksumAlgorithm": "SHA256", "Metadata": {"sha256": file.sha256}}
    aws.upload(path, bucket=bucket, key=key, extra=more)


def _put_bytes(aws: Aws, content: bytes, *, bucket: str, key: str, kms_key_arn: str) -> None:
    digest = base64.b64encode(hashlib.sha256(content).digest()).decode()
    aws.client("s3").put_object(Bucket=bucket, Key=key, Body=content, ChecksumSHA256=digest, **_encryption(kms_key_arn))


def _encryption(kms_key_arn: str) -> dict[str, Any]:
    return {"ServerSideEncryption": "aws:kms", "SSEKMSKeyId": kms_key_arn}
