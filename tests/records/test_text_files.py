"""Whatever stands in a file's place is one line with the right code, and nothing is waited for that may never come."""

from __future__ import annotations

import os
import socket
import threading
from collections.abc import Callable
from pathlib import Path

import pytest

from inferstack.records.errors import InferstackError, InputError
from inferstack.records.files import text_files


def _fifo(path: Path) -> None:
    os.mkfifo(path)


def _socket(path: Path) -> None:
    socket.socket(socket.AF_UNIX).bind(str(path))


WRONG: dict[str, tuple[Callable[[Path], object], str]] = {
    "folder": (Path.mkdir, "is a folder; a file is needed"),
    "pipe without a writer": (_fifo, "is a pipe without a writer"),
    "socket": (_socket, "is a device or socket"),
    "device": (lambda path: path.symlink_to("/dev/zero"), "is a device or socket"),
    "UTF-16": (lambda path: path.write_bytes("model: m".encode("utf-16")), "is not UTF-8 text"),
    "latin-1": (lambda path: path.write_bytes("model: é".encode("latin-1")), "is not UTF-8 text"),
    "large": (lambda path: path.write_bytes(b"a" * 101), "is larger than 100 bytes"),
    "circle of links": (lambda path: path.symlink_to(path), "Too many levels of symbolic links"),
}


@pytest.mark.parametrize("name", WRONG)
def test_what_is_no_text_file_is_wrong_input(name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """One line that begins with the path; exit code 2."""
    monkeypatch.chdir(tmp_path)
    path = Path("given")
    make, expected = WRONG[name]
    make(path)
    with pytest.raises(InputError) as caught:
        text_files.read(path, most_bytes=100)
    assert caught.value.message.startswith("given: ") and expected in caught.value.message


@pytest.mark.parametrize("name", ["x" * 100_000, "a\0b", "file/below"])
def test_a_name_that_no_file_can_have_is_wrong_input(name: str, tmp_path: Path) -> None:
    """Too long, with a null byte, or below a file: one short line."""
    (tmp_path / "file").touch()
    with pytest.raises(InferstackError) as caught:
        text_files.read(tmp_path / name, most_bytes=100)
    assert 2 == caught.value.code and len(caught.value.message) < 400


def test_a_byte_order_mark_is_no_part_of_the_text(tmp_path: Path) -> None:
    """Editors of some systems write one."""
    (tmp_path / "given").write_bytes(b"\xef\xbb\xbfmodel: m\n")
    assert "model: m\n" == text_files.read(tmp_path / "given", most_bytes=100)


def test_a_pipe_with_a_writer_is_read_whole() -> None:
    """`<(...)` of a shell, whose writer takes its time."""
    reader, writer = os.pipe()

    def write() -> None:
        for piece in (b"model: ", b"m\n"):
            os.write(writer, piece)
        os.close(writer)

    threading.Timer(0.05, write).start()
    assert "model: m\n" == text_files.read(Path(f"/dev/fd/{reader}"), most_bytes=100)
    os.close(reader)
