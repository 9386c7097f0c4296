"""The one place where an error becomes a red line, a hint and an exit code.

0 done, 1 a finding, 2 wrong use or input, 3 a thing is missing here or the machine refuses, 4 the cloud or a host refused,
130 interrupted, 70 a surprise.
"""

from __future__ import annotations

import contextlib
import errno
import os
import sys
from collections.abc import Mapping, Sequence
from typing import Any

from inferstack.records.errors import InferstackError, MissingTool

NAME = "inferstack"
COMPLETING = "_INFERSTACK_COMPLETE"
SURPRISE = 70
REPORT_TO = "please report it in the issue tracker, with the lines above and the output of `inferstack doctor --json`"
LONGEST_LINE, LONGEST_NAME = 2000, 300
MACHINE = {
    errno.ENOSPC: "free some disk space, then run the command again",
    errno.EDQUOT: "free some disk space, then run the command again",
    errno.EFBIG: "free some disk space, then run the command again",
    errno.EACCES: "this user lacks the permission; set INFERSTACK_DIR to another work folder",
    errno.EPERM: "this user lacks the permission; set INFERSTACK_DIR to another work folder",
    errno.EROFS: "set INFERSTACK_DIR to another work folder",
    errno.ENOTDIR: "a file is where a folder should be; set INFERSTACK_DIR to another work folder",
    errno.EEXIST: "a file is where a folder should be; set INFERSTACK_DIR to another work folder",
    errno.EISDIR: "a folder is where a file should be",
    errno.ENAMETOOLONG: "choose a shorter name, or set INFERSTACK_DIR to another work folder",
    errno.ELOOP: "the links form a loop",
    errno.EIO: "the disk or the terminal reports errors",
    errno.EMFILE: "raise the limit of open files: ulimit -n",
    errno.ENFILE: "raise the limit of open files: ulimit -n",
    errno.ENOMEM: "free some memory, then run the command again",
}
"""What the machine refuses, by the system's number, and what helps."""
NAMELESS = (errno.ENOSPC, errno.EDQUOT, errno.EFBIG, errno.EIO, errno.EMFILE, errno.ENFILE, errno.ENOMEM)
"""Refusals that speak for themselves where the system names no file: a write to an open one."""
RED, DIM, PLAIN = "\x1b[31m", "\x1b[2m", "\x1b[0m"


def run(arguments: Sequence[str]) -> int:
    """The whole program: the exit code of the verb, or of the error that ended it."""
    try:
        return _answer(arguments)
    except InferstackError as error:
        return _tell(error.message, error.hint, error.code, arguments, more=error.document)
    except BrokenPipeError:
        return _reader_left()
    except KeyboardInterrupt:
        return _tell("interrupted", "inferstack status shows the current state", 130, arguments)
    except OSError as error:
        return _machine_refused(error, arguments)
    except Exception as error:  # noqa: BLE001  the one place that answers for a surprise
        return _surprise(error, arguments)


def _answer(arguments: Sequence[str]) -> int:
    from typer import Abort, Exit
    from typer.exceptions import TyperException

    from inferstack.cli import secrets, verbs_table
    from inferstack.stack import environment

    secrets.take()
    if environment.BEFORE in os.environ:
        environment.leave_entered()
    if COMPLETING in os.environ:
        return int(verbs_table.command().main(args=[], prog_name=NAME, complete_var=COMPLETING) or 0)
    try:
        # Not typer's main(): it turns a reader that left and Ctrl-C into exit codes of its own.
        with verbs_table.command().make_context(NAME, list(arguments) or ["--help"]) as context:
            code = context.command.invoke(context)
        sys.stdout.flush()
        return code if isinstance(code, int) else 0
    except Exit as ended:
        return ended.exit_code
    except TyperException as error:
        return _tell(_unknown_flag(error) or error.format_message().strip(), _usage_hint(error), 2, arguments)
    except Abort:
        return _tell("no answer was given; nothing was done", "use --yes to confirm without a prompt", 2, arguments)


def _unknown_flag(error: Exception) -> str | None:
    """Say of a flag that does not exist what a request file says of such a field; typer keeps that error's class to itself."""
    if not hasattr(error, "possibilities"):
        return None
    from inferstack.records.files.reading import unknown

    name = str(getattr(error, "option_name", ""))
    return f"{name}: {unknown(name, error.possibilities or (), kind='flag')}"


def _usage_hint(error: Exception) -> str:
    context = getattr(error, "ctx", None)
    return f"{context.command_path} --help" if context else "inferstack --help"


def _tell(message: str, hint: str, code: int, arguments: Sequence[str], *, more: Mapping[str, Any] | None = None) -> int:
    red, dim, plain = (RED, DIM, PLAIN) if _colours() else ("", "", "")
    with contextlib.suppress(OSError):  # stderr may be as full as stdout
        sys.stderr.write(f"{red}Error: {_one_line(message)}{plain}\n" + (f"{dim}{_one_line(hint)}{plain}\n" if hint else ""))
        sys.stderr.flush()
    if "--json" in arguments:
        _document({**(more or {}), "error": {"code": code, "message": message, "hint": hint}})
    return code


def _document(content: Mapping[str, Any]) -> None:
    import json

    try:
        from inferstack.cli import printable

        sys.stdout.write(printable.json_text(json.dumps(content, default=str), encoding="ascii") + "\n")
        sys.stdout.flush()
    except OSError:
        _reader_left()


def _machine_refused(error: OSError, arguments: Sequence[str]) -> int:
    """What this machine would not do: a full disk, a file that may not be written. Anything else of the system is a surprise."""
    from inferstack.cli.screen import STANDARD_OUTPUT

    hint = MACHINE.get(error.errno or 0)
    where = error.filename
    if hint is not None and (where == STANDARD_OUTPUT or (where is None and _stdout_is_broken())):
        _reader_left()
        where, arguments = STANDARD_OUTPUT, ()  # no document can follow there
    if where is None and error.errno in NAMELESS:
        where = "this machine"
    if hint is None or where is None:
        return _surprise(error, arguments)
    text = os.fsdecode(where) if isinstance(where, str | bytes) else str(where)
    return _tell(
        f"{text if len(text) <= LONGEST_NAME else text[:LONGEST_NAME] + '...'}: {error.strerror}", hint, MissingTool.code, arguments
    )


def _stdout_is_broken() -> bool:
    """Whether one more line end can be written there: what failed before is no longer in the stream's own buffer."""
    try:
        sys.stdout.write("\n")
        sys.stdout.flush()
    except OSError:
        return True
    return False


def _surprise(error: Exception, arguments: Sequence[str]) -> int:
    import traceback

    from inferstack.cli import printable

    sys.stderr.write(printable.block("".join(traceback.format_exception(error))))
    return _tell(f"this should not have happened: {type(error).__name__}: {error}", REPORT_TO, SURPRISE, arguments)


def _reader_left() -> int:
    """`inferstack plan | head`: the reader has what it wanted. Stdout is replaced so that the interpreter's last flush is quiet."""
    sys.stdout = open(os.devnull, "w", encoding="utf-8")  # noqa: SIM115, PTH123
    return 0


def _one_line(text: str) -> str:
    from inferstack.cli import printable

    line = printable.line(" ".join(text.split()))
    return line if len(line) <= LONGEST_LINE else f"{line[:LONGEST_LINE]}..."


def _colours() -> bool:
    return not os.environ.get("NO_COLOR") and os.environ.get("TERM") != "dumb" and sys.stderr.isatty()
