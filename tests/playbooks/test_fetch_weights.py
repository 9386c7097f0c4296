"""The program that brings the weights onto a node, with an `aws` command of our own in front of a folder."""

from __future__ import annotations

import hashlib
import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

import playbooks

PROGRAM = Path(playbooks.__file__).parent / "roles" / "model_weights" / "files" / "fetch_weights.py"
AWS = """#!{python}
import pathlib, shutil, sys
words = [word for word in sys.argv[1:] if not word.startswith("-")]
pathlib.Path("{calls}").open("a").write(" ".join(words) + "\\n")
source = pathlib.Path(words[2].replace("s3://bucket", "{bucket}"))
if not source.is_file():
    sys.exit("fatal error: An error occurred (404) when calling the HeadObject operation: Not Found")
shutil.copy(source, words[3])
"""


class Bucket:
    def __init__(self, folder: Path) -> None:
        self.folder, self.calls, self.node = folder / "bucket" / "models" / "m", folder / "calls", folder / "node"
        self.folder.mkdir(parents=True)
        self.commands = folder / "bin"
        self.commands.mkdir()
        script = AWS.format(python=sys.executable, calls=self.calls, bucket=folder / "bucket")
        (self.commands / "aws").write_text(script)
        (self.commands / "aws").chmod(0o755)

    def put(self, **files: bytes) -> str:
        """Files and their manifest; its SHA-256."""
        entries = [{"path": n, "size_bytes": len(b), "sha256": hashlib.sha256(b).hexdigest()} for n, b in files.items()]
        for name, content in files.items():
            (self.folder / name).write_bytes(content)
        text = json.dumps({"schema_version": 1, "model": "m", "files": entries}).encode()
        (self.folder / "manifest.json").write_bytes(text)
        return hashlib.sha256(text).hexdigest()

    def fetch(self, digest: str) -> subprocess.CompletedProcess[str]:
        command = [sys.executable, str(PROGRAM), "--source=s3://bucket/models/m", f"--folder={self.node}", f"--manifest-sha256={digest}"]
        return subprocess.run(command, capture_output=True, text=True, env={"PATH": f"{self.commands}:/usr/bin:/bin"}, check=False)

    def answer(self, digest: str) -> dict[str, Any]:
        done = self.fetch(digest)
        assert (0, "") == (done.returncode, done.stderr)
        told: dict[str, Any] = json.loads(done.stdout)
        return told


@pytest.fixture
def bucket(tmp_path: Path) -> Bucket:
    return Bucket(tmp_path)


def test_every_file_of_the_manifest_is_brought(bucket: Bucket) -> None:
    """What is fetched, kept and there is told; files lie as in the bucket."""
    digest = bucket.put(a=b"one", b=b"two")
    assert {"fetched": ["a", "b"], "kept": 0, "files": ["a", "b"]} == bucket.answer(digest)
    assert b"two" == (bucket.node / "b").read_bytes()


def test_unchanged_files_are_not_fetched_again(bucket: Bucket) -> None:
    """The second run asks the bucket for nothing."""
    digest = bucket.put(a=b"one")
    bucket.answer(digest)
    before = bucket.calls.read_text()
    assert {"fetched": [], "kept": 1, "files": ["a"]} == bucket.answer(digest)
    assert before == bucket.calls.read_text()


def test_a_file_that_was_damaged_on_the_node_is_fetched_again(bucket: Bucket) -> None:
    """The same size and time do not deceive: the content is read."""
    digest = bucket.put(a=b"one", b=b"two")
    bucket.answer(digest)
    (bucket.node / "a").write_bytes(b"onf")
    assert ["a"] == bucket.answer(digest)["fetched"]
    assert b"one" == (bucket.node / "a").read_bytes()


def test_a_file_that_is_damaged_in_the_bucket_fails_and_does_not_stay(bucket: Bucket) -> None:
    """An engine must never load what the manifest does not vouch for."""
    digest = bucket.put(a=b"one", b=b"two")
    (bucket.folder / "b").write_bytes(b"twO")
    done = bucket.fetch(digest)
    assert (1, "b: size or SHA-256 differs from the manifest; upload the weights again\n") == (done.returncode, done.stderr)
    assert not (bucket.node / "b").exists()


def test_without_a_manifest_nothing_is_loaded(bucket: Bucket) -> None:
    """The one line names the manifest and what S3 said."""
    done = bucket.fetch("0" * 64)
    assert 1 == done.returncode
    assert done.stderr.startswith("no manifest.json at s3://bucket/models/m/manifest.json: fatal error: An error occurred (404)")


def test_another_manifest_than_the_uploaded_one_is_refused(bucket: Bucket) -> None:
    """The control machine knows the hash of what it uploaded; the bucket alone is not believed."""
    bucket.put(a=b"one")
    done = bucket.fetch("0" * 64)
    assert 1 == done.returncode and "the weights changed since they were uploaded" in done.stderr
    assert not (bucket.node / "a").exists()


def test_a_manifest_cannot_write_outside_its_folder(bucket: Bucket) -> None:
    """A path with two dots, or from the root, ends the run before a file is fetched."""
    text = json.dumps({"files": [{"path": "../x", "size_bytes": 1, "sha256": "0" * 64}]}).encode()
    (bucket.folder / "manifest.json").write_bytes(text)
    done = bucket.fetch(hashlib.sha256(text).hexdigest())
    assert (1, "manifest.json names a file outside the model's folder: '../x'\n") == (done.returncode, done.stderr)


def test_what_the_manifest_does_not_name_goes(bucket: Bucket) -> None:
    """A file of an older upload does not linger beside the new ones."""
    bucket.answer(bucket.put(a=b"one", old=b"x"))
    bucket.answer(bucket.put(a=b"one"))
    assert ["a", "manifest.json"] == sorted(path.name for path in bucket.node.iterdir())


def test_other_weights_lie_beside_those_that_are_served(bucket: Bucket) -> None:
    """Another manifest has a folder of its own, links what is the same, and changes nothing in the one that an engine maps."""
    bucket.node = bucket.node / "first"
    bucket.answer(bucket.put(a=b"one", b=b"two"))
    served = {path.name: path.read_bytes() for path in bucket.node.iterdir()}
    calls = bucket.calls.read_text().count("\n")
    old, bucket.node = bucket.node, bucket.node.with_name("second")
    assert {"fetched": ["b"], "kept": 1, "files": ["a", "b"]} == bucket.answer(bucket.put(a=b"one", b=b"new"))
    assert served == {path.name: path.read_bytes() for path in old.iterdir()}
    assert (b"one", b"new") == ((bucket.node / "a").read_bytes(), (bucket.node / "b").read_bytes())
    assert calls + 2 == bucket.calls.read_text().count("\n"), "the manifest and the one file that differs"


def test_a_damaged_file_is_not_written_through_a_link(bucket: Bucket) -> None:
    """What is fetched anew takes the place of the link; the file that an engine has mapped stays as it is."""
    bucket.node = bucket.node / "first"
    bucket.answer(bucket.put(a=b"one"))
    old, bucket.node = bucket.node, bucket.node.with_name("second")
    digest = bucket.put(a=b"one", b=b"two")
    bucket.answer(digest)
    (old / "a").write_bytes(b"onf")
    assert ["a"] == bucket.answer(digest)["fetched"]
    assert (b"onf", b"one") == ((old / "a").read_bytes(), (bucket.node / "a").read_bytes())


def test_weights_that_do_not_fit_are_refused_before_a_byte_is_fetched(bucket: Bucket) -> None:
    """The manifest tells the size; a full disk would take the node's engine with it."""
    text = json.dumps({"files": [{"path": "a", "size_bytes": 10**18, "sha256": "0" * 64}]}).encode()
    (bucket.folder / "manifest.json").write_bytes(text)
    done = bucket.fetch(hashlib.sha256(text).hexdigest())
    assert 1 == done.returncode and done.stderr.startswith(f"1000000000.0 GB are needed in {bucket.node}, ")
    assert 1 == bucket.calls.read_text().count("\n")
