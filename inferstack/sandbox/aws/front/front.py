"""The way of one HTTP request: guard, control surface, log, faults, then moto, one call at a time."""

from __future__ import annotations

import io
import posixpath
import threading
import time
import traceback
from collections.abc import Callable, Iterable, Mapping
from dataclasses import replace
from http import HTTPStatus
from pathlib import Path
from types import MappingProxyType
from typing import Any, Protocol

from inferstack.sandbox.aws.front import filters
from inferstack.sandbox.aws.front.access_key import unknown_key
from inferstack.sandbox.aws.front.answers import HttpAnswer, Refusal, as_text, refusal
from inferstack.sandbox.aws.front.calls import Call, identify

StartResponse = Callable[..., Any]
Wsgi = Callable[[dict[str, Any], StartResponse], Iterable[bytes]]
CONTROL_PREFIX = "/_inferstack/"


class Faults(Protocol):
    def before(self, call: Call) -> Refusal | None:
        """Waits, refuses, or lets the call pass."""


class Front:
    """`controls` answers `/_inferstack/`, `own` the services that moto has not.

    `own_key` is the key of the embedded AWS's own calls, which no policy of the caller judges.
    `lock` is held while moto works, because its stores know no threads.
    """

    def __init__(
        self,
        *,
        moto: Wsgi,
        controls: Callable[[str, dict[str, Any], bytes], HttpAnswer],
        faults: Faults,
        lock: threading.RLock,
        access_key: str,
        own_key: str = "",
        own: Mapping[str, Callable[[Call, bytes], HttpAnswer]] = MappingProxyType({}),
    ) -> None:
        self._moto = moto
        self._own = own
        self._controls = controls
        self._faults = faults
        self._lock = lock
        self._access_key = access_key
        self._own_key = own_key or None
        self._log: Callable[[Call, int], None] = lambda call, status: None
        self.seen: Callable[[], None] = lambda: None
        self.stack_at: Callable[[str], str] = lambda address: ""
        self.node_rights: Callable[[str, str, Call], Refusal | None] = lambda address, path, call: None
        self.caller_rights: Callable[[Call, Mapping[str, Any], bytes], Refusal | None] = lambda call, environ, body: None

    def log_to(self, path: Path) -> None:
        """One line for each API call: time, service.operation, status. Never a body or a key."""
        file = path.open("a", encoding="utf-8", buffering=1)

        def write(call: Call, status: int) -> None:
            file.write(f"{time.strftime('%Y-%m-%dT%H:%M:%SZ', time.gmtime())} {call.service}.{call.operation or '?'} {status}\n")

        self._log = write

    def on_loopback(self, environ: dict[str, Any], start_response: StartResponse) -> Iterable[bytes]:
        path = environ.get("PATH_INFO", "")
        if path.startswith(CONTROL_PREFIX):
            body = _body(environ)
            return send(self._controls(path.removeprefix(CONTROL_PREFIX), environ, body), start_response)
        if _is_motos_own(path):
            return send(as_text(403, "moto's own interface is closed\n"), start_response)
        self.seen()
        return self._api(environ, start_response)

    def on_bridge(self, environ: dict[str, Any], start_response: StartResponse) -> Iterable[bytes]:
        """The nodes' door: the same API, no control surface."""
        path = environ.get("PATH_INFO", "")
        if path.startswith(CONTROL_PREFIX) or _is_motos_own(path):
            return send(as_text(403, "not for nodes\n"), start_response)
        return self._api(environ, start_response, of_node=True)

    def _api(self, environ: dict[str, Any], start_response: StartResponse, *, of_node: bool = False) -> Iterable[bytes]:
        body = _body(environ)
        call = identify(environ, body)
        if of_node:
            call = replace(call, stack=self.stack_at(environ["REMOTE_ADDR"]))
            refused = self.node_rights(environ["REMOTE_ADDR"], environ["PATH_INFO"], call)
        elif call.access_key == self._own_key:
            refused = None
        else:
            refused = unknown_key(call, self._access_key) or self._of_caller(call, environ, body)
        refused = refused or self._faults.before(call) or filters.refusal(call, body)
        answer = refusal(call, refused) if refused else self._asked(call, environ, body)
        self._log(call, answer.status)
        return send(answer, start_response)

    def _of_caller(self, call: Call, environ: dict[str, Any], body: bytes) -> Refusal | None:
        with self._lock:
            return self.caller_rights(call, environ, body)

    def _asked(self, call: Call, environ: dict[str, Any], body: bytes) -> HttpAnswer:
        environ |= {"wsgi.input": io.BytesIO(body), "CONTENT_LENGTH": str(len(body))}
        environ.pop("HTTP_TRANSFER_ENCODING", None)
        try:
            if call.service in self._own:
                return self._own[call.service](call, body)
            with self._lock:
                return _collected(self._moto, environ)
        except NotImplementedError:
            return refusal(call, Refusal("NotImplemented", f"the embedded AWS has no {call.service}.{call.operation}", 501))
        except Exception:  # noqa: BLE001  moto fails with anything; the daemon answers and goes on
            traceback.print_exc()
            return refusal(
                call, Refusal("InternalFailure", f"the embedded AWS failed in {call.service}.{call.operation}; see daemon.log", 500)
            )


def _is_motos_own(path: str) -> bool:
    """moto shows and resets all of its state there, for anyone and without a signature."""
    return posixpath.normpath(f"/{path.lstrip('/')}").startswith("/moto-api")


def _body(environ: dict[str, Any]) -> bytes:
    """Read before the lock is taken: a slow sender may not stop everybody else."""
    source = environ["wsgi.input"]
    if environ.get("wsgi.input_terminated"):
        return bytes(source.read())
    return bytes(source.read(int(environ.get("CONTENT_LENGTH") or 0)))


def _collected(app: Wsgi, environ: dict[str, Any]) -> HttpAnswer:
    head: list[Any] = []

    def start_response(status: str, headers: list[tuple[str, str]], exc_info: Any = None) -> Callable[[bytes], object]:
        head[:] = [int(status.split()[0]), tuple(headers)]
        return lambda data: None

    parts = app(environ, start_response)
    try:
        content = b"".join(parts)
    finally:
        if hasattr(parts, "close"):
            parts.close()
    return HttpAnswer(head[0], head[1], content)


def send(answer: HttpAnswer, start_response: StartResponse) -> Iterable[bytes]:
    start_response(f"{answer.status} {_phrase(answer.status)}", list(answer.headers))
    return [answer.body]


def _phrase(status: int) -> str:
    try:
        return HTTPStatus(status).phrase
    except ValueError:
        return "Status"
