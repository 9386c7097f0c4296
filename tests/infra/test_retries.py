"""infra.calls.retries: what is asked of AWS again, how often, and what is not. Pauses are switched off."""

from __future__ import annotations

import warnings
from collections.abc import Callable, Iterator
from typing import Any

import pytest
import stamina
from botocore.exceptions import ClientError
from embedded_aws import Embedded

from infra.calls import nodes, retries


@pytest.fixture(autouse=True)
def _no_pauses() -> Iterator[None]:
    with stamina.set_testing(True, attempts=5, cap=True):
        yield


def refused(code: str) -> ClientError:
    return ClientError({"Error": {"Code": code, "Message": "no"}}, "DescribeAutoScalingGroups")


def failing(times: int, code: str, then: Callable[[], Any] = lambda: "answer") -> tuple[Callable[[], Any], list[int]]:
    """A question that is refused so often, and how often it was asked."""
    asked: list[int] = []

    def ask(*_: Any) -> Any:
        asked.append(1)
        if len(asked) <= times:
            raise refused(code)
        return then()

    return ask, asked


@pytest.mark.parametrize("code", ["Throttling", "RequestLimitExceeded", "SlowDown"])
def test_a_throttled_question_is_asked_again(code: str) -> None:
    """Every code of throttling that the table of refusals has."""
    ask, asked = failing(4, code)
    assert ("answer", 5) == (retries.when_throttled(ask), len(asked))


def test_a_question_that_stays_throttled_ends_with_what_aws_says() -> None:
    """Not with an error of the library."""
    ask, asked = failing(99, "Throttling")
    with pytest.raises(ClientError, match="Throttling"):
        retries.when_throttled(ask)
    assert 5 == len(asked)


def test_another_refusal_is_the_answer_at_once() -> None:
    """No permission comes by asking again."""
    ask, asked = failing(1, "UnauthorizedOperation")
    with pytest.raises(ClientError, match="UnauthorizedOperation"):
        retries.when_throttled(ask)
    assert 1 == len(asked)


def test_nodes_that_come_are_waited_for_though_aws_is_throttling(embedded: Embedded, monkeypatch: pytest.MonkeyPatch) -> None:
    """One throttled look ended `up` and lowered the group while its nodes were starting."""
    embedded.make_group()
    real = nodes.nodes
    look, asked = failing(3, "Throttling", lambda: real(embedded.aws, embedded.group))
    monkeypatch.setattr(nodes, "nodes", look)
    assert 1 == len(nodes.scale(embedded.aws, embedded.group, 1, pause=lambda seconds: None))
    assert 3 < len(asked)


def test_what_never_comes_is_given_up_and_what_needs_no_wait_is_asked_once() -> None:
    """Whether it came in time is the answer; without a time it is one look, and stamina's warning of that is not shown."""
    asked: list[int] = []

    def never() -> bool:
        return bool(asked.append(1))

    with warnings.catch_warnings():
        warnings.simplefilter("error")
        assert not retries.until(never, timeout_s=0.0, pause_s=1.0)
        assert 1 == len(asked)
        assert not retries.until(never, timeout_s=60.0, pause_s=1.0)
        assert 6 == len(asked)
        assert retries.until(lambda: True, timeout_s=60.0, pause_s=1.0)


def test_nothing_is_written_to_the_screen(capsys: pytest.CaptureFixture[str]) -> None:
    """The library's own hook writes a line for each attempt."""
    retries.when_throttled(failing(2, "Throttling")[0])
    assert ("", "") == capsys.readouterr()
