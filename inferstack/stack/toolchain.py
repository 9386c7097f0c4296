"""Finds or gets the Pulumi CLI: an explicit setting, PATH, the cache, the official installer, else a Go build of the pinned version.

The version is pinned in one place, tools/go.mod. Everything got lies under the cache folder, keyed by version and content.
"""

from __future__ import annotations

import fcntl
import hashlib
import os
import re
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from inferstack.records.errors import MissingTool
from inferstack.records.files import places

MODULE = "github.com/pulumi/pulumi"
OLDEST = (3, 200, 0)
BUILD_NEEDS_BYTES = 5 * 10**9
HOST_FILES = ("pulumi-language-python", "language_host.py")

Say = Callable[[str], None]


@dataclass(frozen=True)
class FoundCli:
    """`how`: setting, path, installer or build."""

    path: Path
    how: str
    version: str


def pulumi(*, say: Say, environment: Mapping[str, str] = os.environ) -> Path:
    """The CLI, got if need be. Raises MissingTool with the one thing that is missing."""
    found = find(environment=environment)
    if found:
        return found.path
    with _lock(cache_folder(environment) / "pulumi.lock"):
        found = find(environment=environment)
        if found:
            return found.path
        return _official(say, environment) or _built(say, environment)


def find(*, environment: Mapping[str, str] = os.environ) -> FoundCli | None:
    """The CLI that is there already; downloads and builds nothing."""
    chosen = environment.get("INFERSTACK_PULUMI")
    if chosen:
        return FoundCli(_executable(Path(chosen)), "setting", _version(Path(chosen)))
    cached = (("installer", official_folder(environment) / "bin" / "pulumi"), ("build", build_folder(environment) / "pulumi"))
    for how, path in (*_on_path(environment), *cached):
        if os.access(path, os.X_OK) and path.is_file():
            if how == "build":
                install_host(path.parent)
            version = _version(path)
            if _numbers(version) >= OLDEST:
                return FoundCli(path, how, version)
    return None


def pinned_version() -> str:
    text = (tools_folder() / "go.mod").read_text(encoding="utf-8")
    match = re.search(rf"{re.escape(MODULE)}/pkg/v3 v([0-9.]+)", text)
    if not match:
        raise MissingTool("tools/go.mod names no version of the Pulumi CLI", hint="restore tools/go.mod from the repository")
    return match.group(1)


def tools_folder() -> Path:
    folder = places.of_checkout("tools")
    if not (folder / "go.mod").exists():
        raise MissingTool(f"{folder / 'go.mod'} is missing", hint="install the wheel again, or restore the file from the repository")
    return folder


def cache_folder(environment: Mapping[str, str] = os.environ) -> Path:
    base = environment.get("XDG_CACHE_HOME") or Path(environment.get("HOME") or Path.home()) / ".cache"
    return Path(base) / "inferstack"


def official_folder(environment: Mapping[str, str] = os.environ) -> Path:
    return cache_folder(environment) / f"pulumi-{pinned_version()}-official"


def build_folder(environment: Mapping[str, str] = os.environ) -> Path:
    content = hashlib.sha256((tools_folder() / "go.sum").read_bytes()).hexdigest()[:12]
    return cache_folder(environment) / f"pulumi-{pinned_version()}-{content}"


def install_host(folder: Path) -> None:
    """Puts the Python language host beside a built CLI; the Go module has none."""
    for name in HOST_FILES:
        source, target = tools_folder() / "bin" / name, folder / name
        if not target.exists() or target.read_bytes() != source.read_bytes():
            _replace(source, target)


def _on_path(environment: Mapping[str, str]) -> list[tuple[str, Path]]:
    found = shutil.which("pulumi", path=environment.get("PATH", ""))
    inside = str(cache_folder(environment))
    return [("path", Path(found))] if found and not found.startswith(inside) else []


def _official(say: Say, environment: Mapping[str, str]) -> Path | None:
    from stacks.engine import installer

    if environment.get("INFERSTACK_OFFICIAL_PULUMI", "yes") == "no" or not installer.installer_reachable():
        return None
    say(f"Getting the Pulumi CLI {pinned_version()} with its official installer")
    return installer.install(official_folder(environment), pinned_version())


def _built(say: Say, environment: Mapping[str, str]) -> Path:
    go = shutil.which("go", path=environment.get("PATH", ""))
    if not go:
        raise MissingTool(
            "no Pulumi CLI: none on PATH, its installer cannot be reached, and Go is missing to build it",
            hint="install pulumi from its vendor, or Go 1.25.11 or newer and run the command again",
        )
    target = build_folder(environment)
    target.mkdir(parents=True, exist_ok=True)
    free = shutil.disk_usage(target).free
    if free < BUILD_NEEDS_BYTES:
        raise MissingTool(
            f"building the Pulumi CLI needs {BUILD_NEEDS_BYTES / 1e9:.0f} GB of disk temporarily, {free / 1e9:.1f} GB are free",
            hint="free some disk space, or install pulumi",
        )
    say(f"Building the Pulumi CLI {pinned_version()} with Go (once, 3 to 6 minutes on two cores)")
    _build(go, target, environment)
    install_host(target)
    return target / "pulumi"


def _build(go: str, target: Path, environment: Mapping[str, str]) -> None:
    with tempfile.TemporaryDirectory(dir=target, prefix="go-") as scratch:
        private = {
            "GOPATH": f"{scratch}/path",
            "GOMODCACHE": f"{scratch}/mod",
            "GOCACHE": f"{scratch}/cache",
            "GOFLAGS": "-modcacherw",
            "CGO_ENABLED": "0",
        }
        flags = f"-s -w -X {MODULE}/sdk/v3/go/common/version.Version=v{pinned_version()}"
        done = subprocess.run(
            [go, "build", "-trimpath", "-ldflags", flags, "-o", f"{scratch}/pulumi", f"{MODULE}/pkg/v3/cmd/pulumi"],
            cwd=tools_folder(),
            env={**environment, **private},
            capture_output=True,
            text=True,
            check=False,
        )
        if done.returncode:
            last = (done.stderr.strip().splitlines() or ["no output"])[-1]
            raise MissingTool(
                f"the Pulumi CLI did not build: {last[:300]}",
                hint="check `go version` (1.25.11 or newer) and the Go proxy settings, or install pulumi",
            )
        os.replace(f"{scratch}/pulumi", target / "pulumi")


def _executable(path: Path) -> Path:
    if not os.access(path, os.X_OK) or not path.is_file():
        raise MissingTool(f"INFERSTACK_PULUMI: {path} is not an executable file", hint="unset it, or point it at the pulumi command")
    return path


def _version(path: Path) -> str:
    """A cached build says its version in its folder's name; starting it costs 0.2 s."""
    if path.parent.name.startswith("pulumi-"):
        return path.parent.name.split("-")[1]
    done = subprocess.run(
        [path, "version"], capture_output=True, text=True, check=False, env={**os.environ, "PULUMI_SKIP_UPDATE_CHECK": "1"}
    )
    return done.stdout.strip().lstrip("v") or "0"


def _numbers(version: str) -> tuple[int, ...]:
    return tuple(int(part) for part in re.findall(r"\d+", version)[:3])


def _replace(source: Path, target: Path) -> None:
    temporary = target.with_name(f".{target.name}.{os.getpid()}")
    shutil.copy(source, temporary)
    os.replace(temporary, target)


@contextmanager
def _lock(path: Path) -> Iterator[None]:
    path.parent.mkdir(parents=True, exist_ok=True)
    with path.open("w") as file:
        fcntl.flock(file, fcntl.LOCK_EX)
        yield


def main() -> int:
    """`python -m inferstack.stack.toolchain`: get the CLI now, so that the first real command need not wait for it."""
    try:
        path = pulumi(say=lambda line: print(line, file=sys.stderr, flush=True))  # noqa: T201
    except MissingTool as error:
        print(f"{error.message}\n{error.hint}", file=sys.stderr)  # noqa: T201
        return error.code
    print(path)  # noqa: T201
    return 0


if __name__ == "__main__":
    sys.exit(main())
