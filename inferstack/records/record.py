"""What every record is: frozen, closed to unknown keys, versioned, readable from and written to one file."""

from __future__ import annotations

import os
import tempfile
from pathlib import Path
from typing import Any, ClassVar, Literal, Self

from pydantic import BaseModel, ConfigDict


class Part(BaseModel):
    """A piece of a record."""

    model_config = ConfigDict(frozen=True, extra="forbid", allow_inf_nan=False, protected_namespaces=(), validate_default=True)


class Record(Part):
    """One arrow between two stages, and one file of the run directory."""

    file_name: ClassVar[str]
    schema_version: Literal[1] = 1

    def write(self, folder: Path) -> Path:
        """Write to `folder / file_name` through a temporary file, so that a reader never sees half of it."""
        return write_text(folder / self.file_name, self.to_json())

    def to_json(self) -> str:
        return self.model_dump_json(indent=2) + "\n"

    @classmethod
    def read(cls, path: Path) -> Self:
        """Raises InputError with file, line and field when the file is not this record."""
        from inferstack.records.files.reading import read_record

        return read_record(path, cls)

    def replaced(self, **changes: Any) -> Self:
        """A copy with these fields changed, validated anew."""
        return type(self).model_validate({**self.model_dump(), **changes})


def write_text(path: Path, text: str, *, mode: int = 0o644) -> Path:
    """Write through a temporary file. An OSError of a full disk names the file, which the system's own does not."""
    try:
        return _written(path, text, mode)
    except OSError as error:
        error.filename = error.filename or str(path)
        raise


def _written(path: Path, text: str, mode: int) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    handle, temporary = tempfile.mkstemp(dir=path.parent, prefix=f".{path.name}.")
    try:
        with os.fdopen(handle, "w", encoding="utf-8") as file:
            file.write(text)
        os.chmod(temporary, mode)
        os.replace(temporary, path)
    except BaseException:
        Path(temporary).unlink(missing_ok=True)
        raise
    return path
