"""The table and schema.json agree with the SDK that programs are written in."""

from __future__ import annotations

import pytest

from inferstack.sandbox.provider.properties import schema, schema_writer
from inferstack.sandbox.provider.resources.table import TYPES


@pytest.mark.filterwarnings("ignore::DeprecationWarning")  # pulumi_aws.s3 warns of its own old classes when it is imported
def test_the_schema_is_what_the_sdk_says() -> None:
    """`python -m inferstack.sandbox.provider.properties.schema_writer` writes it anew after a change of the table or of pulumi_aws."""
    assert schema_writer.text(TYPES) == schema_writer.SCHEMA.read_text()


@pytest.mark.parametrize("token", sorted(TYPES))
def test_a_row_names_only_what_the_sdk_has(token: str) -> None:
    """Every argument, default, output and secret of a row exists; nothing is both fixed and mutable; what is required is served."""
    row, kind = schema.loaded()["resources"][token], TYPES[token]
    assert set() == kind.arguments - {"tagsAll"} - row["inputs"].keys() - {"region"}
    assert set() == set(kind.defaults) - kind.arguments
    assert set() == (kind.filled | kind.moving | kind.secret) - set(row["outputs"]) - row["inputs"].keys()
    assert set() == kind.fixed & kind.mutable
    assert set() == set(row["required"]) - kind.arguments


@pytest.mark.parametrize("token", sorted(TYPES))
def test_what_the_sdk_tags_is_tagged(token: str) -> None:
    """A type with tags and no tagger would leave orphans that nobody finds."""
    assert ("tagsAll" in schema.outputs(token)) is (TYPES[token].tagger is not None)
