"""The reference is what the code says."""

from __future__ import annotations

import json
import re
from functools import cache
from pathlib import Path

import pytest

from tools import write_reference
from tools.reference import adr, operations, permissions, settings_page

MANAGED_POLICY_HOLDS = 6144


@cache
def pages() -> dict[str, str]:
    return write_reference.pages()


@pytest.mark.parametrize("name", write_reference.PAGES)
def test_a_generated_page_is_what_the_code_says(name: str) -> None:
    """A verb, setting, record, price or decision cannot change without `make docs`."""
    assert pages()[name] == (write_reference.DOCS / name).read_text(encoding="utf-8"), "make docs"


def test_a_page_that_differs_is_stale(tmp_path: Path) -> None:
    """`--check` sees one changed character, and a page that is missing."""
    (tmp_path / "same.md").write_text("a\n")
    (tmp_path / "changed.md").write_text("b\n")
    assert ["changed.md", "missing.md"] == write_reference.stale_in(tmp_path, {"same.md": "a\n", "changed.md": "b \n", "missing.md": "c\n"})


def test_a_new_fault_changes_its_page(monkeypatch: pytest.MonkeyPatch) -> None:
    """The page is made from the table that the daemon reads, not from a copy of it."""
    from inferstack.sandbox.aws import fault_spec
    from tools.reference import faults

    before = faults.text()
    monkeypatch.setitem(fault_spec.FAULTS, "NewFault", "something new fails")
    assert ["| `NewFault` | something new fails |"] == [line for line in faults.text().splitlines() if line not in before.splitlines()]


def test_every_verb_and_each_of_its_options_is_on_the_page() -> None:
    """Counted from the tree itself, so that a verb which the page's writer skips is seen."""
    from tools.reference.options import verbs_by_option

    page = pages()["reference/command-line.md"]
    verbs = {verb for takers in verbs_by_option().values() for verb in takers}
    assert [] == [verb for verb in sorted(verbs) if f"## inferstack {verb}\n" not in page]
    options = [option for option in sorted(verbs_by_option()) if option.startswith("-") and option != "--help"]
    assert len(options) > 40
    assert [] == [option for option in options if f"`{option}`" not in page]


def test_every_setting_names_its_variable() -> None:
    """A person finds each setting with the variable that sets it."""
    from inferstack.cli.settings import PREFIX, Settings

    page = pages()["reference/settings.md"]
    told = [name for name in Settings.model_fields if f"| `{name}` |" in page and f"`{PREFIX}{name.upper()}`" in page]
    assert list(Settings.model_fields) == told


def test_no_variable_is_read_in_secret() -> None:
    """Every INFERSTACK_ variable in the code is a setting, documented, or said to be internal; none of the list is gone."""
    from inferstack.cli.settings import PREFIX, Settings

    settings = {f"{PREFIX}{name.upper()}" for name in Settings.model_fields}
    told = {name for name in settings_page.VARIABLES if name.startswith(PREFIX)} | set(settings_page.INTERNAL)
    written_out = settings_page.variables_in_code() - settings - {"HTTP_X_INFERSTACK_TOKEN"}
    built = {f"{PREFIX}SETTINGS", "INFERSTACK_COMPLETE"}  # the code writes one as prefix and name, the other after an underscore
    assert told == written_out | built


def test_every_error_class_has_its_code() -> None:
    """Of a process one sees only the number."""
    from inferstack.records import errors

    page = pages()["reference/exit-codes.md"]
    kinds = [errors.Finding, errors.InputError, errors.MissingTool, errors.CloudRefused, errors.Interrupted]
    assert [] == [kind for kind in kinds if f"| {kind.code} | `{kind.__name__}` |" not in page]


def test_every_kind_of_refusal_is_told() -> None:
    """Quota, capacity and permission are told apart in the reference too."""
    from typing import get_args

    from inferstack.records.errors import RefusalKind

    assert [] == [kind for kind in get_args(RefusalKind) if f"`{kind}`" not in pages()["reference/exit-codes.md"]]


def test_every_field_of_every_record_is_on_the_page() -> None:
    """A field without a line would be found by reading code only."""
    from inferstack.records.files.registry import RECORDS

    page = pages()["reference/records.md"]
    missing = [(record.file_name, name) for record in RECORDS for name in record.model_fields if f"| `{name}` |" not in page]
    assert [] == missing


def test_every_type_and_question_of_the_program_has_its_actions() -> None:
    """A resource that is new in infra/ fails here until the rehearsal has a file of it, which names its IAM actions."""
    assert [] == permissions.unlisted_types()


def test_every_action_exists() -> None:
    """An action is an operation of AWS's service model, or one of those that are named otherwise in the table."""
    known = permissions.facts()
    service_of = {prefix: service for service, prefix in known["prefixes"].items()}
    unknown = []
    for action in permissions.reasons():
        prefix, _, name = action.partition(":")
        service = service_of.get(prefix, prefix)
        if name not in operations.operations_of(service).values() and prefix not in ("s3", "budgets") and action != "iam:PassRole":
            unknown.append(action)
    assert [] == unknown


def test_the_policies_allow_every_action_and_fit() -> None:
    """As managed policies of a customer; the files that an administrator hands to AWS hold the same."""
    from fnmatch import fnmatchcase

    statements = [one["Action"] for document in permissions.policies().values() for one in document["Statement"]]
    missing = [action for action in permissions.reasons() if not any(fnmatchcase(action, pattern) for one in statements for pattern in one)]
    assert [] == missing
    for document in permissions.published().values():
        assert MANAGED_POLICY_HOLDS >= len(json.dumps(document, separators=(",", ":")))
    assert {} == {name: text for name, text in permissions.files().items() if (write_reference.ROOT / name).read_text() != text}


def test_reading_prices_needs_a_policy_of_its_own() -> None:
    """It names the two actions that building never needs, and building is not given them."""
    (statement,) = permissions.prices_policy()["Statement"]
    assert {"pricing:GetProducts", "savingsplans:DescribeSavingsPlansOfferingRates", "ec2:DescribeSpotPriceHistory"} <= set(
        statement["Action"]
    )
    assert not any(action.startswith(("pricing:", "savingsplans:")) for action in permissions.reasons())


def test_operations_are_found_in_the_source() -> None:
    """By attribute, by name in a table, and not in a file that does not name their service."""
    source = 'ec2.describe_vpcs()\nrow = ("describe_subnets", "kms")\nother = "get_role"\n'
    found = set(operations.called_in(source, file="x.py"))
    assert {("ec2", "DescribeVpcs", "x.py"), ("ec2", "DescribeSubnets", "x.py")} == found


def test_the_index_of_decisions_is_complete_and_numbered() -> None:
    """Each decision has a title that begins with the number of its file."""
    index = pages()["adr/README.md"]
    assert [] == [path.name for path in adr.files() if f"]({path.name})" not in index]
    assert [] == [path.name for path in adr.files() if not re.match(rf"{int(path.name[:4])}\. ", adr.title(path))]
