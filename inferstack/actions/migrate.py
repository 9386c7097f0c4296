"""Records of older versions. There is one version so far: this reads every record and names those that it cannot read."""

from __future__ import annotations

from inferstack.cli.command import Command
from inferstack.records.errors import InferstackError
from inferstack.records.registry import RECORDS

VERSION = 1


def check(command: Command) -> int:
    """0 when every record is of the current version and can be read, else 1."""
    wrong: dict[str, str] = {}
    read = 0
    for run in command.known.runs():
        for kind in RECORDS:
            if run.has(kind):
                read += 1
                try:
                    run.read(kind)
                except InferstackError as error:
                    wrong[str(run.path(kind))] = error.message
    command.screen.answer({"version": VERSION, "read": read, "changed": 0, "unreadable": wrong})
    for message in wrong.values():
        command.screen.say(message)
    command.screen.say(f"{read} records read, version {VERSION} is the only one, nothing to change; {len(wrong)} cannot be read")
    return 1 if wrong else 0
