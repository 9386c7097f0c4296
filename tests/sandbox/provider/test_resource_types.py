"""One file says what a resource type is. What the layers above hold of it (sweep, price, permissions) is compared with that file."""

from __future__ import annotations

import json
from collections.abc import Iterator
from fnmatch import fnmatchcase
from functools import cache
from pathlib import Path

import pytest

from inferstack.pricing.bill.bill import Registration, bill, pricers
from inferstack.sandbox.aws.rights.caller_rights import PUBLISHED
from inferstack.sandbox.provider import resources
from inferstack.sandbox.provider.resources import table
from inferstack.sandbox.provider.resources.resource_type import FREE, NOT_MADE, OWN_ROW, ResourceType
from infra.leftovers import sweep
from tools.reference import operations, permissions

ATTACHED = ("inferstack-operator", "inferstack-resources")
QUEUE = """
from inferstack.sandbox.provider.resources.resource_type import FREE, OWN_ROW, ResourceType, names


def types():
    return [
        ResourceType(
            token="aws:sqs/queue:Queue",
            service="sqs",
            operation="create_queue",
            request=lambda i: {"QueueName": i["name"]},
            identify=lambda answer, i: str(answer["QueueUrl"]),
            read=lambda cloud, id, i: None,
            delete=lambda cloud, id, i: None,
            sweep=OWN_ROW,
            price=FREE,
            actions=names("sqs:DeleteQueue"),
        )
    ]
"""


@pytest.mark.parametrize("token", sorted(table.TYPES))
def test_every_layer_knows_the_type_as_its_file_says(token: str) -> None:
    """A sweep row that is missing would leave it on the bill, a price rule would hide it there, a permission would refuse it in AWS."""
    assert [] == list(problems(table.TYPES[token], registered=permissions.registered()))


def test_a_new_type_is_found_by_its_file_alone_and_refused_until_every_layer_knows_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A queue in a file of its own: no list names the file, and each thing that is missing is said with the type's name."""
    (tmp_path / "planted_queue.py").write_text(QUEUE, encoding="utf-8")
    monkeypatch.setattr(resources, "__path__", [*resources.__path__, str(tmp_path)])
    found = table.by_token()["aws:sqs/queue:Queue"]
    assert [
        "aws:sqs/queue:Queue: the sweep has no row aws:sqs/queue:Queue",
        "aws:sqs/queue:Queue: its price is messages.queue, not free",
        "aws:sqs/queue:Queue: sqs:CreateQueue makes it and is not among its actions",
        "aws:sqs/queue:Queue: no published policy allows sqs:DeleteQueue",
    ] == list(problems(found, registered=frozenset({found.token})))


def test_a_type_that_the_program_makes_is_swept(monkeypatch: pytest.MonkeyPatch) -> None:
    """NOT_MADE is an excuse for types that no program of inferstack registers, and for no other."""
    [spare] = [each for each in table.TYPES.values() if each.sweep == NOT_MADE]
    assert [f"{spare.token}: the program makes it, and nothing sweeps it"] == list(_swept(spare, frozenset({spare.token})))


def test_two_files_cannot_hold_one_type(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The second would take the place of the first without a word."""
    for name in ("planted_queue.py", "planted_second_queue.py"):
        (tmp_path / name).write_text(QUEUE, encoding="utf-8")
    monkeypatch.setattr(resources, "__path__", [*resources.__path__, str(tmp_path)])
    with pytest.raises(ValueError, match="two files hold the resource type aws:sqs/queue:Queue"):
        table.by_token()


def problems(one: ResourceType, *, registered: frozenset[str]) -> Iterator[str]:
    """Say what the layers above do not hold of a type as its file says it."""
    yield from _swept(one, registered)
    rule = _price_rule(one.token)
    if rule != one.price:
        yield f"{one.token}: its price is {rule}, not {one.price}"
    for action in permissions.actions_of(one.service, operations.operations_of(one.service)[one.operation]):
        if action not in one.actions:
            yield f"{one.token}: {action} makes it and is not among its actions"
    for action in sorted(one.actions if one.token in registered else ()):
        if not any(fnmatchcase(action, pattern) for pattern in _allowed()):
            yield f"{one.token}: no published policy allows {action}"


def _swept(one: ResourceType, registered: frozenset[str]) -> Iterator[str]:
    row = one.token if one.sweep == OWN_ROW else one.sweep
    if one.sweep == NOT_MADE:
        if one.token in registered:
            yield f"{one.token}: the program makes it, and nothing sweeps it"
    elif row not in {kind.type for kind in sweep.kinds(base=True)}:
        yield f"{one.token}: the sweep has no row {row}"


def _price_rule(token: str) -> str:
    """Return what bills a type, as its file names it: module and function of inferstack.pricing, "free", or "unknown"."""
    pricer = pricers().get(token)
    if pricer is not None:
        return f"{pricer.__module__.rpartition('.')[2]}.{pricer.__name__}"
    [line] = bill([Registration(token, "x", "urn", {})], region="us-east-1", hours_until_expiry=None).lines
    return FREE if line.bucket == "free" else "unknown"


@cache
def _allowed() -> frozenset[str]:
    """Return the action patterns of the policies that are attached to whoever runs inferstack."""
    documents = [json.loads((PUBLISHED / f"{name}.json").read_text(encoding="utf-8")) for name in ATTACHED]
    return frozenset(action for document in documents for statement in document["Statement"] for action in statement["Action"])
