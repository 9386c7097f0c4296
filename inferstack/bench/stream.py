"""One streamed chat completion, timed by hand: when it could be sent, when the first content came, when the last."""

from __future__ import annotations

import json
import ssl
import time
from array import array
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

import httpx

from inferstack.bench.events import Events, EventTooLarge
from inferstack.bench.result import RequestResult
from inferstack.bench.target import Target
from inferstack.records import engines
from inferstack.records.measurement import Workload

PATH = "/v1/chat/completions"
DETAIL_LENGTH = 200


@dataclass
class Clock:
    """Moments of one request, of one monotonic clock. `lag_ms` says how late the loop is just now."""

    began: float
    sent: float | None = None
    first: float | None = None
    last: float | None = None
    chunks: int = 0
    gaps_ms: array[float] = field(default_factory=lambda: array("f"))
    first_token_lag_ms: float | None = None
    on_chunk: Callable[[], None] = lambda: None
    lag_ms: Callable[[], float] = lambda: 0.0

    def content(self) -> None:
        now = time.perf_counter()
        if self.last is None:
            self.first, self.first_token_lag_ms = now, self.lag_ms()
        else:
            self.gaps_ms.append(1000 * (now - self.last))
        self.last = now
        self.chunks += 1
        self.on_chunk()


@dataclass
class StreamedAnswer:
    """What the events said so far."""

    usage: dict[str, Any] | None = None
    finish_reason: str | None = None
    done: bool = False
    words: int = 0
    silent_chunks: int = 0
    counted_tokens: int = 0


class StreamFailed(Exception):
    """`kind` is counted; `detail` is for the line of the request."""

    def __init__(self, kind: str, detail: str = "") -> None:
        super().__init__(kind)
        self.kind = kind
        self.detail = detail


def body(target: Target, workload: Workload, prompt: str, *, counted: bool = False) -> dict[str, Any]:
    """Greedy and of fixed length. No prompt cache: a benchmark that measures the cache says nothing of the engine.

    `counted` asks for the log probability of each token: one entry a token, whatever `usage` says.
    """
    asked: dict[str, Any] = {
        "model": target.model,
        "messages": [{"role": "user", "content": prompt}],
        "max_tokens": workload.osl,
        "temperature": 0,
        "stream": True,
        "stream_options": {"include_usage": True},
    }
    if workload.ignore_eos:
        asked["ignore_eos"] = True
    asked |= engines.table()[target.engine].get("bench_body", {})
    if counted:
        asked["logprobs"] = True
    return asked


async def ask(
    client: httpx.AsyncClient,
    target: Target,
    asked: bytes,
    *,
    index: int,
    epoch: float,
    close: bool,
    on_chunk: Callable[[], None],
    lag_ms: Callable[[], float] = lambda: 0.0,
) -> RequestResult:
    """Send `asked`, a body in JSON. Never raises but for cancellation: what went wrong is the result's `error`."""
    clock, answer = Clock(began=time.perf_counter(), on_chunk=on_chunk, lag_ms=lag_ms), StreamedAnswer()
    error, detail = None, ""
    try:
        await _stream(client, target, asked, close=close, clock=clock, answer=answer)
        _check(clock, answer)
    except StreamFailed as failed:
        error, detail = failed.kind, failed.detail
    except (httpx.HTTPError, httpx.InvalidURL, ssl.SSLError, OSError) as raised:
        error, detail = kind_of(raised), f"{type(raised).__name__}: {raised}"
    return _result(index, clock, answer, started_s=clock.began - epoch, error=error, detail=target.redacted(detail)[:DETAIL_LENGTH])


def kind_of(raised: BaseException) -> str:
    """The kind that an exception of the network is counted under."""
    if isinstance(raised, httpx.TimeoutException):
        return "timeout"
    if isinstance(raised, httpx.ConnectError):
        return "tls" if any(isinstance(cause, ssl.SSLError) for cause in _causes(raised)) else "connect"
    if isinstance(raised, httpx.RemoteProtocolError | httpx.ReadError | httpx.WriteError | ConnectionError):
        return "disconnected"
    return "transport"


async def _stream(client: httpx.AsyncClient, target: Target, asked: bytes, *, close: bool, clock: Clock, answer: StreamedAnswer) -> None:
    async def trace(event: str, info: dict[str, Any]) -> None:
        if event == "http11.send_request_headers.started":
            clock.sent = time.perf_counter()

    extensions = {"sni_hostname": target.hostname, "trace": trace}
    headers = {"Content-Type": "application/json"} | ({"Connection": "close"} if close else {})
    async with client.stream("POST", PATH, content=asked, headers=headers, extensions=extensions) as response:
        if response.status_code != httpx.codes.OK:
            raise StreamFailed(f"http_{response.status_code}", (await response.aread()).decode("utf-8", errors="replace"))
        events = Events()
        async for received in response.aiter_raw():
            try:
                for data in events.feed(received):
                    _take(data, clock, answer)
            except EventTooLarge as error:
                raise StreamFailed("bad_event", str(error)) from None


def _take(data: str, clock: Clock, answer: StreamedAnswer) -> None:
    if data == "[DONE]":
        answer.done = True
        return
    try:
        event = json.loads(data)
    except ValueError:
        raise StreamFailed("bad_event", "an event is not JSON") from None
    if not isinstance(event, dict):
        raise StreamFailed("bad_event", "an event is not an object")
    if event.get("error"):
        raise StreamFailed("engine_error", json.dumps(event["error"]))
    if isinstance(event.get("usage"), dict):
        answer.usage = event["usage"]
    choices = event.get("choices")
    for choice in choices if isinstance(choices, list) else ():
        _take_choice(choice, clock, answer)


def _take_choice(choice: Any, clock: Clock, answer: StreamedAnswer) -> None:
    """A reasoning model's thoughts are tokens too, under a name that each engine chooses."""
    delta = choice.get("delta") if isinstance(choice, dict) else None
    if not isinstance(delta, dict):
        raise StreamFailed("bad_event", "a choice without delta")
    answer.finish_reason = choice.get("finish_reason") or answer.finish_reason
    logprobs = choice.get("logprobs")
    if isinstance(logprobs, dict) and isinstance(logprobs.get("content"), list):
        answer.counted_tokens += len(logprobs["content"])
    text = delta.get("content") or delta.get("reasoning_content") or delta.get("reasoning")
    if text:
        clock.content()
        answer.words += len(str(text).split())
    elif "content" in delta and "role" not in delta:
        answer.silent_chunks += 1


def _check(clock: Clock, answer: StreamedAnswer) -> None:
    if not answer.done:
        raise StreamFailed("truncated", "the stream ended without [DONE]")
    if clock.first is None:
        raise StreamFailed("no_content", "the answer contains no token")
    if not answer.usage or not all(isinstance(answer.usage.get(name), int) for name in ("prompt_tokens", "completion_tokens")):
        raise StreamFailed("no_usage", "the answer does not say its token counts")


def _result(index: int, clock: Clock, answer: StreamedAnswer, *, started_s: float, error: str | None, detail: str) -> RequestResult:
    usage, sent = answer.usage or {}, clock.sent
    tokens = usage.get("completion_tokens") or 0
    spread = (clock.last or 0) - (clock.first or 0)
    return RequestResult(
        index=index,
        started_s=started_s,
        connect_ms=_ms(clock.began, sent),
        ttft_ms=_ms(sent, clock.first),
        tpot_ms=1000 * spread / (tokens - 1) if tokens > 1 and clock.first is not None else None,
        itl_max_ms=max(clock.gaps_ms, default=None),
        e2e_ms=_ms(sent, clock.last),
        prompt_tokens=usage.get("prompt_tokens"),
        completion_tokens=usage.get("completion_tokens"),
        cached_tokens=_cached(usage),
        chunks=clock.chunks,
        words=answer.words,
        silent_chunks=answer.silent_chunks,
        counted_tokens=answer.counted_tokens,
        first_token_lag_ms=clock.first_token_lag_ms,
        gaps_ms=clock.gaps_ms,
        finish_reason=answer.finish_reason,
        error=error,
        detail=detail,
    )


def _cached(usage: dict[str, Any]) -> int | None:
    """Return the prompt tokens that the engine says it took from its cache; None where it does not say."""
    details = usage.get("prompt_tokens_details")
    cached = details.get("cached_tokens") if isinstance(details, dict) else None
    return cached if isinstance(cached, int) else None


def _ms(start: float | None, end: float | None) -> float | None:
    return None if start is None or end is None else 1000 * (end - start)


def _causes(raised: BaseException | None) -> list[BaseException]:
    found: list[BaseException] = []
    while raised is not None and raised not in found:
        found.append(raised)
        raised = raised.__cause__ or raised.__context__
    return found
