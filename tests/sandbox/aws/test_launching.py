"""The launcher behind the embedded AWS is opened once, and not after the end."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from inferstack.records.errors import CloudRefused
from inferstack.sandbox.aws.instances.host_launcher import OpenedOnce


class _Hosts:
    def __init__(self) -> None:
        self.calls: list[str] = []

    def open(self, say: object) -> None:
        self.calls.append("open")

    def close(self) -> None:
        self.calls.append("close")


def _opened(hosts: _Hosts, *, on_open: Callable[[object], object] = lambda launcher: None) -> OpenedOnce:
    return OpenedOnce(hosts, say=lambda line: None, on_open=on_open)  # type: ignore[arg-type]


def test_whoever_comes_after_the_end_opens_nothing() -> None:
    """A thread that opens ahead may be that late: a bridge that it made would stay for ever."""
    hosts = _Hosts()
    once = _opened(hosts)
    once.close()
    with pytest.raises(CloudRefused, match="ends"):
        once()
    assert [] == hosts.calls


def test_what_was_opened_is_closed_once() -> None:
    """Two askers, one opening."""
    hosts = _Hosts()
    once = _opened(hosts)
    assert once() is once() is hosts  # type: ignore[comparison-overlap]
    once.close()
    assert ["open", "close"] == hosts.calls


def test_hosts_that_were_opened_and_cannot_be_used_are_closed() -> None:
    """Whatever went wrong after the bridge was made: with the doors of an embedded AWS that ends meanwhile there is nothing to bind."""
    hosts, doors = _Hosts(), list[str]()
    once = _opened(hosts, on_open=lambda launcher: doors[0])
    for _ in range(2):
        with pytest.raises(CloudRefused, match="were not opened: list index"):
            once()
    once.close()
    assert ["open", "close"] == hosts.calls
