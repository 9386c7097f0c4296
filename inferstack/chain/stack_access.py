"""Access to a stack: locked, with its world open; and the run that stands in it."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager

from inferstack.chain.lifetime import refuse_expired, refuse_removed
from inferstack.cli import command
from inferstack.cli.command import Command, Work
from inferstack.records.errors import InputError
from inferstack.records.outputs import ClusterOutputs
from inferstack.records.receipt import Receipt
from inferstack.stack import rehearsal, world
from inferstack.stack.workdir import Run
from inferstack.stack.world import World


@contextmanager
def opened(at: Command, faults: Sequence[str] | None = None) -> Iterator[tuple[Work, World]]:
    """The stack locked, its world open, the faults armed."""
    record = at.stack.record()
    with command.at_work(at, world="rehearsal" if record.rehearsal else "aws") as work, world.opened(at, record) as here:
        if not record.rehearsal:
            yield work, here
            return
        with rehearsal.faults(at, faults):
            yield work, here


@contextmanager
def opened_cluster(at: Command) -> Iterator[tuple[Work, World]]:
    """A stack whose cluster stands, opened. Raises InputError where the reaper has removed the cluster."""
    with opened(at) as (work, here):
        refuse_removed(at, here.aws())
        yield work, here


def begun(at: Command) -> Run:
    """The run of which an `up` has begun something, ended or not. Raises InputError when none has, or its time is over."""
    run = at.known.standing()
    if run is None or run.has(Receipt) or at.stack.record().built_at is None:
        raise _nothing(at)
    refuse_expired(at)
    at.keep_log_in(run)
    return run


def _nothing(at: Command) -> InputError:
    return InputError(f"--stack {at.name}: nothing is built", hint=f"inferstack up --stack {at.name}")


def built(at: Command) -> Run:
    """The run that is built, however many plans were made since. Raises InputError when none is, or its time is over."""
    run = at.known.standing()
    if run is None or not run.has(ClusterOutputs) or run.has(Receipt):
        raise _nothing(at)
    refuse_expired(at)
    at.keep_log_in(run)
    return run
