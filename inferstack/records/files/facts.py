"""Facts of a package: its `facts/**/*.yaml`, read through one compiled `facts.json` beside them.

The compiled file carries a digest of the YAML; when it is missing or another, it is made again without a word.
"""

from __future__ import annotations

import functools
import hashlib
import json
import os
import tempfile
from pathlib import Path
from typing import Any

from inferstack.records.errors import InputError

ROOT = Path(__file__).resolve().parents[3]
FOLDERS = {"sizing": "sizing", "pricing": "inferstack/pricing"}
PACKAGES = tuple(FOLDERS)


@functools.cache
def load(package: str, *, root: Path = ROOT) -> dict[str, Any]:
    """`facts/gpus/hopper.yaml` is `load(...)["gpus"]["hopper"]`. Shared by all callers of the process: read, never change.

    Raises InputError when a facts file is not YAML.
    """
    from pydantic_core import from_json  # here: the build of a wheel compiles facts and has no pydantic

    digest = content_digest(package, root=root)
    try:
        compiled = from_json(compiled_path(package, root=root).read_bytes(), cache_strings="keys")  # a third of the time of json.loads
    except (OSError, ValueError):
        compiled = {}
    facts: dict[str, Any] = compiled["facts"] if compiled.get("digest") == digest else compile_facts(package, root=root)
    return facts


def compile_facts(package: str, *, root: Path = ROOT) -> dict[str, Any]:
    """Read the YAML and write the JSON. Where the folder is read-only, the facts are returned all the same."""
    facts = read_yaml(package, root=root)
    content = {"digest": content_digest(package, root=root), "facts": facts}
    try:
        _write(compiled_path(package, root=root), json.dumps(content, separators=(",", ":"), ensure_ascii=False))
    except OSError:
        pass
    return facts


def read_yaml(package: str, *, root: Path = ROOT) -> dict[str, Any]:
    """The facts as the YAML says them; dates stay text."""
    facts: dict[str, Any] = {}
    for path in sources(package, root=root):
        place = facts
        *folders, stem = path.relative_to(root / FOLDERS.get(package, package) / "facts").with_suffix("").parts
        for folder in folders:
            place = place.setdefault(folder, {})
        place[stem] = _parsed(path)
    return facts


def sources(package: str, *, root: Path = ROOT) -> tuple[Path, ...]:
    return tuple(sorted((root / FOLDERS.get(package, package) / "facts").rglob("*.yaml")))


def compiled_path(package: str, *, root: Path = ROOT) -> Path:
    return root / FOLDERS.get(package, package) / "facts.json"


def content_digest(package: str, *, root: Path = ROOT) -> str:
    """Return a digest of names and contents: a checkout's file times say nothing about what the files hold."""
    digest = hashlib.blake2b(digest_size=16)
    for path in sources(package, root=root):
        digest.update(path.relative_to(root).as_posix().encode() + b"\0")
        digest.update(path.read_bytes() + b"\0")
    return digest.hexdigest()


def _parsed(path: Path) -> Any:
    import yaml

    try:
        return yaml.load(path.read_bytes(), Loader=_loader())
    except yaml.YAMLError as error:
        raise InputError(f"{path}: {' '.join(str(error).split())}", hint="correct the facts file") from None


@functools.cache
def _loader() -> Any:
    """The C loader where there is one, without YAML's dates: JSON has none."""
    import yaml

    base = getattr(yaml, "CSafeLoader", yaml.SafeLoader)
    resolvers = {
        first: [(tag, pattern) for tag, pattern in known if tag != "tag:yaml.org,2002:timestamp"]
        for first, known in base.yaml_implicit_resolvers.items()
    }
    return type("FactsLoader", (base,), {"yaml_implicit_resolvers": resolvers})


def _write(path: Path, text: str) -> None:
    handle, temporary = tempfile.mkstemp(dir=path.parent, prefix=f".{path.name}.")
    try:
        with os.fdopen(handle, "w", encoding="utf-8") as file:
            file.write(text)
        os.chmod(temporary, 0o644)
        os.replace(temporary, path)
    except BaseException:
        Path(temporary).unlink(missing_ok=True)
        raise
