"""The text of a file that a person named: whatever it is in place of a file of UTF-8 text is one line."""

from __future__ import annotations

import os
import select
import stat
from pathlib import Path

from inferstack.records.errors import InputError, MissingTool

WAIT_S = 10.0
"""For what a pipe still has to say."""


def read(path: Path, *, most_bytes: int, said: str | None = None) -> str:
    """Return the text, without a byte order mark. Raises InputError for what is no such file, MissingTool where the machine forbids it.

    `said` is how the message names the file. A pipe is read (`<(...)`, /dev/stdin), one that nobody writes to is refused at once.
    """
    where = said or str(path)
    try:
        content = _bytes(path, where, most_bytes)
    except (FileNotFoundError, NotADirectoryError):
        raise InputError(f"{where}: no such file") from None
    except ValueError:  # a null byte in the name
        raise InputError(f"{where!r:.80}: no such file") from None
    except PermissionError as error:
        raise MissingTool(f"{where}: {error.strerror}", hint="make it readable for the user that runs inferstack") from None
    except OSError as error:
        raise InputError(f"{where[:200]}: {error.strerror}") from None
    try:
        return content.decode("utf-8-sig")
    except UnicodeDecodeError:
        raise InputError(f"{where}: is not UTF-8 text", hint="save it as UTF-8") from None


def _bytes(path: Path, where: str, most: int) -> bytes:
    kind = path.stat().st_mode
    if stat.S_ISDIR(kind):
        raise InputError(f"{where}: is a folder; a file is needed")
    if stat.S_ISFIFO(kind):
        content = _of_pipe(path, where, most)
    elif stat.S_ISREG(kind):
        with path.open("rb") as file:
            content = file.read(most + 1)
    else:
        raise InputError(f"{where}: is a device or socket; a file is needed")
    if len(content) > most:
        raise InputError(f"{where}: is larger than {_size(most)}")
    return content


def _of_pipe(path: Path, where: str, most: int) -> bytes:
    """Read without waiting for a writer that may never come."""
    handle = os.open(path, os.O_RDONLY | os.O_NONBLOCK)
    content = b""
    try:
        while len(content) <= most:
            try:
                piece = os.read(handle, 65536)
            except BlockingIOError:  # somebody holds the other end; without a writer a read says the end at once
                if not select.select([handle], [], [], WAIT_S)[0]:
                    raise InputError(f"{where}: is a pipe that has sent nothing for {WAIT_S:.0f} s") from None
                continue
            if not piece:
                break
            content += piece
    finally:
        os.close(handle)
    if not content:
        raise InputError(f"{where}: is a pipe without a writer")
    return content


def _size(count: int) -> str:
    return f"{count // 2**20} MiB" if count >= 2**20 else f"{count} bytes"
