"""Server-sent events whatever way the network cuts them."""

from __future__ import annotations

import itertools

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from inferstack.bench.events import MAX_EVENT_BYTES, Events, EventTooLarge

STREAM = ': ping\r\ndata: {"a":1}\r\n\r\nevent: x\ndata: two\ndata: lines\n\n\n\nid: 4\n\ndata:ü\n\ndata: [DONE]\n\n'.encode()
EXPECTED = ['{"a":1}', "two\nlines", "ü", "[DONE]"]


@settings(deadline=None)
@given(st.lists(st.integers(0, len(STREAM)), max_size=8))
def test_events_do_not_depend_on_how_the_bytes_were_cut(cuts: list[int]) -> None:
    """A chunk border may fall anywhere, inside a line end or a letter too."""
    places = [0, *sorted(cuts), len(STREAM)]
    events = Events()
    assert EXPECTED == [event for start, end in itertools.pairwise(places) for event in events.feed(STREAM[start:end])]


def test_an_event_is_given_only_when_it_is_whole() -> None:
    """Half of a JSON document must never reach the parser."""
    events = Events()
    assert [] == events.feed(b"data: {")
    assert [] == events.feed(b"}\n")
    assert ["{}"] == events.feed(b"\n")


def test_a_line_without_end_is_refused() -> None:
    """A server that never ends its line must not fill the memory of the client."""
    with pytest.raises(EventTooLarge):
        Events().feed(b"data: " + b"x" * MAX_EVENT_BYTES)
