"""Run mutants in copies of the tree, one copy for each process: nothing of the checkout is written."""

from __future__ import annotations

import json
import os
import queue
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from tools.mutants.subjects import ROOT, Subject, TableError

CHUNK = 60
"""Mutants of one worker: it tries the tests once without a mutation and imports the libraries before them."""


@dataclass(frozen=True)
class MutantOutcome:
    """What became of one text; `by` is the first test that failed, or what ended the run; seconds of processor time."""

    killed: bool
    by: str
    seconds: float


class Copies:
    """Copies of the tree, lent to one worker at a time."""

    def __init__(self, folders: Sequence[Path]) -> None:
        self._free: queue.Queue[Path] = queue.Queue()
        for folder in folders:
            self._free.put(folder)

    def outcomes(self, subject: Subject, sources: Sequence[str]) -> list[MutantOutcome]:
        """Return one outcome for each text. Raises TableError where the tests are not green on the module as it stands."""
        folder = self._free.get()
        try:
            lines = self._worker(folder, subject, sources)
        finally:
            self._free.put(folder)
        if lines[0]["outcome"] == "killed":
            raise TableError(f"{subject.name}: the tests of {subject.module} fail without a mutation: {lines[0]['by']}")
        return [MutantOutcome(line["outcome"] == "killed", line["by"], line["seconds"]) for line in lines[1:]]

    @staticmethod
    def _worker(folder: Path, subject: Subject, sources: Sequence[str]) -> list[dict]:
        task = json.dumps({"module": subject.module, "tests": subject.tests, "sources": list(sources)})
        environment = {**os.environ, "OPENBLAS_NUM_THREADS": "1", "PYTHONHASHSEED": "0"}
        command = [sys.executable, "-m", "tools.mutants.worker"]
        done = subprocess.run(command, cwd=folder, input=task, capture_output=True, text=True, check=False, env=environment)
        lines = [json.loads(line) for line in done.stdout.splitlines()]
        if not lines or (lines[0]["outcome"] == "survived" and len(lines) != len(sources) + 1):
            raise TableError(f"{subject.name}: the worker ended: {done.stderr[-2000:]}")
        return lines


@contextmanager
def copies(number: int) -> Iterator[Copies]:
    """Make copies of what git knows of the tree and what it would add, outside of it; they are gone afterwards."""
    with tempfile.TemporaryDirectory(prefix="mutants-") as folder:
        first = Path(folder) / "0" / "tree"
        listed = subprocess.run(
            ["git", "ls-files", "-z", "--cached", "--others", "--exclude-standard"], cwd=ROOT, capture_output=True, check=True
        )
        for name in filter(None, listed.stdout.decode().split("\0")):
            if (ROOT / name).is_file():
                (first / name).parent.mkdir(parents=True, exist_ok=True)
                shutil.copy2(ROOT / name, first / name)
        subprocess.run([sys.executable, "tools/compile_facts.py"], cwd=first, check=True, capture_output=True)
        others = [shutil.copytree(first, Path(folder) / str(one) / "tree") for one in range(1, number)]
        yield Copies([first, *others])


def run(lent: Copies, pool: ThreadPoolExecutor, tasks: Sequence[tuple[Subject, Sequence[str]]]) -> Iterator[list[MutantOutcome]]:
    """Yield the outcomes of each task in their order, while the next ones run."""
    pieces = [[(subject, sources[at : at + CHUNK]) for at in range(0, len(sources), CHUNK)] for subject, sources in tasks]
    waiting = [[pool.submit(lent.outcomes, subject, list(part)) for subject, part in of_task] for of_task in pieces]
    try:
        for of_task in waiting:
            yield [outcome for future in of_task for outcome in future.result()]
    finally:
        for future in (future for of_task in waiting for future in of_task):
            future.cancel()
