"""Whether a run measured what it says: whole answers, prompts of the asked length, no cache, counts that hold, a client that kept up."""

from __future__ import annotations

from collections.abc import Iterator

from inferstack.records.measurement import JudgedFigure, Measurement, UsageWitness

# A figure over requests of which more than one in a thousand failed is not reported as one.
MAX_ERROR_SHARE = 0.001
PROMPT_TOLERANCE = 0.01
"""Of the asked length, by mean; a prompt of few tokens may be one token off, as words are whole."""
COUNT_TOLERANCE = 0.01
BUNDLED_TOLERANCE = 0.05
"""Tokens a chunk beyond those of the witness: chunks that share packets now and then are no finding."""
CLIENT_LAG_SHARE = 0.05
"""Of the time between tokens, and of the time to the first one: what the client may add of its own."""
CLIENT_CPU_SHARE = 0.9
"""Of one core: the loop runs on one, and above this it is what limits the throughput."""


def findings(measurement: Measurement) -> Iterator[JudgedFigure]:
    """The client first: where it is the bottleneck every other figure is its own."""
    yield from _client(measurement)
    yield from _punctual(measurement)
    yield from _answered(measurement)
    yield from _lengths(measurement)
    yield from _usage(measurement)
    yield from _cache(measurement)


def _punctual(measurement: Measurement) -> Iterator[JudgedFigure]:
    """An open loop that sends late offers another load, and hides the wait from the server's figures. In a rehearsal it is shown only."""
    late, first = measurement.lateness_ms, measurement.ttft_ms
    if late is None or first is None:
        return
    allowed_ms, judged = CLIENT_LAG_SHARE * first.mean, not measurement.rehearsal
    yield JudgedFigure(
        figure="lateness_ms",
        high=allowed_ms,
        measured=late.mean,
        judged=judged,
        passed=late.mean <= allowed_ms if judged else None,
        message=f"requests left {late.mean:.2f} ms late on average, {late.max:.1f} ms at most"
        + ("" if judged else "; it shares this machine with the engine"),
    )


def _answered(measurement: Measurement) -> Iterator[JudgedFigure]:
    asked = measurement.workload.num_requests
    lost = asked - measurement.completed
    kinds = ", ".join(f"{count} {kind}" for kind, count in measurement.errors.items())
    yield JudgedFigure(
        figure="completed_requests",
        predicted=asked,
        measured=measurement.completed,
        judged=True,
        passed=measurement.completed > 0 and lost <= MAX_ERROR_SHARE * asked,
        message=f"{measurement.completed} of {asked} requests answered completely" + (f"; failed: {kinds}" if kinds else ""),
    )


def _lengths(measurement: Measurement) -> Iterator[JudgedFigure]:
    workload, done = measurement.workload, measurement.completed
    if done:
        mean, allowed = measurement.prompt_tokens / done, max(PROMPT_TOLERANCE * workload.isl, 1.0)
        yield JudgedFigure(
            figure="prompt_tokens",
            predicted=workload.isl,
            low=workload.isl - allowed,
            high=workload.isl + allowed,
            measured=mean,
            judged=True,
            passed=abs(mean - workload.isl) <= allowed,
            message=f"{mean:,.1f} tokens per prompt by usage; {workload.isl:,} were requested",
        )
    if workload.ignore_eos:
        expected = done * workload.osl
        yield JudgedFigure(
            figure="completion_tokens",
            predicted=expected,
            measured=measurement.completion_tokens,
            judged=True,
            passed=expected == measurement.completion_tokens,
            message=f"{measurement.completion_tokens} tokens in {done} answers of {workload.osl}",
        )


def _usage(measurement: Measurement) -> Iterator[JudgedFigure]:
    """Token counts are the server's word: held against the chunks that came, and against one answer counted token by token."""
    chunks, tokens = measurement.content_chunks, measurement.completion_tokens
    if not measurement.completed or chunks is None:
        return
    borne_out = max(chunks, measurement.content_words or 0)
    why = _miscounted(tokens, chunks, borne_out, slack=measurement.completed, witness=measurement.usage_witness)
    yield JudgedFigure(
        figure="usage",
        measured=tokens / chunks if chunks else None,
        judged=True,
        passed=why is None,
        message=why or f"{tokens} tokens by usage arrived in {chunks} chunks",
    )


def _miscounted(tokens: int, chunks: int, borne_out: int, *, slack: int, witness: UsageWitness | None) -> str | None:
    """Return why `usage` cannot be right, or None.

    `borne_out` tokens were seen at least: one a chunk, and one a word. `slack` is one an answer: its last one may be without text.
    """
    if witness is not None and abs(witness.counted - witness.usage) > max(1, COUNT_TOLERANCE * witness.counted):
        return f"usage said {witness.usage} tokens for an answer of {witness.counted}, counted one by one"
    if chunks > tokens + max(slack, COUNT_TOLERANCE * tokens):
        return f"usage says {tokens} tokens, {chunks} chunks contained text"
    bundled = witness.usage / witness.chunks if witness is not None and witness.chunks else 1.0
    many = tokens > max(chunks * bundled, borne_out) + BUNDLED_TOLERANCE * chunks + slack
    if not many or (witness is not None and bundled > 1 + BUNDLED_TOLERANCE):
        return None
    if witness is None:
        return f"usage says {tokens} tokens, {chunks} chunks contained text: nothing confirms {tokens / chunks:.2f} tokens per chunk"
    return f"{tokens / chunks:.2f} tokens per chunk in the run, {bundled:.2f} before it: gaps between chunks are not gaps between tokens"


def _cache(measurement: Measurement) -> Iterator[JudgedFigure]:
    """Nothing but the chat template may come from a prefix cache: it stands at the head of every prompt, and of every user's."""
    cached, length = measurement.cached_prompt_tokens, measurement.prompt_length
    if not measurement.completed:
        return
    if cached is None:
        yield JudgedFigure(figure="cached_prompt_tokens", judged=False, passed=None, message="the engine does not report prefix cache hits")
        return
    template = length.template_tokens if length else 0.0
    allowed = template * measurement.workload.num_requests
    yield JudgedFigure(
        figure="cached_prompt_tokens",
        high=allowed,
        measured=cached,
        judged=True,
        passed=cached <= allowed,
        message=(
            f"{cached:,} of {measurement.prompt_tokens:,} prompt tokens came from a prefix cache (by {measurement.cached_by}); "
            f"the chat template explains {allowed:,.0f}"
        ),
    )


def _client(measurement: Measurement) -> Iterator[JudgedFigure]:
    """Judge whether the client kept up; in a rehearsal it shares the machine with the engine, so it is shown and not judged."""
    load = measurement.client
    if load is None:
        return
    judged = not measurement.rehearsal
    why = _saturated(measurement) if judged else None
    lag = f"{load.lag_ms.mean:.2f} ms behind the arrivals" if load.lag_ms else "unknown lag"
    yield JudgedFigure(
        figure="client",
        high=CLIENT_CPU_SHARE,
        measured=load.cpu_share,
        judged=judged,
        passed=(why is None) if judged else None,
        message=(why or f"the load generator took {load.cpu_share:.0%} of a core; on average {lag}")
        + ("" if judged else "; it shares this machine with the engine"),
    )


def _saturated(measurement: Measurement) -> str | None:
    load = measurement.client
    if load is None:
        return None
    if load.cpu_share > CLIENT_CPU_SHARE:
        return f"the load generator was the bottleneck: {load.cpu_share:.0%} of a core"
    shares = (
        ("the time between tokens", load.lag_ms, measurement.tpot_ms),
        ("the time to the first token", load.first_token_lag_ms, measurement.ttft_ms),
    )
    for what, lag, figure in shares:
        lag_ms = lag if lag is None or isinstance(lag, float) else lag.mean
        if lag_ms is not None and figure is not None and lag_ms > CLIENT_LAG_SHARE * figure.mean:
            return f"the load generator was the bottleneck: {lag_ms:.2f} ms behind on average, {lag_ms / figure.mean:.0%} of {what}"
    return None
