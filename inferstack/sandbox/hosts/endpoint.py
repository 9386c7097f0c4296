"""TLS and bearer key in front of the engine of a process host, where no nginx can be installed. Standard library, a plain file.

It lets through what the endpoint role's nginx does: three paths below /v1/ with a key, /healthz without one, 404 for the rest.
"""

from __future__ import annotations

import argparse
import asyncio
import contextlib
import hmac
import signal
import ssl
import sys
from collections import Counter
from dataclasses import dataclass, field
from pathlib import Path

PATHS = {"/v1/chat/completions": "POST", "/v1/completions": "POST", "/v1/models": "GET"}
BODY_LIMIT, HEAD_LIMIT = 4 * 2**20, 64 * 1024
HEAD_S, READ_S = 30.0, 600.0
SUITES = "ECDHE-ECDSA-AES128-GCM-SHA256:ECDHE-ECDSA-AES256-GCM-SHA384:ECDHE-ECDSA-CHACHA20-POLY1305"
AT_ONCE = 1024
REASONS = {
    200: "OK",
    400: "Bad Request",
    401: "Unauthorized",
    403: "Forbidden",
    404: "Not Found",
    413: "Content Too Large",
    429: "Too Many Requests",
    502: "Bad Gateway",
}


class ServedAnswer(Exception):
    """An answer of the endpoint's own."""

    def __init__(self, status: int, body: bytes = b"") -> None:
        super().__init__(status)
        self.status, self.body = status, body


@dataclass
class ServedEndpoint:
    """`at_work` counts the requests of each key: beyond `AT_ONCE` they are answered 429, as nginx does."""

    engine: tuple[str, int]
    keys: tuple[bytes, ...]
    at_work: Counter[bytes] = field(default_factory=Counter)

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            await self._answer(reader, writer)
        except ServedAnswer as answer:
            await _say(writer, answer)
        except (TimeoutError, asyncio.IncompleteReadError, asyncio.LimitOverrunError, ValueError):
            await _say(writer, ServedAnswer(400))
        except OSError:
            await _say(writer, ServedAnswer(502))
        finally:
            writer.close()

    async def _answer(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        head = (await asyncio.wait_for(reader.readuntil(b"\r\n\r\n"), HEAD_S)).decode("latin-1")
        first, *lines = head.rstrip("\r\n").split("\r\n")
        method, target, _ = first.split(" ")
        pairs = [(name.strip().lower(), value.strip()) for name, _, value in (line.partition(":") for line in lines)]
        headers = dict(pairs)
        if sum(name == "authorization" for name, _ in pairs) > 1:
            raise ServedAnswer(400)
        path = target.partition("?")[0]
        if path == "/healthz":
            raise ServedAnswer(200, b"ok\n")
        if path not in PATHS:
            raise ServedAnswer(404)
        key = self._let_in(headers.get("authorization", ""))
        if method != PATHS[path]:
            raise ServedAnswer(403)
        if self.at_work[key] >= AT_ONCE:
            raise ServedAnswer(429)
        self.at_work[key] += 1
        try:
            await self._passed_on(method, target, headers, await _body(reader, headers), writer)
        finally:
            self.at_work[key] -= 1

    def _let_in(self, authorization: str) -> bytes:
        """The whole header is compared, exactly: the case of every letter counts."""
        given = authorization.encode("latin-1")
        found = [key for key in self.keys if hmac.compare_digest(b"Bearer " + key, given)]
        if not found:
            raise ServedAnswer(401)
        return found[0]

    async def _passed_on(self, method: str, target: str, headers: dict[str, str], body: bytes, writer: asyncio.StreamWriter) -> None:
        from_engine, to_engine = await asyncio.open_connection(*self.engine)
        kept = {"host": headers.get("host", "engine"), "content-type": headers.get("content-type", "application/json")}
        lines = [f"{method} {target} HTTP/1.1", *(f"{name}: {value}" for name, value in kept.items())]
        lines += [f"content-length: {len(body)}", "connection: close", "", ""]
        try:
            to_engine.write("\r\n".join(lines).encode("latin-1") + body)
            while data := await asyncio.wait_for(from_engine.read(64 * 1024), READ_S):
                writer.write(data)
                await writer.drain()
        finally:
            to_engine.close()


async def _body(reader: asyncio.StreamReader, headers: dict[str, str]) -> bytes:
    if "transfer-encoding" in headers:
        raise ServedAnswer(400, b"a Content-Length is needed\n")
    length = int(headers.get("content-length", "0"))
    if length > BODY_LIMIT:
        raise ServedAnswer(413)
    return await asyncio.wait_for(reader.readexactly(length), HEAD_S)


async def _say(writer: asyncio.StreamWriter, answer: ServedAnswer) -> None:
    head = f"HTTP/1.1 {answer.status} {REASONS[answer.status]}\r\nContent-Length: {len(answer.body)}\r\nConnection: close\r\n\r\n"
    with contextlib.suppress(OSError):
        writer.write(head.encode() + answer.body)
        await writer.drain()


def main(argv: list[str] | None = None) -> int:
    parser = argparse.ArgumentParser(allow_abbrev=False)
    parser.add_argument("--listen", required=True, type=_place)
    parser.add_argument("--engine", required=True, type=_place)
    for name in ("--certificate", "--key", "--keys-file"):
        parser.add_argument(name, required=True, type=Path)
    options = parser.parse_args(argv)
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.minimum_version = ssl.TLSVersion.TLSv1_2
    context.set_ciphers(SUITES)
    context.load_cert_chain(options.certificate, options.key)
    keys = tuple(options.keys_file.read_bytes().split())
    asyncio.run(_until_told_to_stop(ServedEndpoint(options.engine, keys), options.listen, context))
    return 0


async def _until_told_to_stop(endpoint: ServedEndpoint, listen: tuple[str, int], context: ssl.SSLContext) -> None:
    stop = asyncio.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        asyncio.get_running_loop().add_signal_handler(number, stop.set)
    server = await asyncio.start_server(endpoint.serve, *listen, ssl=context, limit=HEAD_LIMIT)
    async with server:
        await stop.wait()


def _place(text: str) -> tuple[str, int]:
    address, _, port = text.rpartition(":")
    return address, int(port)


if __name__ == "__main__":
    sys.exit(main())
