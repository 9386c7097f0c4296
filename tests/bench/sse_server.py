"""A small endpoint on loopback that answers in server-sent events as it is told to: slowly, wrongly, half, or not at all."""

from __future__ import annotations

import json
import ssl
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

KEY = "canary-5e1f-key"


@dataclass
class Behaviour:
    """What the endpoint does with the n-th request (from 0), and what it saw."""

    first_token_s: float = 0.0
    between_tokens_s: float = 0.0
    tokens_per_chunk: int = 1
    usage: bool = True
    usage_times: float = 1.0
    split_words: frozenset[str] = frozenset()
    template_tokens: int = 3
    logprobs: bool = True
    caches: bool = False
    counters: str | None = None
    stall_every: int | None = None
    stall_s: float = 0.0
    hang_after: int | None = None
    hold_until: int | None = None
    one_at_a_time_s: float | None = None
    faults: dict[int, str] = field(default_factory=dict)
    always: str | None = None
    seen: list[dict[str, Any]] = field(default_factory=list)
    in_flight: int = 0
    most_in_flight: int = 0
    connections: int = 0
    cached: set[str] = field(default_factory=set)
    hits: int = 0
    server_names: list[str | None] = field(default_factory=list)
    released: threading.Event = field(default_factory=threading.Event)
    lock: threading.Lock = field(default_factory=threading.Lock)
    turn: threading.Lock = field(default_factory=threading.Lock)


class Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    disable_nagle_algorithm = True
    behaviour: Behaviour

    asked_before = False
    counted = 0

    def do_GET(self) -> None:
        """The engine's counters, where it has any."""
        if self.behaviour.counters is None or self.path != "/metrics":
            self._refuse(404, "nothing here")
            return
        text = "".join(f'{self.behaviour.counters}{{engine="{rank}"}} {self.behaviour.hits / 2}\n' for rank in range(2))
        body = f"# TYPE {self.behaviour.counters} counter\nother_total 7\n{text}".encode()
        self.send_response(200)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def do_POST(self) -> None:
        behaviour = self.behaviour
        if not self.asked_before:
            self.asked_before = True
            behaviour.connections += 1
        asked = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
        with behaviour.lock:
            number = len(behaviour.seen)
            behaviour.seen.append({"path": self.path, "headers": dict(self.headers), "body": asked})
            behaviour.in_flight += 1
            self.counted = 1
            behaviour.most_in_flight = max(behaviour.most_in_flight, behaviour.in_flight)
        try:
            self._answer(number, asked)
        except (BrokenPipeError, ConnectionResetError, ssl.SSLError):
            self.close_connection = True
        finally:
            self._done()

    def _done(self) -> None:
        """Count the request as answered, once; called before the client can know, whose next request may arrive first otherwise."""
        with self.behaviour.lock:
            self.behaviour.in_flight -= self.counted
            self.counted = 0

    def _answer(self, number: int, asked: dict[str, Any]) -> None:
        fault = self.behaviour.faults.get(number, self.behaviour.always)
        if self.headers.get("Authorization") != f"Bearer {KEY}":
            self._refuse(401, f"no such key: {self.headers.get('Authorization')}")
        elif asked.get("logprobs") and not self.behaviour.logprobs:
            self._refuse(400, "logprobs are not supported")
        elif fault == "disconnect":
            self._cut()
        elif fault and fault.isdigit():
            self._refuse(int(fault), "told to")
        else:
            if self.behaviour.hang_after is not None and number >= self.behaviour.hang_after:
                self.behaviour.released.wait(10)
            self._hold()
            self._stream(asked, fault)

    def _hold(self) -> None:
        """Answer nobody before so many have asked, and then one after the other, where the behaviour says so."""
        behaviour = self.behaviour
        end = time.monotonic() + 30
        while behaviour.hold_until is not None and len(behaviour.seen) < behaviour.hold_until and time.monotonic() < end:
            time.sleep(0.002)
        if behaviour.one_at_a_time_s is not None:
            with behaviour.turn:
                time.sleep(behaviour.one_at_a_time_s)

    def _stream(self, asked: dict[str, Any], fault: str | None) -> None:
        behaviour, tokens = self.behaviour, asked["max_tokens"]
        self.send_response(200)
        self.send_header("Content-Type", "text/event-stream")
        self.send_header("Transfer-Encoding", "chunked")
        self.end_headers()
        self._event({"choices": [{"delta": {"role": "assistant", "content": ""}}]})
        time.sleep(behaviour.first_token_s)
        ended = self._tokens(tokens, fault, counted=bool(asked.get("logprobs")))
        if ended:
            return
        self._event({"choices": [{"delta": {}, "finish_reason": "length"}]})
        if behaviour.usage and fault != "no_usage":
            self._event({"choices": [], "usage": self._usage(asked)})
        if fault == "no_done":
            self._done()
            self._chunk(b"")
        else:
            self._last("[DONE]")

    def _usage(self, asked: dict[str, Any]) -> dict[str, Any]:
        """A prompt that was seen before comes from the cache, but for its last word."""
        behaviour, prompt = self.behaviour, asked["messages"][0]["content"]
        words = prompt.split()
        prompt_tokens = len(words) + sum(word[0] in behaviour.split_words for word in words) + behaviour.template_tokens
        told: dict[str, Any] = {"prompt_tokens": prompt_tokens, "completion_tokens": round(asked["max_tokens"] * behaviour.usage_times)}
        if behaviour.caches:
            with behaviour.lock:
                hits = prompt_tokens - 1 if prompt in behaviour.cached else 0
                behaviour.cached.add(prompt)
                behaviour.hits += hits
            if behaviour.counters is None:
                told["prompt_tokens_details"] = {"cached_tokens": hits}
        return told

    def _tokens(self, tokens: int, fault: str | None, *, counted: bool) -> bool:
        """True when the fault ended the stream."""
        step = self.behaviour.tokens_per_chunk
        for sent in range(0, 0 if fault == "no_content" else tokens, step):
            if fault == "half" and sent >= tokens // 2:
                self._cut()
                return True
            if fault in ("engine_error", "garbage") and sent:
                self._last({"error": {"message": f"out of memory, key {KEY}"}} if fault == "engine_error" else "{not json")
                return True
            now = min(step, tokens - sent)
            choice: dict[str, Any] = {"delta": {"content": " aa" * now}}
            if counted:
                choice["logprobs"] = {"content": [{"token": " aa", "logprob": -1.0}] * now}
            self._event({"choices": [choice]})
            stall = self.behaviour.stall_every is not None and sent and sent % self.behaviour.stall_every == 0
            time.sleep(self.behaviour.stall_s if stall else self.behaviour.between_tokens_s)
        return False

    def _last(self, event: Any) -> None:
        self._done()
        self._event(event)
        self._chunk(b"")

    def _event(self, event: Any) -> None:
        data = event if isinstance(event, str) else json.dumps(event)
        self._chunk(f"data: {data}\n\n".encode())

    def _chunk(self, data: bytes) -> None:
        self.wfile.write(f"{len(data):x}\r\n".encode() + data + b"\r\n")
        self.wfile.flush()

    def _cut(self) -> None:
        self._done()
        self.close_connection = True
        self.connection.close()

    def _refuse(self, status: int, text: str) -> None:
        self._done()
        self.send_response(status)
        self.send_header("Content-Length", str(len(text)))
        self.end_headers()
        self.wfile.write(text.encode())

    def log_message(self, *words: Any) -> None:
        """Quiet: a test's output is the test's."""


class Server(ThreadingHTTPServer):
    daemon_threads = True
    request_queue_size = 64

    def handle_error(self, request: Any, client_address: Any) -> None:
        """A client that goes away, or refuses the certificate, is what some of the tests are about."""


@contextmanager
def serving(behaviour: Behaviour, *, tls: ssl.SSLContext | None = None) -> Iterator[str]:
    """The base URL of the endpoint, on a free port."""
    server = Server(("127.0.0.1", 0), type("Told", (Handler,), {"behaviour": behaviour}))
    if tls:
        tls.sni_callback = lambda connection, name, context: behaviour.server_names.append(name)
        server.socket = tls.wrap_socket(server.socket, server_side=True, do_handshake_on_connect=False)
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
    thread.start()
    try:
        yield f"http{'s' if tls else ''}://127.0.0.1:{server.server_address[1]}"
    finally:
        behaviour.released.set()
        server.shutdown()
        server.server_close()
        thread.join()
