"""One command at a time on a stack; what a killed one had begun is known to the next, and its processes are ended."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from inferstack.cli.command import at_work, begin
from inferstack.records.errors import CloudRefused, Finding, InputError, Interrupted, MissingTool
from inferstack.stack import journal, processes
from tests.inferstack.command_line import CommandLine

ROOT = Path(__file__).resolve().parents[2]


def test_a_second_command_on_the_same_stack_is_refused(tmp_path: Path) -> None:
    """Two writers never interleave; the line names the one at work."""
    with journal.opened(tmp_path / "s", "up") as first:
        with (
            first.step("cluster"),
            pytest.raises(InputError, match=rf"inferstack up \(pid {os.getpid()}\) is working on this stack"),
            journal.opened(tmp_path / "s", "down"),
        ):
            pass
        first.close()
    with journal.opened(tmp_path / "s", "down") as after:
        assert after.unfinished is None


def test_a_command_that_never_ended_is_told_to_the_next(tmp_path: Path) -> None:
    """The step that it was in is what the next command goes on from."""
    with pytest.raises(RuntimeError), journal.opened(tmp_path, "up") as first:
        with first.step("base"):
            pass
        with first.step("cluster"):
            raise RuntimeError
    with journal.opened(tmp_path, "up") as second:
        assert second.unfinished is not None
        assert ("up", "cluster") == (second.unfinished["command"], journal.last_step(second.unfinished))


def test_a_journal_that_was_cut_off_counts_as_none(tmp_path: Path) -> None:
    """A full disk must not lock the user out of `down`."""
    (tmp_path / "journal.json").write_text('{"command": "u')
    with journal.opened(tmp_path, "down") as told:
        assert told.unfinished is None


def test_what_a_killed_command_left_running_is_found_by_its_mark_and_ended(tmp_path: Path) -> None:
    """Children and grandchildren carry the mark; the owner is dead, so they are orphans; a living owner's are left alone."""
    script = (
        "import subprocess, sys, time; from inferstack.stack import processes; processes.take_mark();"
        "child = subprocess.Popen([sys.executable, '-c', 'import time; time.sleep(60)'], start_new_session=True);"
        "print(processes.mark(), child.pid, flush=True); time.sleep(60)"
    )
    owner = subprocess.Popen([sys.executable, "-c", script], stdout=subprocess.PIPE, text=True, env={**os.environ, "PYTHONPATH": str(ROOT)})
    assert owner.stdout is not None
    mark, child = owner.stdout.readline().split()
    assert [] == processes.orphans(mark)
    owner.send_signal(signal.SIGKILL)
    owner.wait()
    assert [int(child)] == processes.orphans(mark)
    processes.end([int(child)])
    until = time.monotonic() + 5
    while processes.orphans(mark) and time.monotonic() < until:
        time.sleep(0.05)
    assert [] == processes.orphans(mark)


def test_a_mark_that_is_no_mark_finds_nothing() -> None:
    """Journals of other machines or versions are no reason to end anything."""
    assert [] == processes.orphans("") == processes.orphans("abc") == processes.orphans(processes.mark())


def test_the_journal_says_which_command_and_which_steps(tmp_path: Path) -> None:
    """It can be read by a person."""
    with journal.opened(tmp_path, "up") as told:
        with told.step("base"):
            pass
        told.close()
    written = json.loads((tmp_path / "journal.json").read_text())
    assert ("up", ["base"]) == (written["command"], [step["step"] for step in written["steps"]])
    assert written["ended"]


REFUSALS: list[tuple[Exception, str | None, bool]] = [
    (CloudRefused("permission: no"), "inferstack up failed in: cluster: permission: no", False),
    (MissingTool("aws is not on PATH"), "inferstack up failed in: cluster: aws is not on PATH", False),
    (Finding("too dear"), None, False),
    (InputError("wrong"), None, False),
    (Interrupted("stopped"), "inferstack up was stopped in: cluster; run it again to continue", True),
    (RuntimeError("a bug"), "inferstack up was stopped in: cluster; run it again to continue", True),
]


@pytest.mark.parametrize(("raised", "said", "goes_on"), REFUSALS)
def test_a_refused_command_is_neither_at_work_nor_interrupted(
    raised: Exception, said: str | None, goes_on: bool, command_line: CommandLine
) -> None:
    """`status` tells refused, stopped and at work apart, and the next command goes on only from what was cut off."""
    assert 0 == command_line.run("plan", "--model", "Llama-3.1-8B-Instruct", "--users", "4").code
    up = begin("up", "default", as_json=False, yes=True, verbose=False)
    with pytest.raises(type(raised)), at_work(up, world="aws") as work, work.step("cluster"):
        while_at_work = command_line.run("status", "--json").document
        raise raised
    assert "inferstack up is running: cluster" == while_at_work["unfinished"]
    assert said == command_line.run("status", "--json").document["unfinished"]
    with at_work(begin("down", "default", as_json=False, yes=True, verbose=False), world="aws") as after:
        assert goes_on is (after.journal.unfinished is not None)
    assert command_line.run("status", "--json").document["unfinished"] is None
