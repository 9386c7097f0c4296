"""What the sweep makes of a refused deletion: held by something else for now, or refused for good and told."""

from __future__ import annotations

from typing import Any

import pytest
from botocore.exceptions import ClientError, EndpointConnectionError

from inferstack.records.receipt import Item
from infra.leftovers import sweep
from infra.leftovers.kinds import FoundResource, Kind, Scope

HELD = {
    "DependencyViolation", "InUse", "ResourceInUse", "ScalingActivityInProgress", "AuthFailure", "DeleteConflict", "IncorrectState",
    "InvalidIPAddress.InUse", "BucketNotEmpty", "OperationNotPermitted", "ConflictException", "RequestLimitExceeded", "Throttling",
}  # fmt: skip


class Thing:
    """One resource of the stack whose deletion AWS refuses so many times."""

    def __init__(self, code: str, times: int) -> None:
        self.code, self.times, self.there = code, times, True

    def find(self, aws: Any, scope: Scope) -> list[FoundResource]:
        return [FoundResource("t", "t-1", "", {"inferstack:stack": "x"})] if self.there else []

    def delete(self, aws: Any, found: FoundResource) -> None:
        if self.times:
            self.times -= 1
            raise ClientError({"Error": {"Code": self.code, "Message": "said AWS"}}, "Delete")
        self.there = False


class Cloud:
    region = "us-east-1"

    def account_id(self) -> str:
        return "111122223333"


def swept(monkeypatch: pytest.MonkeyPatch, thing: Thing, *, deadline_s: float = 900.0) -> tuple[sweep.SweepResult, list[str]]:
    """The result of a sweep, and what was told of its progress."""
    told: list[str] = []
    monkeypatch.setattr(sweep, "kinds", lambda *, base: (Kind("t", thing.find, thing.delete),))

    def progress(item: Item, what: str) -> None:
        told.append(what)

    return sweep.sweep(Cloud(), "x", on_progress=progress, sleep=lambda _: None, deadline_s=deadline_s), told


@pytest.mark.parametrize("code", sorted(HELD))
def test_what_another_resource_holds_is_tried_again_without_a_word(monkeypatch: pytest.MonkeyPatch, code: str) -> None:
    """It passes once the other one is gone: no refusal is told, and the next round deletes it."""
    found, told = swept(monkeypatch, Thing(code, times=2))
    assert ["deleting"] * 3 == told
    assert (["t-1"], ()) == ([one.id for one in found.deleted], found.left)


def test_the_codes_that_hold_back_are_these() -> None:
    """A code that is added is added here too."""
    assert HELD == set(sweep.HELD)
    assert len(HELD) == len(sweep.HELD)


def test_a_longer_code_holds_back_by_a_word_of_it(monkeypatch: pytest.MonkeyPatch) -> None:
    """AWS names the kind of resource before it."""
    assert "refused" not in swept(monkeypatch, Thing("InvalidNetworkInterface.InUse", times=1))[1]


@pytest.mark.parametrize("code", ["AccessDenied", "UnauthorizedOperation", "InvalidParameterValue"])
def test_any_other_refusal_is_told(monkeypatch: pytest.MonkeyPatch, code: str) -> None:
    """Waiting does not help, but it is tried again: what is left says why."""
    found, told = swept(monkeypatch, Thing(code, times=1))
    assert ["deleting", "refused", "deleting"] == told
    assert ["t-1"] == [one.id for one in found.deleted]


def test_what_is_held_to_the_deadline_is_left_with_its_reason(monkeypatch: pytest.MonkeyPatch) -> None:
    """Held back is not gone."""
    found, _ = swept(monkeypatch, Thing("DependencyViolation", times=10**9), deadline_s=0.05)
    assert [("t-1", True)] == [(one.id, "DependencyViolation: said AWS" in (one.note or "")) for one in found.left]
    assert () == found.deleted


class Unseen(Thing):
    """One resource whose kind AWS does not list so many times."""

    def __init__(self, error: Exception, times: int) -> None:
        super().__init__("", 0)
        self.error, self.looks, self.unseen = error, 0, times

    def find(self, aws: Any, scope: Scope) -> list[FoundResource]:
        self.looks += 1
        if self.looks <= self.unseen:
            raise self.error
        return super().find(aws, scope)


def refused(code: str) -> ClientError:
    return ClientError({"Error": {"Code": code, "Message": "said AWS"}}, "Describe")


@pytest.mark.parametrize("error", [refused("Throttling"), refused("SlowDown"), EndpointConnectionError(endpoint_url="http://127.0.0.1:1")])
def test_a_look_that_may_pass_is_taken_again(monkeypatch: pytest.MonkeyPatch, error: Exception) -> None:
    """AWS was asked too often, or could not be reached: the next look shows what there is."""
    found, _ = swept(monkeypatch, Unseen(error, times=2))
    assert (["t-1"], ()) == ([one.id for one in found.deleted], found.unknown)


@pytest.mark.parametrize("code", ["AccessDenied", "LimitExceeded", "InsufficientInstanceCapacity", "Unsupported", "Novelty"])
def test_a_look_that_is_refused_for_good_is_not_waited_for(monkeypatch: pytest.MonkeyPatch, code: str) -> None:
    """The kind is unknown, and said to be."""
    thing = Unseen(refused(code), times=10**9)
    found, _ = swept(monkeypatch, thing)
    assert (1, [("t", "unknown")]) == (thing.looks, [(one.type, one.id) for one in found.unknown])
