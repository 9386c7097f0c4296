"""Property values on the wire, and what it means that two of them agree."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given as for_all
from hypothesis import settings
from hypothesis import strategies as st

from inferstack.sandbox.provider.properties.values import given, plain, project, same
from inferstack.sandbox.provider.properties.wire import UNKNOWN, Secret, decode, encode

SCALARS = st.none() | st.booleans() | st.integers(-(2**53), 2**53) | st.text()
TREES = st.recursive(SCALARS, lambda inner: st.lists(inner) | st.dictionaries(st.text(), inner) | inner.map(Secret), max_leaves=12)
OBJECTS = st.dictionaries(st.text(), TREES)


@settings(max_examples=50, deadline=None)
@for_all(OBJECTS)
def test_a_tree_survives_the_wire(tree: dict[str, Any]) -> None:
    """Secrets stay secrets, whole numbers stay whole, null stays null."""
    assert tree == decode(encode(tree))


@settings(max_examples=50, deadline=None)
@for_all(OBJECTS)
def test_a_tree_seen_through_itself_is_itself(tree: dict[str, Any]) -> None:
    """A refresh of what nobody touched changes nothing, whatever it holds."""
    assert tree == project(tree, plain(tree))


@pytest.mark.parametrize(
    ("one", "other"),
    [
        (None, []),
        (None, ""),
        (["a", "b"], ["b", "a"]),
        ('{"a": [1], "b": 2}', '{"b":2,"a":1}'),
        ({"a": None, "b": 1}, {"b": 1}),
        (Secret("x"), "x"),
        (5, 5.0),
    ],
)
def test_what_means_the_same_is_the_same(one: Any, other: Any) -> None:
    """Absent is empty, a list of scalars is a set, a policy is its document."""
    assert same(one, other)


@pytest.mark.parametrize(
    ("one", "other"), [(0, None), (False, None), (["a"], ["a", "b"]), ('{"a": 1}', '{"a": 2}'), (UNKNOWN, UNKNOWN), ("1", 1)]
)
def test_what_differs_is_seen(one: Any, other: Any) -> None:
    """Zero and false are values; an unknown agrees with nothing, not even itself."""
    assert not same(one, other)


def test_what_aws_adds_is_no_difference() -> None:
    """A block seen through the program's block keeps the program's members only."""
    wanted = {"ebs": {"volumeSize": 500}}
    assert wanted == project(wanted, {"ebs": {"volumeSize": 500, "encrypted": "false"}})


def test_what_aws_changed_shows_inside_a_block() -> None:
    """The changed member, and nothing beside it."""
    seen = project({"ebs": {"volumeSize": 500, "volumeType": "gp3"}}, {"ebs": {"volumeSize": 600, "volumeType": "gp3"}})
    assert {"ebs": {"volumeSize": 600, "volumeType": "gp3"}} == seen


def test_blocks_in_another_order_are_no_difference() -> None:
    """AWS answers a set of blocks in an order of its own."""
    wanted = [{"name": "a", "size": 1}, {"name": "b", "size": 2}]
    assert wanted == project(wanted, [{"name": "b", "size": 2, "more": 0}, {"name": "a", "size": 1, "more": 0}])


def test_a_changed_secret_stays_a_secret() -> None:
    """Drift of a secret value is drift, and not a leak."""
    assert Secret("new") == project(Secret("old"), "new")


def test_inputs_for_a_request_have_no_unknowns_and_answer_none_for_what_is_missing() -> None:
    """A request is built from what is known; nothing of Pulumi's own comes along."""
    inputs = given({"a": UNKNOWN, "b": Secret("x"), "c": [UNKNOWN, "y"], "__defaults": ["c"]})
    assert {"b": "x", "c": ["y"]} == inputs
    assert inputs["a"] is None
