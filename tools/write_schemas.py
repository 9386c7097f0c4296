"""Writes the JSON schema of every record to docs/reference/schemas; `--check` only compares."""

from __future__ import annotations

import json
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
sys.path.insert(0, str(ROOT))

from inferstack.records.files.registry import RECORDS  # noqa: E402  of this checkout, whatever is installed

FOLDER = ROOT / "docs" / "reference" / "schemas"


def main() -> int:
    wanted = {f"{Path(record.file_name).stem}.schema.json": schema_text(record) for record in RECORDS}
    if "--check" in sys.argv:
        stale = [name for name, text in wanted.items() if not (FOLDER / name).exists() or (FOLDER / name).read_text() != text]
        print("\n".join(f"docs/reference/schemas/{name} is stale: make schemas" for name in stale))
        return 1 if stale else 0
    FOLDER.mkdir(parents=True, exist_ok=True)
    for name, text in wanted.items():
        (FOLDER / name).write_text(text)
    return 0


def schema_text(record: type) -> str:
    schema = {"$schema": "https://json-schema.org/draft/2020-12/schema", **record.model_json_schema(mode="serialization")}
    return json.dumps(schema, indent=2) + "\n"


if __name__ == "__main__":
    sys.exit(main())
