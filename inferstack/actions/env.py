"""The work of `env`. Stdout is for the shell alone; people read stderr."""

from __future__ import annotations

import sys

from inferstack.cli.command import Command
from inferstack.stack import environment, world


def enter(command: Command) -> int:
    """The stack's world is opened (a rehearsal's embedded AWS starts) and stays open after this command."""
    record = command.known.record()
    as_json = command.screen.as_json
    command.screen.as_json = True  # everything for people goes to stderr
    with world.opened(command, record) as found:
        pass
    _print(found.change, environment.shell(found.change, command.workdir.root / ".shells"), as_json=as_json, command=command)
    return 0


def undo(command: Command) -> int:
    _print(None, environment.shell_unset(), as_json=command.screen.as_json, command=command)
    return 0


def _print(change: environment.Change | None, lines: str, *, as_json: bool, command: Command) -> None:
    if as_json:
        command.screen.answer({"change": change, "shell": lines})
    else:
        sys.stdout.write(lines)
        sys.stdout.flush()
