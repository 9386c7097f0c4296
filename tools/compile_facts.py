"""Compile the facts of every package to the one JSON file that the command line reads: `python tools/compile_facts.py`."""

from __future__ import annotations

import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))

from inferstack.records.files import facts


def main() -> None:
    for package in facts.PACKAGES:
        facts.compile_facts(package)
        path = facts.compiled_path(package)
        print(f"{path.relative_to(facts.ROOT)}: {len(facts.sources(package))} files, {path.stat().st_size} bytes")


if __name__ == "__main__":
    main()
