"""Write what the commands of the documentation print under them: `python tools/write_blocks.py`. Exit 1 names a command that fails."""

from __future__ import annotations

import sys
import tempfile
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
sys.path.insert(0, str(ROOT))

from tools.reference import pages  # noqa: E402


def main() -> int:
    failed = [problem for page in pages.pages(ROOT) for problem in write(page)]
    print("\n".join(failed), file=sys.stderr)
    return 1 if failed else 0


def write(page: Path) -> list[str]:
    """The commands that do not end as the page says; the page is left as it is where it holds."""
    failed, text = [], page.read_text(encoding="utf-8")
    with tempfile.TemporaryDirectory() as folder:
        for one, done in pages.played(page, Path(folder)):
            printed = done.stdout + done.stderr
            if done.returncode != one.exit_code:
                failed.append(f"{page.relative_to(ROOT)}:{one.line}: {one.text}: exit {done.returncode}")
            elif one.output.strip() and pages.missing(one.output, printed):
                text = text.replace(one.output, pages.renewed(one.output, printed), 1)
                print(f"{page.relative_to(ROOT)}:{one.line}")
    page.write_text(text, encoding="utf-8")
    return failed


if __name__ == "__main__":
    sys.exit(main())
