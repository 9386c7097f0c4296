"""Prompt tokens that an engine took from a prefix cache, by its own counters before and after a run."""

from __future__ import annotations

from collections.abc import Iterable

import httpx

from inferstack.bench.target import Target
from inferstack.records import engines

PATH = "/metrics"
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
    """Sum the known counters of a Prometheus text over their labels (one set for each data-parallel rank); None where it holds none."""
    known = {name for facts in engines.table().values() for name in facts.get("cache_hit_counters", ())}
    values = [_value(line) for line in exposition.splitlines() if line.partition("{")[0].partition(" ")[0] in known]
    hits = [value for value in values if value is not None]
    return sum(hits) if hits else None


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
