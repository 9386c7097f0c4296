"""Weights go to the bucket once, with a manifest that is written last."""

from __future__ import annotations

import hashlib
import json
from pathlib import Path

import pytest

from inferstack.records.errors import CloudRefused, InputError
from infra.calls import weights
from infra.calls.aws import Aws

KEY = "arn:aws:kms:us-east-1:000000000000:key/11111111-2222-3333-4444-555555555555"
MODEL = "meta-llama/Llama-3.3-70B-Instruct"


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    (tmp_path / "sub").mkdir()
    (tmp_path / "config.json").write_text("{}")
    (tmp_path / "sub" / "model.bin").write_bytes(b"weights")
    (tmp_path / ".cache").mkdir()
    (tmp_path / ".cache" / "token").write_text("hf_secret")
    return tmp_path


def put(aws: Aws, folder: Path) -> weights.Manifest:
    return weights.put(aws, bucket="weights", kms_key_arn=KEY, model=MODEL, folder=folder)


def test_the_manifest_names_every_file_with_size_and_digest(aws: Aws, folder: Path) -> None:
    """What a node checks is what lay in the folder; caches are not weights."""
    aws.client("s3").create_bucket(Bucket="weights")
    made = put(aws, folder)
    content = aws.client("s3").get_object(Bucket="weights", Key="models/meta-llama--Llama-3.3-70B-Instruct/manifest.json")["Body"].read()
    assert hashlib.sha256(content).hexdigest() == made.sha256
    files = json.loads(content)["files"]
    assert ["config.json", "sub/model.bin"] == [entry["path"] for entry in files]
    assert {"path": "sub/model.bin", "size_bytes": 7, "sha256": hashlib.sha256(b"weights").hexdigest()} == files[1]


def test_a_second_put_sends_only_what_changed(aws: Aws, folder: Path) -> None:
    """140 GB are not sent twice."""
    aws.client("s3").create_bucket(Bucket="weights")
    assert 9 == put(aws, folder).uploaded_bytes
    assert 0 == put(aws, folder).uploaded_bytes
    (folder / "config.json").write_text('{"a":1}')
    assert 7 == put(aws, folder).uploaded_bytes


def test_a_file_that_vanished_from_the_bucket_is_sent_again(aws: Aws, folder: Path) -> None:
    """The manifest alone proves nothing."""
    aws.client("s3").create_bucket(Bucket="weights")
    first = put(aws, folder)
    aws.client("s3").delete_object(Bucket="weights", Key=f"{first.prefix}/config.json")
    assert 2 == put(aws, folder).uploaded_bytes


def test_an_empty_folder_and_a_missing_bucket_are_one_line(aws: Aws, folder: Path, tmp_path: Path) -> None:
    """Exit 2 and exit 4."""
    (tmp_path / "empty").mkdir()
    with pytest.raises(InputError, match="contains no files"):
        weights.put(aws, bucket="weights", kms_key_arn=KEY, model=MODEL, folder=tmp_path / "empty")
    with pytest.raises(CloudRefused, match="NoSuchBucket"):
        put(aws, folder)


def test_a_broken_manifest_is_refused(aws: Aws) -> None:
    """Never load without a manifest, and never with a torn one."""
    aws.client("s3").create_bucket(Bucket="weights")
    assert weights.present(aws, bucket="weights", model=MODEL) is None
    aws.client("s3").put_object(Bucket="weights", Key=f"{weights.prefix(MODEL)}/manifest.json", Body=b'{"model": "x"')
    with pytest.raises(InputError, match="is not a weights manifest"):
        weights.present(aws, bucket="weights", model=MODEL)


def test_a_link_that_leads_out_of_the_folder_is_refused_by_name(aws: Aws, folder: Path, tmp_path_factory: pytest.TempPathFactory) -> None:
    """A downloaded folder may hold a link to the owner's keys; nothing is sent."""
    aws.client("s3").create_bucket(Bucket="weights")
    secret = tmp_path_factory.mktemp("home") / "credentials"
    secret.write_text("SYMCANARY")
    for target in (secret, Path("..") / "elsewhere.json", Path("/dev/null")):
        (folder / "model.safetensors").unlink(missing_ok=True)
        (folder / "model.safetensors").symlink_to(target)
        with pytest.raises(InputError, match=r"model\.safetensors: is a link to .*, outside the folder"):
            put(aws, folder)
    assert "Contents" not in aws.client("s3").list_objects_v2(Bucket="weights")


def test_the_links_of_a_hubs_cache_are_followed(aws: Aws, tmp_path: Path) -> None:
    """`snapshots/COMMIT/file` is a link into `blobs` beside it; links inside the folder are as good."""
    aws.client("s3").create_bucket(Bucket="weights")
    here = tmp_path / "models--org--x" / "snapshots" / "c0ffee"
    here.mkdir(parents=True)
    blobs = tmp_path / "models--org--x" / "blobs"
    blobs.mkdir()
    (blobs / "abc").write_bytes(b"weights")
    (here / "model.safetensors").symlink_to("../../blobs/abc")
    (here / "again.safetensors").symlink_to("model.safetensors")
    assert ["again.safetensors", "model.safetensors"] == [file.path for file in put(aws, here).files]


@pytest.mark.parametrize("name", ["a\nb.json", "a\x1b[2J.json", "a\u202eb.json"])
def test_a_control_character_in_a_name_is_refused_before_the_first_upload(aws: Aws, folder: Path, name: str) -> None:
    """The bucket's answer to it was a 404 half-way."""
    aws.client("s3").create_bucket(Bucket="weights")
    (folder / name).write_text("{}")
    with pytest.raises(InputError, match="has a control character"):
        put(aws, folder)
    assert "Contents" not in aws.client("s3").list_objects_v2(Bucket="weights")


def test_nothing_that_runs_is_taken_and_the_commit_is_recorded(aws: Aws, folder: Path) -> None:
    """Python files of a folder reached the node; with a plan that consents they are needed there."""
    aws.client("s3").create_bucket(Bucket="weights")
    for name in ("evil.py", "sub/x.SO"):
        (folder / name).write_text("import os")
    told = {"bucket": "weights", "kms_key_arn": KEY, "model": MODEL, "folder": folder, "revision": "c0ffee"}
    made = weights.put(aws, **told)
    assert ["config.json", "sub/model.bin"] == [file.path for file in made.files]
    assert ("evil.py", "sub/x.SO") == weights.left_out(folder)
    known = weights.present(aws, bucket="weights", model=MODEL)
    assert known and ("c0ffee", "c0ffee") == (made.revision, known.revision)
    assert "evil.py" in [file.path for file in weights.put(aws, **told, code=True).files]
