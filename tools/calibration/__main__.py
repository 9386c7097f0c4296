"""`python -m tools.calibration calibrate` refits the constants and writes the facts and the page; `accuracy` writes the page alone; `check`
makes the page anew and exits 1 where a byte differs from what stands."""

from __future__ import annotations

import functools
import gc
import subprocess
import sys
import tempfile
from collections.abc import Mapping
from pathlib import Path

from tools.calibration import bands, writing
from tools.calibration.page import report
from tools.calibration.splits import held_out, model
from tools.calibration.table import entries
from tools.calibration.writing import SOURCE

ROOT = Path(__file__).resolve().parents[2]
DOCS = ROOT / "docs"
VERBS = ("calibrate", "accuracy", "check")


def main(arguments: list[str]) -> int:
    """Exit 2 for another word than the three."""
    if len(arguments) != 1 or arguments[0] not in VERBS:
        sys.stderr.write(f"python -m tools.calibration {' | '.join(VERBS)}\n")
        return 2
    rows = entries()
    held = held_out(rows)
    if arguments[0] == "calibrate":
        whole = model(rows)
        fitted = sum(1 for row in rows if not row.sample.unfit)
        writing.write_serving(whole.constants, bands=bands.bands(held), rows=fitted, source=SOURCE)
        writing.write_neighbours(whole.step.facts(), whole.first.facts(), source=SOURCE)
        subprocess.run([sys.executable, str(ROOT / "tools" / "compile_facts.py")], check=True)
        _forget_the_facts()
        rows = entries()
    made = report.files(rows, held)
    if arguments[0] == "check":
        return checked(made, DOCS)
    writing.write_pages(made, DOCS)
    sys.stdout.write(report.summary(rows, held))
    return 0


def checked(made: Mapping[str, str], docs: Path) -> int:
    """Where a byte differs all that was made is left in a temporary folder, to be looked at."""
    found = writing.first_difference(made, docs)
    if found is None:
        sys.stdout.write(f"{', '.join(sorted(made))}: every byte as it stands in {docs.name}/\n")
        return 0
    anew = Path(tempfile.mkdtemp(prefix="accuracy-"))
    writing.write_pages(made, anew)
    sys.stderr.write(f"{found}; what was made is in {anew}\n")
    return 1


def _forget_the_facts() -> None:
    """Whatever this process remembers was made with the constants before: the page tells of the new ones, as `accuracy` will."""
    for one in gc.get_objects():
        if isinstance(one, functools._lru_cache_wrapper):
            one.cache_clear()


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
