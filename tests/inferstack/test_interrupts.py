"""Ctrl-C: the first is heard after the step, the second at once, a late one breaks nothing; each names the next command."""

from __future__ import annotations

import os
import signal

import pytest

from inferstack.cli import command
from inferstack.cli.command import Command
from inferstack.cli.interrupts import SAID, Stop
from inferstack.records.errors import CloudRefused, Interrupted
from tests.inferstack.command_line import CommandLine


def interrupt() -> None:
    os.kill(os.getpid(), signal.SIGINT)


@pytest.fixture(autouse=True)
def handlers_as_before() -> object:
    before = signal.getsignal(signal.SIGINT), signal.getsignal(signal.SIGTERM)
    yield
    signal.signal(signal.SIGINT, before[0])
    signal.signal(signal.SIGTERM, before[1])


def test_the_first_ctrl_c_is_said_and_heard_before_the_next_step() -> None:
    """Nothing is broken off; the hint names what goes on."""
    said: list[str] = []
    with Stop(said.append, hint="inferstack up goes on") as stop:
        interrupt()
        assert [SAID] == said
        with pytest.raises(Interrupted, match="stopped before: cluster") as caught:
            stop.check("cluster")
    assert (130, "inferstack up goes on") == (caught.value.code, caught.value.hint)


def test_the_second_ctrl_c_stops_at_once() -> None:
    """As a person expects who presses it twice."""
    with Stop(lambda line: None), pytest.raises(KeyboardInterrupt):
        interrupt()
        interrupt()


def test_after_a_stop_a_late_ctrl_c_does_not_break_the_last_line() -> None:
    """The command is ending; the signal is ignored from then on."""
    with Stop(lambda line: None):
        interrupt()
    interrupt()


def test_without_a_stop_the_handlers_come_back() -> None:
    """A verb leaves the process as it found it."""
    before = signal.getsignal(signal.SIGINT)
    with Stop(lambda line: None):
        pass
    assert before is signal.getsignal(signal.SIGINT)


def at_work(stack: str) -> Command:
    made = command.begin("up", stack, as_json=True, yes=True, verbose=False)
    made.stack.folder.mkdir(parents=True)
    return made


def test_what_fails_because_of_a_stop_is_told_as_a_stop(command_line: CommandLine) -> None:
    """A step that was cut short by Ctrl-C is no refusal of the cloud."""
    at = at_work("a")
    stopped = pytest.raises(Interrupted, match="stopped in: cluster")
    with stopped as caught, command.at_work(at, world="rehearsal") as work, work.step("cluster"):
        interrupt()
        raise CloudRefused("update canceled")
    assert "inferstack up --stack a continues" in caught.value.hint


def test_stopped_at_once_names_the_step_and_the_next_command_knows_it(command_line: CommandLine) -> None:
    """The journal of a stopped command is not closed: the next one goes on from there."""
    at = at_work("b")
    stopped = pytest.raises(Interrupted, match="stopped at once in: base")
    with stopped, command.at_work(at, world="rehearsal") as work, work.step("base"):
        interrupt()
        interrupt()
    signal.signal(signal.SIGINT, signal.default_int_handler)
    with command.at_work(at, world="rehearsal") as work:
        assert work.journal.unfinished is not None
