"""Server-sent events by hand: bytes in, the data of each whole event out. https://html.spec.whatwg.org/multipage/server-sent-events.html"""

from __future__ import annotations

MAX_EVENT_BYTES = 8 * 2**20


class EventTooLarge(ValueError):
    pass


class Events:
    """Feed it what the socket gave; an event ends at an empty line, lines end in LF or CRLF."""

    def __init__(self) -> None:
        self._rest = b""
        self._data: list[str] = []

    def feed(self, received: bytes) -> list[str]:
        """The data of the events that these bytes completed. Raises EventTooLarge for a line without end."""
        lines = (self._rest + received).replace(b"\r\n", b"\n").split(b"\n")
        self._rest = lines.pop()
        if len(self._rest) > MAX_EVENT_BYTES:
            raise EventTooLarge(f"an event is larger than {MAX_EVENT_BYTES // 2**20} MiB")
        return [event for line in lines for event in self._line(line)]

    def _line(self, line: bytes) -> list[str]:
        text = line.decode("utf-8", errors="replace")
        if not text:
            whole, self._data = self._data, []
            return ["\n".join(whole)] if whole else []
        name, _, value = text.partition(":")
        if name == "data":
            self._data.append(value.removeprefix(" "))
        return []
