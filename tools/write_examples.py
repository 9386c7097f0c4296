"""Write the expected plan of every example, and the worked examples of the documentation: `python tools/write_examples.py`."""

from __future__ import annotations

import sys
from datetime import UTC, datetime
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
sys.path.insert(0, str(ROOT))

from inferstack.records.request import Request  # noqa: E402
from sizing.planning import planner  # noqa: E402
from tools import worked_examples  # noqa: E402

MADE = datetime(2026, 11, 23, tzinfo=UTC)


def main() -> None:
    for request in sorted((ROOT / "examples").glob("*/request.yaml")):
        path = planner.plan(Request.read(request), now=MADE).write(request.parent)
        print(path.relative_to(ROOT))
    page = ROOT / worked_examples.PAGE
    page.write_text(worked_examples.rewritten(page.read_text(encoding="utf-8")), encoding="utf-8")
    print(worked_examples.PAGE)


if __name__ == "__main__":
    main()
