"""The published schemas are those of the code."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import jsonschema
import pytest

from inferstack.records.files.registry import RECORDS
from inferstack.records.request import Request

ROOT = Path(__file__).resolve().parents[2]


def test_the_schema_files_are_those_of_the_records() -> None:
    """`make schemas` was run after the last change of a record."""
    done = subprocess.run([sys.executable, ROOT / "tools" / "write_schemas.py", "--check"], capture_output=True, text=True, check=False)
    assert (0, "") == (done.returncode, done.stdout.strip())


@pytest.mark.parametrize("record", RECORDS, ids=lambda record: record.file_name)
def test_a_schema_is_closed_and_versioned(record: type) -> None:
    """Unknown keys are refused and the version is a constant, so a reader can trust the file."""
    schema = json.loads((ROOT / "docs/reference/schemas" / f"{Path(record.file_name).stem}.schema.json").read_text())
    jsonschema.Draft202012Validator.check_schema(schema)
    assert False is schema["additionalProperties"]
    assert 1 == schema["properties"]["schema_version"]["const"]


def test_a_schema_accepts_a_record_and_refuses_a_changed_one() -> None:
    """The schema is not so loose that anything passes."""
    schema = json.loads((ROOT / "docs/reference/schemas/request.schema.json").read_text())
    content = json.loads(Request(model="a", users=5).model_dump_json())
    jsonschema.validate(content, schema)
    for wrong in ({**content, "users": -1}, {**content, "extra": 1}, {**content, "isl": "x"}):
        with pytest.raises(jsonschema.ValidationError):
            jsonschema.validate(wrong, schema)
