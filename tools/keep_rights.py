"""Keep what rehearsals asked of IAM as test data: python tools/keep_rights.py RIGHTS.JSONL ... (each sandbox folder has one).

Questions that differ only in names and ids are kept once, with the condition keys that the published policies read.
"""

from __future__ import annotations

import json
import re
import sys
from pathlib import Path

TARGET = Path(__file__).resolve().parent.parent / "tests" / "sandbox" / "aws" / "data" / "rights.jsonl"
KEYS = re.compile(r"(aws:(Request|Resource)Tag|ssm:resourceTag)/inferstack:stack|iam:.*|kms:.*|ec2:CreateAction")


def main(paths: list[str]) -> None:
    kept: dict[tuple[str, ...], str] = {}
    for path in paths:
        for one in map(json.loads, Path(path).read_text(encoding="utf-8").splitlines()):
            context = {name: value for name, value in one["context"].items() if KEYS.fullmatch(name)}
            alike = (one["action"], re.sub(r"[^:/]+$", "", one["resource"]), *sorted(context))
            kept.setdefault(alike, json.dumps({"action": one["action"], "resource": one["resource"], "context": context}))
    TARGET.write_text("".join(f"{line}\n" for line in sorted(kept.values())), encoding="utf-8")


if __name__ == "__main__":
    main(sys.argv[1:])
