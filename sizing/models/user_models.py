"""Models that a person added beside the facts: `inferstack model add` writes one file each, the catalogue reads them by id."""

from __future__ import annotations

import functools
from pathlib import Path
from typing import Any, ClassVar, Literal

from pydantic import Field

from inferstack.records import model_ids
from inferstack.records.errors import InputError
from inferstack.records.files import places
from inferstack.records.files.reading import read_record
from inferstack.records.record import Record
from sizing.models.shape import ModelShape


class AddedModel(Record):
    """What the hub said of a model at one revision. `config` is its config.json with the sizes of its files under `inferstack`."""

    file_name: ClassVar[str] = "model.yaml"

    id: str = Field(pattern=model_ids.PATTERN, max_length=model_ids.LONGEST)
    kind: Literal["vendor"] = "vendor"
    as_of: str = Field(pattern=r"^\d{4}-\d\d-\d\d$")
    source: str
    revision: str
    license: str | None = None
    gated: bool | None = None
    config: dict[str, Any]

    def to_json(self) -> str:
        import yaml

        return yaml.safe_dump(self.model_dump(mode="json"), sort_keys=False, allow_unicode=True)


def path_of(model_id: str, folder: Path | None = None) -> Path:
    return (folder or places.added_models()) / f"{model_id.replace('/', '--')}.yaml"


def find(model_id: str) -> ModelShape | None:
    """Find an added model by its whole id, in any case of letters. Raises InputError for a file that is damaged."""
    wanted = path_of(model_id).name.lower()
    return next((_shape_of(path) for path in _files() if path.name.lower() == wanted), None)


def find_by_last_part(name: str) -> ModelShape | None:
    last = f"{name.split('/')[-1].lower()}.yaml"
    found = [_shape_of(path) for path in _files() if path.name.lower().split("--")[-1] == last]
    if len(found) > 1:
        ids = " and ".join(one.id for one in found)
        raise InputError(f"model: {name!r:.200} is the last part of {ids}; it is ambiguous", hint=f"give the whole id: {found[0].id}")
    return found[0] if found else None


def record(name: str) -> AddedModel | None:
    """The stored record, by id or its last part. Raises InputError for a file that is damaged."""
    shape = find(name) or find_by_last_part(name)
    return _read(path_of(shape.id)) if shape else None


def stored() -> tuple[Path, ...]:
    """The files, sorted by name."""
    return tuple(_files())


def shape_in(path: Path) -> ModelShape:
    """Raises InputError for a file that is damaged."""
    return _shape_of(path)


def _files() -> list[Path]:
    folder = places.added_models()
    return sorted(folder.glob("*.yaml")) if folder.is_dir() else []


def _shape_of(path: Path) -> ModelShape:
    at = path.stat()
    return _shape(path, at.st_mtime_ns, at.st_size)


@functools.lru_cache(1024)
def _shape(path: Path, changed_ns: int, size: int) -> ModelShape:
    """One object for each content of a file: shapes are compared by identity."""
    from sizing.models.hf_config import from_config

    added = _read(path)
    try:
        return from_config(added.config)
    except InputError as error:
        raise InputError(f"{path}: {error.message}", hint=error.hint) from None


def _read(path: Path) -> AddedModel:
    return read_record(path, AddedModel)
