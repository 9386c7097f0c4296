"""Writes docs/reference/sweep-table.md: what is left when each list call of the sweep is denied or throttled in turn.

Exit 1, and the page stays as it was, where a GPU is left in any row or a row is missing.
"""

from __future__ import annotations

import os
import re
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
PAGE = ROOT / "docs" / "reference" / "sweep-table.md"
ROW = re.compile(r"\| `[\w.-]+` \| \w+ \| \d+ \| \d+ \| .+ \|")
HEAD = """# What the sweep leaves where AWS refuses a list call

`make sweep-table` writes this page: it runs `tests/infra/test_sweep_refused.py`. On the embedded AWS it makes a
cluster with a GPU node and its base, then sweeps them while one list call is refused each time it is asked, until the
deadline. Each row is one such sweep. `GPUs left` counts the instances that still run afterwards, whoever asks. A kind
under `unknown` stands in the receipt as unknown and as left: `inferstack down` exits 1, keeps the stack, and may be
run again. `-` means that the refused call hides nothing, because the same is found in another way.

| refused call | answer | GPUs left | deleted | unknown |
|---|---|---:|---:|---|
"""


def main() -> int:
    command = [sys.executable, "-m", "pytest", "tests/infra/test_sweep_refused.py", "-s", "-n", "0", "-o", "addopts=-p no:cacheprovider"]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False, env=dict(os.environ))
    rows = [line for line in done.stdout.splitlines() if ROW.fullmatch(line)]
    sys.stdout.write("\n".join(rows) + "\n" + (done.stdout.splitlines() or [""])[-1] + "\n")
    if done.returncode or not rows:
        sys.stderr.write(done.stdout[-3000:] + done.stderr[-1000:])
        return 1
    PAGE.write_text(HEAD + "\n".join(rows) + "\n", encoding="utf-8")
    return 0


if __name__ == "__main__":
    sys.exit(main())
