"""Prompt tokens that an engine took from a prefix cache, by its own counters before and after a run."""

from __future__ import annotations

from collections.abc import Iterable

import httpx

from inferstack.bench.target import Target

PATH = "/metrics"
# Counters of tokens, summed over their labels (one set for each data-parallel rank). Names:
# vLLM: https://docs.vllm.ai/en/stable/design/metrics/ (prefix_cache_hits; Prometheus writes counters with _total)
# SGLang: https://docs.sglang.io/references/production_metrics.html
COUNTERS = frozenset(
    {
        "vllm:prefix_cache_hits_total",
        "vllm:external_prefix_cache_hits_total",
        "vllm:gpu_prefix_cache_hits_total",
        "sglang:cached_tokens_total",
    }
)
LONGEST_ANSWER = 8 * 2**20


async def cache_hits(nodes: Iterable[tuple[httpx.AsyncClient, Target]]) -> float | None:
    """Return the hits of all nodes together; None where one of them does not say."""
    total = 0.0
    for client, target in nodes:
        hits = await _of_node(client, target)
        if hits is None:
            return None
        total += hits
    return total


def hits_in(exposition: str) -> float | None:
    """Sum the known counters of a Prometheus text; None where it holds none of them."""
    values = [_value(line) for line in exposition.splitlines() if line.partition("{")[0].partition(" ")[0] in COUNTERS]
    known = [value for value in values if value is not None]
    return sum(known) if known else None


async def _of_node(client: httpx.AsyncClient, target: Target) -> float | None:
    try:
        answer = await client.get(
            PATH, headers={"Connection": "close", "Accept": "text/plain"}, extensions={"sni_hostname": target.hostname}
        )
    except (httpx.HTTPError, OSError):
        return None
    if answer.status_code != httpx.codes.OK or len(answer.content) > LONGEST_ANSWER:
        return None
    return hits_in(answer.text)


def _value(line: str) -> float | None:
    words = line.rpartition("}")[2].split() if "}" in line else line.split()[1:]
    try:
        return float(words[0])
    except (IndexError, ValueError):
        return None
