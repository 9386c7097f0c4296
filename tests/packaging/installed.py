"""An environment into which the wheel was installed, and how a user calls what is in it."""

from __future__ import annotations

import os
import shutil
import subprocess
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

WITHOUT_RIGHTS = ["setpriv", "--bounding-set", "-all", "--inh-caps", "-all", "--ambient-caps", "-all", "--no-new-privs"]
"""Takes from root what root may more than others: to write where the permissions say no."""
NO_HOME = "/proc/no-home"
"""A folder that nobody can make."""


@dataclass(frozen=True)
class Environment:
    """`venv` is the environment, `here` the folder in which its user stands."""

    venv: Path
    here: Path

    @cached_property
    def packages(self) -> Path:
        (found,) = (self.venv / "lib").glob("python3.*/site-packages")
        return found

    def run(
        self, *arguments: str, program: str = "inferstack", here: Path | None = None, text: str = ""
    ) -> subprocess.CompletedProcess[str]:
        """Run a program of the environment as an ordinary user with no settings and a home in which nothing can be written."""
        rights = WITHOUT_RIGHTS if os.geteuid() == 0 and shutil.which("setpriv") else []
        environment = {"PATH": f"{self.venv / 'bin'}:/usr/bin:/bin", "HOME": NO_HOME, "COLUMNS": "160", "LANG": "C.UTF-8"}
        argv = [*rights, str(self.venv / "bin" / program), *arguments]
        return subprocess.run(
            argv, cwd=here or self.here, env=environment, input=text, capture_output=True, text=True, timeout=120, check=False
        )

    def python(self, code: str) -> str:
        done = self.run("-c", code, program="python")
        assert 0 == done.returncode, done.stderr
        return done.stdout.strip()

    def megabytes(self) -> float:
        """Size of everything in site-packages but pip and setuptools, which every environment has."""
        own = ("pip", "setuptools", "pkg_resources", "_distutils_hack")
        files = (path for path in self.packages.rglob("*") if not path.relative_to(self.packages).parts[0].startswith(own))
        return sum(path.stat().st_size for path in files if path.is_file()) / 1e6

    def packages_tree(self) -> dict[str, tuple[int, int]]:
        """Name, size and time of every file in site-packages."""
        return {str(path): (path.stat().st_size, path.stat().st_mtime_ns) for path in self.packages.rglob("*") if path.is_file()}

    def forbid_writing(self) -> None:
        self._let(self.packages, writing=False)

    def allow_writing(self) -> None:
        self._let(self.packages, writing=True)

    @staticmethod
    def _let(top: Path, *, writing: bool) -> None:
        for path in (top, *top.rglob("*")):
            if not path.is_symlink():
                mode = path.stat().st_mode
                path.chmod(mode | 0o200 if writing else mode & ~0o222)
