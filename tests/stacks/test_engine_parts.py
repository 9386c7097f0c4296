"""The engine's seam, piece by piece: interruption, locks, adopted resources, errors."""

from __future__ import annotations

import json
import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from inferstack.records.errors import CloudRefused, InputError
from stacks.engine import errors, repair
from stacks.engine import files as engine_files
from stacks.engine import lock as engine_lock
from stacks.engine.command import PulumiCli
from stacks.engine.interrupt import Patience

URN = "urn:pulumi:x::inferstack::aws:ec2/vpc:Vpc::network-vpc"


def pending(kind: str, urn: str = URN) -> dict[str, Any]:
    return {"type": kind, "resource": {"urn": urn, "type": "aws:ec2/vpc:Vpc", "inputs": {"cidrBlock": "10.0.0.0/16"}}}


def test_a_found_half_made_resource_becomes_a_resource() -> None:
    """With its id and without outputs: the refresh that follows fills them."""
    before = {"resources": [{"urn": "stack"}], "pending_operations": [pending("creating")]}
    after = repair.with_adopted(before, {URN: "vpc-1"})
    assert "pending_operations" not in after
    assert [("stack", None), (URN, "vpc-1")] == [(one["urn"], one.get("id")) for one in after["resources"]]
    assert {} == after["resources"][1]["outputs"]
    assert 1 == len(before["resources"]), "the state that was read is not changed"


def test_what_is_not_in_aws_and_what_was_being_deleted_is_forgotten() -> None:
    """`up` makes the first anew; the second is still among the resources, if it is anywhere."""
    before = {"resources": [], "pending_operations": [pending("creating"), pending("deleting", URN + "2")]}
    assert {"resources": []} == repair.with_adopted(before, {URN: None})


def test_a_resource_that_is_there_is_not_taken_twice() -> None:
    """The call was recorded and the operation not cleared."""
    before = {"resources": [{"urn": URN, "id": "vpc-1"}], "pending_operations": [pending("creating")]}
    assert [{"urn": URN, "id": "vpc-1"}] == repair.with_adopted(before, {URN: "vpc-1"})["resources"]


def lock(folder: Path, **holder: Any) -> dict[str, str]:
    place = folder / ".pulumi/locks/organization/inferstack/x"
    place.mkdir(parents=True)
    (place / "one.json").write_text(json.dumps(holder))
    return {"PULUMI_BACKEND_URL": f"file://{folder}"}


def dead_pid() -> int:
    child = subprocess.Popen([sys.executable, "-c", ""])
    child.wait()
    return child.pid


def test_the_lock_of_a_dead_process_is_lifted(tmp_path: Path) -> None:
    """Same machine, no such process."""
    asked: list[str] = []
    environment = lock(tmp_path, pid=dead_pid(), hostname=socket.gethostname())
    assert engine_lock.lift_dead(environment, "x", lambda: asked.append("cancel"))
    assert ["cancel"] == asked


@pytest.mark.parametrize(("host", "said"), [(socket.gethostname(), "is still running"), ("elsewhere", "on elsewhere holds it")])
def test_the_lock_of_a_living_or_a_distant_process_stays(tmp_path: Path, host: str, said: str) -> None:
    """`pulumi cancel` would let two engines write at once."""
    environment = lock(tmp_path, pid=os.getpid(), hostname=host)
    with pytest.raises(InputError, match=said):
        engine_lock.lift_dead(environment, "x", lambda: pytest.fail("cancelled"), wait_s=0)


def test_no_lock_no_cancel(tmp_path: Path) -> None:
    """Also for a backend that keeps no lock files."""
    never: Callable[[], object] = lambda: pytest.fail("cancelled")  # noqa: E731
    assert not engine_lock.lift_dead({"PULUMI_BACKEND_URL": f"file://{tmp_path}"}, "x", never)
    assert not engine_lock.lift_dead({"PULUMI_BACKEND_URL": "s3://bucket"}, "x", never)


def state(folder: Path, **files: str) -> None:
    """Below `.pulumi`; `__` stands for a folder's end."""
    for name, text in files.items():
        path = folder / ".pulumi" / name.replace("__", "/")
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)


TORN = {
    "stacks__inferstack__x.json": "{}", "stacks__inferstack__x.json.attrs": "", "stacks__inferstack__x.json.bak.attrs": '{"a": 1}',
    "stacks__inferstack__x.json.18ec02a2.tmp": "{",
    "stacks__inferstack__x-base.json.attrs": "", "stacks__inferstack__x-base.json.1.tmp": "{",
    "meta.yaml.attrs": "",
    "history__inferstack__x__x-1.history.json.attrs": '{"user.cache', "backups__inferstack__y__y.1.json.attrs": "",
}  # fmt: skip


def test_what_a_killed_engine_left_torn_is_removed(tmp_path: Path) -> None:
    """Of its own stack alone; what is whole stays."""
    state(tmp_path, **TORN)
    environment = lock(tmp_path, pid=dead_pid(), hostname=socket.gethostname())
    assert ("meta.yaml.attrs", "x.json.attrs", "x.json.18ec02a2.tmp", "x-1.history.json.attrs") == engine_files.mend(environment, "x")
    left = {str(path.relative_to(tmp_path / ".pulumi")) for path in (tmp_path / ".pulumi").rglob("*.*") if "locks" not in path.parts}
    assert {name.replace("__", "/") for name in TORN} - left == {
        "meta.yaml.attrs", "stacks/inferstack/x.json.attrs", "stacks/inferstack/x.json.18ec02a2.tmp",
        "history/inferstack/x/x-1.history.json.attrs",
    }  # fmt: skip
    assert () == engine_files.mend(environment, "x")


@pytest.mark.parametrize("holder", [{"pid": os.getpid(), "hostname": socket.gethostname()}, {"pid": 1, "hostname": "elsewhere"}])
def test_nothing_is_removed_while_somebody_may_be_writing(tmp_path: Path, holder: dict[str, Any]) -> None:
    """Here or on another machine; and other backends have no files."""
    state(tmp_path, **TORN)
    assert () == engine_files.mend(lock(tmp_path, **holder), "x")
    assert () == engine_files.mend({"PULUMI_BACKEND_URL": "s3://bucket"}, "x")


def test_a_signal_is_passed_on_and_nothing_is_raised() -> None:
    """First and second; a third changes nothing; the handler before learns of the first."""
    passed, said, before = [], [], []
    old = signal.signal(signal.SIGINT, lambda number, frame: before.append(number))
    try:
        with Patience(lambda: passed.append("INT"), said.append) as patience:
            for _ in range(3):
                os.kill(os.getpid(), signal.SIGINT)
                time.sleep(0.01)
        assert (3, ["INT", "INT"]) == (patience.asked, passed)
        assert ["stopping after the resources in flight", "stopping at once"] == said
        assert [signal.SIGINT] == before
        os.kill(os.getpid(), signal.SIGINT)
        assert [signal.SIGINT, signal.SIGINT] == before, "the handler is given back"
    finally:
        signal.signal(signal.SIGINT, old)


def test_the_cli_has_a_group_of_its_own_and_sees_only_what_it_is_given(tmp_path: Path) -> None:
    """A terminal's Ctrl-C must not reach it twice; the user's profile must not reach it at all."""
    folder = tmp_path / "pulumi-3.259.0-test"
    folder.mkdir()
    script = folder / "pulumi"
    script.write_text(f'#!/bin/sh\nexec {sys.executable} -c "import os; print(os.getpgid(0) == os.getpid(), sorted(os.environ))"\n')
    script.chmod(0o755)
    said = PulumiCli(script, {"PATH": "/usr/bin:/bin"}).run(["version"], str(tmp_path), {"MORE": "1"}).stdout
    assert said.startswith("True")
    assert "'MORE'" in said
    assert "HOME" not in said


@pytest.mark.parametrize(
    ("text", "kind", "word"),
    [
        ("creating: api error UnauthorizedOperation: You are not authorized", "permission", "policy"),
        ("Throttling: Rate exceeded", "throttled", "wait"),
        ("error reading from server: EOF", "provider", "again"),
        ("something else entirely", "other", "again"),
    ],
)
def test_an_engine_error_is_told_by_its_kind(text: str, kind: str, word: str) -> None:
    """One line, and a next step."""
    error = errors.explained([text], output="", stack="x")
    assert isinstance(error, CloudRefused)
    assert (kind, True, False) == (error.kind, word in error.hint, "\n" in error.message)


def test_a_protected_stack_and_a_missing_passphrase_are_the_users() -> None:
    """Exit code 2, not 4: AWS refused nothing."""
    protected = 'resource "urn:pulumi:x-base::weights" cannot be deleted because it is protected. To unprotect ...'
    assert isinstance(errors.explained([protected], output="", stack="x-base"), InputError)
    assert isinstance(errors.explained([], output="error: passphrase must be set with PULUMI_CONFIG", stack="x"), InputError)


def test_a_lock_names_its_holder() -> None:
    """Who must be waited for."""
    text = "the stack is currently locked by 1 lock(s). file:///x: created by me@box (pid 123) at 2026-11-23T12:00:00Z"
    assert "locked by me@box, process 123" in errors.locked(text, "x").message
