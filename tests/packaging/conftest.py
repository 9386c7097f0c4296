"""A wheel of a clean clone in an empty environment, made once; the lane skips by name where pip finds no package index."""

from __future__ import annotations

import shutil
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.packaging.installed import Environment

ROOT = Path(__file__).resolve().parents[2]
NEIGHBOUR = "records==0.6.0"
"""A package of others on PyPI; earlier wheels of ours had a top-level package of the same name."""


@pytest.fixture(scope="session")
def wheel(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Build the wheel with pip from a clone, over which uncommitted changes are laid. This checkout's environment takes no part."""
    folder = tmp_path_factory.mktemp("wheel")
    if not (ROOT / ".git").exists() or not shutil.which("git"):
        pytest.skip("lane wheel: no git checkout to clone")
    _skip_without_index(folder)
    clone = folder / "clone"
    _done(["git", "clone", "--quiet", str(ROOT), str(clone)])
    for changed in _listed("--modified", "--others", "--exclude-standard"):
        if (ROOT / changed).is_file():
            (clone / changed).parent.mkdir(parents=True, exist_ok=True)
            shutil.copy2(ROOT / changed, clone / changed)
    for gone in _listed("--deleted"):
        (clone / gone).unlink(missing_ok=True)
    begun = time.monotonic()
    _done([sys.executable, "-m", "pip", "wheel", "--quiet", "--no-deps", "--wheel-dir", str(folder), str(clone)])
    (found,) = folder.glob("inferstack-*.whl")
    print(f"\n{found.name}: {found.stat().st_size / 1e6:.1f} MB, built in {time.monotonic() - begun:.0f} s")
    return found


@pytest.fixture(scope="session")
def installed(wheel: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Environment]:
    """Install the wheel without extras beside another package called `records`, and forbid writing."""
    folder = tmp_path_factory.mktemp("environment")
    begun = time.monotonic()
    _done([sys.executable, "-m", "venv", str(folder / "venv")])
    pip = [str(folder / "venv" / "bin" / "python"), "-m", "pip", "install", "--quiet", "--disable-pip-version-check"]
    _done([*pip, str(wheel)])
    environment = Environment(folder / "venv", folder / "here")
    environment.here.mkdir()
    print(f"installed without extras: {environment.megabytes():.0f} MB in {time.monotonic() - begun:.0f} s")
    _done([*pip, NEIGHBOUR])
    environment.forbid_writing()
    before = environment.packages_tree()
    yield environment
    environment.allow_writing()
    assert before == environment.packages_tree(), "something was written into site-packages"


def _skip_without_index(folder: Path) -> None:
    argv = [sys.executable, "-m", "pip", "download", "--quiet", "--no-deps", "--retries", "1", "--timeout", "20", "--dest", str(folder)]
    done = subprocess.run([*argv, NEIGHBOUR], capture_output=True, text=True, check=False)
    if done.returncode:
        pytest.skip(f"lane wheel: pip finds no package index: {(done.stderr.strip().splitlines() or ['no output'])[-1]}")


def _listed(*options: str) -> list[str]:
    done = subprocess.run(["git", "-C", str(ROOT), "ls-files", "-z", *options], capture_output=True, text=True, check=True)
    return [name for name in done.stdout.split("\0") if name]


def _done(argv: list[str]) -> None:
    done = subprocess.run(argv, capture_output=True, text=True, check=False)
    assert 0 == done.returncode, f"{' '.join(argv)}\n{done.stdout}{done.stderr}"
