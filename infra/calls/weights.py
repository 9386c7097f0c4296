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

from inferstack.records.errors import InputError
from infra.calls.aws import Aws, code_of, refused

MANIFEST = "manifest.json"
SKIPPED = {".git", ".cache", "__pycache__", MANIFEST}
CODE = (".py", ".pyc", ".pyd", ".so", ".sh")
"""What runs is no weights: it is taken only for a model whose plan says that its repository's code may run."""

DIGEST = re.compile(r"[0-9a-f]{64}")

Progress = Callable[[str, int, int], None]


@dataclass(frozen=True)
class File:
    path: str
    size_bytes: int
    sha256: str


@dataclass(frozen=True)
class Manifest:
    """`sha256` is of the manifest's own bytes; it is what Configured records. `revision` is their commit on the hub."""

    model: str
    prefix: str
    files: tuple[File, ...]
    sha256: str
    uploaded_bytes: int = 0
    revision: str | None = None

    @property
    def size_bytes(self) -> int:
        return sum(file.size_bytes for file in self.files)


def prefix(model: str) -> str:
    """Where a model lies in the bucket; a slash of a repository id becomes two dashes."""
    return "models/" + re.sub(r"[^A-Za-z0-9._-]", "-", model.replace("/", "--"))


def put(
    aws: Aws,
    *,
    bucket: str,
    kms_key_arn: str,
    model: str,
    folder: Path,
    revision: str | None = None,
    code: bool = False,
    on_progress: Progress = lambda path, done, total: None,
) -> Manifest:
    """Uploads what differs, the manifest last: a node never sees a manifest whose files are not there. Raises InputError, CloudRefused."""
    files = tuple(_described(folder, code=code))
    if not files:
        raise InputError(f"{folder}: contains no files to upload", hint="give the folder that contains the checkpoint's files")
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
        content = _content(model, files, revision)
        _put_bytes(aws, content, bucket=bucket, key=f"{prefix(model)}/{MANIFEST}", kms_key_arn=kms_key_arn)
    except Exception as error:  # noqa: BLE001  refused() gives back what is not AWS's
        raise refused(error) from None
    return Manifest(model, prefix(model), files, hashlib.sha256(content).hexdigest(), sent, revision)


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
        files = tuple(_told_file(entry) for entry in told["files"])
        revision = told.get("revision")
        if not isinstance(told["model"], str) or not (revision is None or isinstance(revision, str)):
            raise ValueError("model and revision must be strings")
        return Manifest(told["model"], prefix(model), files, hashlib.sha256(content).hexdigest(), revision=revision)
    except (ValueError, KeyError, TypeError, AttributeError, RecursionError):
        raise InputError(
            f"s3://{bucket}/{prefix(model)}/{MANIFEST}: is not a weights manifest", hint="inferstack weights put writes it again"
        ) from None


def _told_file(entry: Any) -> File:
    """Return what a manifest says of one file. Raises ValueError for what `put` never writes: others may write into the bucket."""
    file = File(entry["path"], entry["size_bytes"], entry["sha256"])
    if type(file.size_bytes) is not int or file.size_bytes < 0:
        raise ValueError(f"{file.size_bytes!r} is not a number of bytes")
    if not DIGEST.fullmatch(file.sha256):
        raise ValueError(f"{file.sha256!r} is not a SHA-256")
    parts = file.path.split("/")
    if not file.path.isprintable() or {"", ".", ".."} & set(parts) or file.path == MANIFEST:
        raise ValueError(f"{file.path!r} is not a path inside the model's folder")
    return file


def taken(folder: Path, *, code: bool = False) -> tuple[Path, ...]:
    """Return the files of the folder that are weights and what belongs to them.

    Raises InputError for a link that leads out of the folder, and for a name that a bucket or a node could not hold.
    """
    if not folder.is_dir():
        raise InputError(f"{folder}: is not a folder", hint="give the folder that contains the checkpoint's files")
    found = [path for path in sorted(folder.rglob("*")) if not SKIPPED & set(path.relative_to(folder).parts)]
    found = [path for path in found if path.is_symlink() or path.is_file()]
    for path in found:
        _refuse_unsafe(folder, path)
    return tuple(path for path in found if path.is_file() and (code or path.suffix.lower() not in CODE))


def left_out(folder: Path) -> tuple[str, ...]:
    """Return the names of the files that run, which are not taken."""
    return tuple(path.relative_to(folder).as_posix() for path in taken(folder, code=True) if path.suffix.lower() in CODE)


def _refuse_unsafe(folder: Path, path: Path) -> None:
    """A link may lead into the `blobs` beside the `snapshots` of a hub's cache, which is how the hub's own tools keep files."""
    name = path.relative_to(folder).as_posix()
    if not name.isprintable():
        raise InputError(f"{folder}: the name {name!r:.80} has a control character", hint="rename the file, or leave it out of the folder")
    if not path.is_symlink():
        return
    home, target = folder.resolve(), path.resolve()
    blobs = home.parent.parent / "blobs" if home.parent.name == "snapshots" else None
    if not target.is_relative_to(home) and not (blobs and target.is_relative_to(blobs)):
        raise InputError(f"{path}: is a link to {target}, outside the folder", hint="copy the file into the folder, or remove the link")


def _described(folder: Path, *, code: bool) -> Iterator[File]:
    for path in taken(folder, code=code):
        yield File(path.relative_to(folder).as_posix(), path.stat().st_size, _sha256(path))


def _sha256(path: Path) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def _content(model: str, files: tuple[File, ...], revision: str | None) -> bytes:
    told: dict[str, Any] = {"schema_version": 1, "model": model, "files": [asdict(file) for file in files]}
    return (json.dumps(told | ({"revision": revision} if revision else {}), indent=2) + "\n").encode()


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
