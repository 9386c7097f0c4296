"""One call of a verb: where it works, what it was told, how it speaks, and its steps."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import cached_property
from typing import TYPE_CHECKING, Any

from inferstack.cli import settings
from inferstack.cli.log import Log
from inferstack.cli.screen import Screen
from inferstack.cli.settings import Loaded
from inferstack.records.errors import InferstackError, InputError, Interrupted, MissingTool
from inferstack.stack import workdir
from inferstack.stack.workdir import Run, StackDir, Workdir

if TYPE_CHECKING:
    from inferstack.cli.interrupts import Stop
    from inferstack.cli.progress import Progress
    from inferstack.stack.journal import Journal


@dataclass
class Command:
    """What every verb gets. Making it writes nothing."""

    verb: str
    name: str
    screen: Screen
    workdir: Workdir
    flags: Mapping[str, Any]

    @cached_property
    def loaded(self) -> Loaded:
        return settings.load(root=workdir.root(), flags=self.flags)

    @cached_property
    def log(self) -> Log:
        return Log(self.screen)

    @property
    def stack(self) -> StackDir:
        return self.workdir.stack(self.name)

    @property
    def known(self) -> StackDir:
        """Raises InputError when the stack was never made."""
        return self.workdir.known(self.name)

    def for_stack(self, name: str) -> Command:
        """The same call on another stack."""
        return Command(self.verb, name, self.screen, self.workdir, self.flags)

    def now(self) -> datetime:
        return datetime.now(UTC)

    def run(self) -> Run:
        """The stack's current run. Raises InputError when there is none."""
        found = self.known.current()
        if found is None:
            raise InputError(f"--stack {self.name}: it has no run yet", hint=f"inferstack plan --stack {self.name} --model ...")
        return found

    def keep_log_in(self, run: Run) -> None:
        self.log.folder = run.folder


@dataclass
class Work:
    """A command that holds its stack's lock and changes things, step by step."""

    command: Command
    journal: Journal
    progress: Progress
    stop: Stop

    @contextmanager
    def step(self, name: str) -> Iterator[Progress]:
        self.stop.check(name)
        self.command.log.event("begun", step=name)
        try:
            with self.journal.step(name), self.progress.step(name):
                yield self.progress
        except InferstackError as error:
            self.command.log.event("failed", step=name, code=error.code, message=error.message)
            if self.stop.asked or isinstance(error, Interrupted):
                raise Interrupted(f"stopped in: {name}; the state is safe", hint=self.stop.hint) from None
            raise
        self.command.log.event("ended", step=name)


def begin(verb: str, stack: str, *, as_json: bool, yes: bool, verbose: bool, **flags: Any) -> Command:
    """Raises InputError for a name that no stack may have, before anything else is looked at."""
    workdir.checked_name(stack)
    return Command(verb, stack, Screen(as_json=as_json, verbose=verbose, yes=yes), workdir.find(), flags)


@contextmanager
def at_work(command: Command, *, world: str) -> Iterator[Work]:
    """Locks the stack, ends what a killed command left running, makes Ctrl-C safe. The stack's folder must exist."""
    from inferstack.cli.durations import Durations
    from inferstack.cli.interrupts import Stop
    from inferstack.cli.progress import Progress
    from inferstack.stack import journal, processes

    stop = Stop(command.screen.say, hint=_goes_on(command))
    with journal.opened(command.stack.folder, command.verb) as told, stop:
        _clear_after(command, told)
        processes.take_mark()
        progress = Progress(command.screen, Durations(command.workdir.root / "durations.json", world))
        try:
            yield Work(command, told, progress, stop)
        except KeyboardInterrupt:
            command.log.event("interrupted", step=journal.last_step({"steps": told.steps}))
            raise Interrupted(f"stopped at once in: {journal.last_step({'steps': told.steps})}", hint=_goes_on(command)) from None
        except Interrupted:
            raise
        except InferstackError as error:
            told.close(refused=error.message if error.code >= MissingTool.code else None)
            raise
        told.close()


def _clear_after(command: Command, told: Journal) -> None:
    from inferstack.stack import journal, processes

    before = told.unfinished or told.refused
    if not before:
        return
    left = processes.orphans(str(before.get("mark", "")))
    if told.unfinished:
        command.screen.say(
            f"The last command (inferstack {before.get('command')}) stopped in: {journal.last_step(before)}. Continuing from there."
        )
    if left:
        command.screen.say(f"Ending {len(left)} process{'es' if len(left) > 1 else ''} that it left behind.")
        processes.end(left)


def _goes_on(command: Command) -> str:
    name = command.name
    if command.verb in ("down", "demo"):
        return f"inferstack down --stack {name} --yes removes what exists"
    return f"inferstack {command.verb} --stack {name} continues, inferstack down --stack {name} removes what exists"
