"""The header of a GGUF file: its metadata and the type, shape and bytes of each tensor. No weight is read, and memory stays bounded."""

from __future__ import annotations

import math
import struct
from dataclasses import dataclass
from io import BufferedReader
from pathlib import Path
from typing import Any

from inferstack.records.errors import InputError
from inferstack.records.files.facts import load

MAGIC = b"GGUF"
# Version 1 (2023) counted in 32 bits; 3 differs from 2 only in allowing big endian, which is told by a version that
# reads as a huge number.
VERSIONS = (2, 3)
# A header comes from whoever made the file, so every count is limited before anything is allocated. The vocabularies
# of published models have up to about 262,000 texts, which the limits of lists exceed by far.
MOST_KEYS = 10_000
MOST_TENSORS = 200_000
LONGEST_NAME_BYTES = 1_024
LONGEST_TEXT_BYTES = 16 * 2**20
LONGEST_LIST = 20_000_000
# Lists with a number for each layer are kept; those with one for each token (scores, types) are skipped, and only
# their length is known.
KEPT_LIST = 10_000
LARGEST_HEADER_BYTES = 256 * 2**20
MOST_DIMENSIONS = 8
# number of a value's type -> struct code
NUMBERS = {0: "B", 1: "b", 2: "H", 3: "h", 4: "I", 5: "i", 6: "f", 7: "?", 10: "Q", 11: "q", 12: "d"}
TEXT, LIST = 8, 9


@dataclass(frozen=True, slots=True)
class GgufTensor:
    """`weights` elements in `bytes` bytes of the block type `type`."""

    name: str
    type: str
    shape: tuple[int, ...]
    weights: int
    bytes: int


@dataclass(frozen=True, slots=True)
class GgufHeader:
    """`keys`: numbers, texts and short lists of numbers; of a list of texts only its length."""

    version: int
    keys: dict[str, Any]
    tensors: tuple[GgufTensor, ...]
    file_bytes: int


def read(path: Path) -> GgufHeader:
    """Raises InputError in one line: no GGUF, another version, cut off, or numbers that no model has."""
    try:
        size = path.stat().st_size
        with path.open("rb") as file:
            return _Reader(path, file, size).header()
    except OSError as error:
        raise InputError(f"{path}: {error.strerror}") from None


class _Reader:
    def __init__(self, path: Path, file: BufferedReader, size: int) -> None:
        self.path, self.file, self.size, self.at = path, file, size, 0

    def header(self) -> GgufHeader:
        if self._bytes(4) != MAGIC:
            raise self._wrong("does not begin with GGUF: not a GGUF file")
        version = int(self._number("I"))
        if version not in VERSIONS:
            swapped = version > 0xFFFF
            raise self._wrong(
                "big-endian GGUF is not supported" if swapped else f"GGUF version {version} is not supported; supported: 2 and 3"
            )
        tensors, keys = self._count("tensors", MOST_TENSORS), self._count("keys", MOST_KEYS)
        found = dict(self._pair() for _ in range(keys))
        listed = [self._tensor() for _ in range(tensors)]
        self._refuse_cut(found, listed)
        return GgufHeader(version, found, tuple(one for one, _ in listed), self.size)

    def _pair(self) -> tuple[str, Any]:
        name = self._text(LONGEST_NAME_BYTES)
        return name, self._value(int(self._number("I")), name)

    def _value(self, kind: int, name: str) -> Any:
        if kind in NUMBERS:
            return self._number(NUMBERS[kind])
        if kind == TEXT:
            return self._text(LONGEST_TEXT_BYTES)
        if kind == LIST:
            return self._list(name)
        raise self._wrong(f"key {name[:80]!r} has a value of the unknown type {kind}")

    def _list(self, name: str) -> Any:
        kind, n = int(self._number("I")), self._count(f"values of {name[:80]!r}", LONGEST_LIST)
        if kind in NUMBERS:
            width = struct.calcsize("<" + NUMBERS[kind])
            if n > KEPT_LIST:
                self._skip(n * width)
                return n
            return list(struct.unpack(f"<{n}{NUMBERS[kind]}", self._bytes(n * width)))
        if kind != TEXT:
            raise self._wrong(f"key {name[:80]!r} is a list of lists or of an unknown type {kind}")
        for _ in range(n):
            self._skip(self._length(LONGEST_TEXT_BYTES))
        return n

    def _tensor(self) -> tuple[GgufTensor, int]:
        name, rank = self._text(LONGEST_NAME_BYTES), int(self._number("I"))
        if not 1 <= rank <= MOST_DIMENSIONS:
            raise self._wrong(f"tensor {name[:80]!r} has {rank} dimensions")
        shape = tuple(int(one) for one in struct.unpack(f"<{rank}Q", self._bytes(8 * rank)))
        known = load("sizing")["architectures"]["gguf"]["types"].get(str(int(self._number("I"))))
        offset, weights = int(self._number("Q")), math.prod(shape)
        if known is None:
            raise self._wrong(f"tensor {name[:80]!r} has an unknown block type")
        if not weights or shape[0] % known["weights"]:
            raise self._wrong(f"tensor {name[:80]!r} of shape {list(shape)} does not divide into blocks of {known['weights']}")
        return GgufTensor(name, known["name"], shape, weights, weights // known["weights"] * known["bytes"]), offset

    def _refuse_cut(self, keys: dict[str, Any], listed: list[tuple[GgufTensor, int]]) -> None:
        alignment = keys.get("general.alignment", 32)
        if not isinstance(alignment, int) or not 1 <= alignment <= 2**20:
            raise self._wrong(f"general.alignment is {alignment!r}")
        start = math.ceil(self.at / alignment) * alignment
        end = max((start + offset + tensor.bytes for tensor, offset in listed), default=start)
        if listed and end > self.size:
            raise self._wrong(f"is cut off: its header announces {end} bytes, but the file has {self.size}")

    def _count(self, what: str, most: int) -> int:
        n = int(self._number("Q"))
        if n > most:
            raise self._wrong(f"tells of {n} {what}, more than the limit of {most}")
        return n

    def _length(self, most: int) -> int:
        length = int(self._number("Q"))
        if length > most:
            raise self._wrong(f"contains a string of {length} bytes, more than the limit of {most}")
        return length

    def _text(self, most: int) -> str:
        try:
            return self._bytes(self._length(most)).decode("utf-8")
        except UnicodeDecodeError:
            raise self._wrong("contains a string that is not UTF-8") from None

    def _number(self, code: str) -> Any:
        return struct.unpack("<" + code, self._bytes(struct.calcsize("<" + code)))[0]

    def _bytes(self, n: int) -> bytes:
        self._advance(n)
        return self.file.read(n)

    def _skip(self, n: int) -> None:
        self._advance(n)
        self.file.seek(n, 1)

    def _advance(self, n: int) -> None:
        self.at += n
        if self.at > self.size:
            raise self._wrong(f"is cut off inside its header, at byte {self.size}")
        if self.at > LARGEST_HEADER_BYTES:
            raise self._wrong(f"has a header of more than {LARGEST_HEADER_BYTES // 2**20} MiB")

    def _wrong(self, why: str) -> InputError:
        return InputError(f"{self.path}: {why}")
