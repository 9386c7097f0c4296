"""The header of a safetensors file: names, types and shapes of its tensors; the weights themselves are never read."""

from __future__ import annotations

import json
import math
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypeGuard

from inferstack.records.errors import InputError

LENGTH_BYTES = 8
LARGEST_HEADER_BYTES = 100 * 10**6  # the limit of the format's own reader
DTYPE_BITS = {
    "F64": 64, "I64": 64, "U64": 64, "F32": 32, "I32": 32, "U32": 32, "F16": 16, "BF16": 16, "I16": 16, "U16": 16, "F8_E4M3": 8,
    "F8_E5M2": 8, "F8_E8M0": 8, "F8_E4M3FNUZ": 8, "F8_E5M2FNUZ": 8, "I8": 8, "U8": 8, "BOOL": 8,
    "F4": 4, "F6_E2M3": 6, "F6_E3M2": 6, "C64": 64,
}  # fmt: skip


@dataclass(frozen=True, slots=True)
class Tensor:
    """`elements` stored numbers of `dtype` in `bytes` bytes; a packed weight has fewer elements than parameters."""

    name: str
    dtype: str
    elements: int
    bytes: int


def read(path: Path) -> tuple[Tensor, ...]:
    """Read the header of a file on this machine. Raises InputError."""
    try:
        size = path.stat().st_size
        with path.open("rb") as file:
            length = _header_bytes(file.read(LENGTH_BYTES), where=str(path), file_bytes=size)
            header = file.read(length)
    except OSError as error:
        raise InputError(f"{path}: {error.strerror}") from None
    try:
        content = json.loads(header)
    except (ValueError, RecursionError):
        raise InputError(f"{path}: its header is not JSON: the file is cut off or damaged") from None
    if not isinstance(content, dict):
        raise InputError(f"{path}: its header is not an object")
    return tensors(content, where=str(path), before=LENGTH_BYTES + length, file_bytes=size)


def tensors(header: Mapping[str, Any], *, where: str, before: int = LENGTH_BYTES, file_bytes: int | None = None) -> tuple[Tensor, ...]:
    """Return the tensors of a header; `before` are the bytes up to the first. Raises InputError for one that does not fit its file."""
    found = tuple(_tensor(name, one, where) for name, one in header.items() if name != "__metadata__")
    told = before + sum(tensor.bytes for tensor in found)
    if file_bytes is not None and told > file_bytes:
        raise InputError(f"{where}: is cut off: its header tells of {told} bytes, the file has {file_bytes}")
    return found


def _header_bytes(first: bytes, *, where: str, file_bytes: int) -> int:
    """Return how long the header is, from the file's first eight bytes. Raises InputError."""
    if len(first) < LENGTH_BYTES:
        raise InputError(f"{where}: is cut off: {len(first)} bytes are no safetensors file")
    length = int.from_bytes(first[:LENGTH_BYTES], "little")
    if not 2 <= length <= LARGEST_HEADER_BYTES:
        raise InputError(f"{where}: is no safetensors file: its header would have {length} bytes")
    if LENGTH_BYTES + length > file_bytes:
        raise InputError(f"{where}: is cut off: a header of {length} bytes in a file of {file_bytes}")
    return length


def _tensor(name: str, content: Any, where: str) -> Tensor:
    wrong = InputError(f"{where}: tensor {name[:80]!r} has no dtype, shape and data_offsets that are known")
    if not isinstance(content, dict):
        raise wrong
    dtype, shape, offsets = content.get("dtype"), content.get("shape"), content.get("data_offsets")
    if dtype not in DTYPE_BITS or not _whole_numbers(shape) or not _whole_numbers(offsets) or len(offsets) != 2:
        raise wrong
    elements, held = math.prod(shape), offsets[1] - offsets[0]
    if held != math.ceil(elements * DTYPE_BITS[dtype] / 8):
        raise InputError(f"{where}: tensor {name[:80]!r}: {held} bytes do not hold {elements} numbers of {dtype}")
    return Tensor(name, dtype, elements, held)


def _whole_numbers(value: Any) -> TypeGuard[list[int]]:
    return isinstance(value, list) and all(isinstance(one, int) and not isinstance(one, bool) and 0 <= one < 2**48 for one in value)
