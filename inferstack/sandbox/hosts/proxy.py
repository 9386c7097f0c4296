"""The package proxy of the hosts: HTTP and CONNECT to the archives of the allow-list, 403 for everything else, one log line a request.

It stands for a NAT gateway: a node has no other way out. The machine's own proxy, where it has one, is used as the next hop.
"""

from __future__ import annotations

import asyncio
import os
import threading
from collections.abc import Callable
from dataclasses import dataclass, field
from urllib.parse import SplitResult, urlsplit

from inferstack.records.errors import CloudRefused

PORTS = (80, 443)
HEAD_LIMIT = 64 * 1024
CONNECT_S, HEAD_S, IDLE_S = 20.0, 30.0, 120.0
Streams = tuple[asyncio.StreamReader, asyncio.StreamWriter]


class ProxyRefused(Exception):
    """An answer of the proxy's own: status and reason."""

    def __init__(self, status: int, reason: str) -> None:
        super().__init__(reason)
        self.status, self.reason = status, reason


@dataclass
class PackageProxy:
    """Listens on `address` from `start` to `close`, in a thread of its own."""

    address: str
    allowed: frozenset[str]
    log: Callable[[str], None] = lambda line: None
    upstream: Callable[[str], str] = lambda scheme: next_hop(scheme)
    port: int = 0
    _loop: asyncio.AbstractEventLoop | None = field(default=None, repr=False)
    _thread: threading.Thread | None = field(default=None, repr=False)

    @property
    def url(self) -> str:
        return f"http://{self.address}:{self.port}"

    def start(self) -> None:
        """Raises CloudRefused when the address cannot be listened on."""
        self._loop = asyncio.new_event_loop()
        try:
            server = self._loop.run_until_complete(asyncio.start_server(self._serve, self.address, self.port, limit=HEAD_LIMIT))
        except OSError as error:
            self._loop.close()
            raise CloudRefused(f"package proxy: cannot listen on {self.address}: {error.strerror}", kind="host") from None
        self.port = server.sockets[0].getsockname()[1]
        self._thread = threading.Thread(target=self._loop.run_forever, name="package-proxy", daemon=True)
        self._thread.start()

    def close(self) -> None:
        if self._loop and self._thread:
            self._loop.call_soon_threadsafe(self._loop.stop)
            self._thread.join(5)
            self._loop.run_until_complete(self._drained())
            self._loop.close()
        self._loop = self._thread = None

    async def _drained(self) -> None:
        rest = asyncio.all_tasks() - {asyncio.current_task()}
        for task in rest:
            task.cancel()
        await asyncio.gather(*rest, return_exceptions=True)

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        said, status = "-", 0
        try:
            method, target, headers = await _head(reader)
            said = f"{method} {target}"
            status = await self._answered(method, target, headers, (reader, writer))
        except ProxyRefused as refused:
            status = refused.status
            await _refuse(writer, refused)
        except (OSError, TimeoutError, asyncio.IncompleteReadError, asyncio.LimitOverrunError, ValueError) as error:
            status = 502
            await _refuse(writer, ProxyRefused(502, f"{type(error).__name__}"))
        finally:
            self.log(f"package-proxy {writer.get_extra_info('peername', ('?',))[0]} {status} {said}")
            writer.close()

    async def _answered(self, method: str, target: str, headers: list[str], client: Streams) -> int:
        place = self._place(method, target)
        hop = urlsplit(self.upstream("https" if method == "CONNECT" else place.scheme))
        there = await _connected(hop if hop.hostname else place)
        try:
            if method == "CONNECT":
                return await _tunnel(client, there, target if hop.hostname else "")
            path = target if hop.hostname else (place.path or "/") + (f"?{place.query}" if place.query else "")
            there[1].write(_request(method, path, headers))
            await there[1].drain()
            return await _response(there[0], client[1])
        finally:
            there[1].close()

    def _place(self, method: str, target: str) -> SplitResult:
        if method not in ("GET", "HEAD", "CONNECT"):
            raise ProxyRefused(405, "only GET, HEAD and CONNECT")
        place = urlsplit(f"//{target}" if method == "CONNECT" else target)
        try:
            port = place.port or (443 if place.scheme == "https" else 80)
        except ValueError:
            raise ProxyRefused(400, "not a port") from None
        if not place.hostname or (method != "CONNECT" and place.scheme != "http"):
            raise ProxyRefused(400, "an absolute http URL is needed")
        if place.hostname.lower() not in self.allowed or port not in PORTS:
            raise ProxyRefused(403, f"{place.hostname} is not on the allow-list of this rehearsal")
        return place


def next_hop(scheme: str) -> str:
    """The machine's own proxy for this scheme, from its environment."""
    return os.environ.get(f"{scheme}_proxy") or os.environ.get(f"{scheme.upper()}_PROXY") or ""


async def _head(reader: asyncio.StreamReader) -> tuple[str, str, list[str]]:
    text = (await asyncio.wait_for(reader.readuntil(b"\r\n\r\n"), HEAD_S)).decode("latin-1")
    first, *headers = text.rstrip("\r\n").split("\r\n")
    parts = first.split(" ")
    if len(parts) != 3:
        raise ProxyRefused(400, "not an HTTP request")
    return parts[0], parts[1], headers


def _request(method: str, target: str, headers: list[str]) -> bytes:
    """One request a connection, without the headers that were meant for this proxy."""
    kept = [line for line in headers if not line.lower().startswith(("proxy-", "connection:", "keep-alive:"))]
    return "\r\n".join([f"{method} {target} HTTP/1.1", *kept, "Connection: close", "", ""]).encode("latin-1")


async def _connected(place: SplitResult) -> Streams:
    port = place.port or (443 if place.scheme == "https" else 80)
    return await asyncio.wait_for(asyncio.open_connection(place.hostname, port), CONNECT_S)


async def _response(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> int:
    first = await asyncio.wait_for(reader.readuntil(b"\r\n"), IDLE_S)
    writer.write(first)
    await _copied(reader, writer)
    return int(first.split(b" ")[1])


async def _tunnel(client: Streams, there: Streams, through: str) -> int:
    if through:
        there[1].write(f"CONNECT {through} HTTP/1.1\r\nHost: {through}\r\n\r\n".encode())
        answer = await asyncio.wait_for(there[0].readuntil(b"\r\n\r\n"), CONNECT_S)
        if b" 200" not in answer.split(b"\r\n")[0]:
            raise ProxyRefused(502, "the machine's own proxy refused")
    client[1].write(b"HTTP/1.1 200 Connection established\r\n\r\n")
    await asyncio.gather(_copied(client[0], there[1]), _copied(there[0], client[1]))
    return 200


async def _copied(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    while data := await asyncio.wait_for(reader.read(64 * 1024), IDLE_S):
        writer.write(data)
        await writer.drain()
    if writer.can_write_eof():
        writer.write_eof()


async def _refuse(writer: asyncio.StreamWriter, refused: ProxyRefused) -> None:
    body = f"{refused.reason}\n".encode()
    head = f"HTTP/1.1 {refused.status} {refused.reason}\r\nContent-Length: {len(body)}\r\nConnection: close\r\n\r\n"
    try:
        writer.write(head.encode("latin-1", "replace") + body)
        await writer.drain()
    except OSError:
        pass
