"""Hosted APIs by the million tokens: who sells a model now, who no longer does, and what a mix of tokens costs there."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import date
from functools import lru_cache
from typing import Any

from inferstack.records.files.facts import load

SOLD = ("listed", "retiring")
Record = dict[str, Any]


@dataclass(frozen=True, slots=True)
class HostedOffer:
    """USD per million tokens. `current` is of the day that was asked about."""

    host: str
    model: str
    same_model: bool
    current: bool
    status: str
    ends: date | None
    input: float
    output: float
    cached: float | None
    batch_input: float | None
    batch_output: float | None
    as_of: date
    source: str


def offers(model_id: str, today: date) -> tuple[HostedOffer, ...]:
    """The same model at each host, then closed models for comparison; in each part the current ones first, the cheaper output first."""
    slugs = slugs_of(model_id)
    facts = load("pricing")["hosted_models"]
    found = [_offer(place, name, same=True, today=today) for place, name in _sold() if name in slugs]
    found += [_offer(place, name, same=False, today=today) for place, names in facts["other"].items() for name in names]
    return tuple(sorted(found, key=lambda one: (not one.same_model, not one.current, one.output, one.host)))


def slugs_of(model_id: str) -> tuple[str, ...]:
    """Names of the price facts for this checkpoint: by its name without its maker, with or without the name of a weight format."""
    facts = load("pricing")["hosted_models"]
    name = model_id.rsplit("/", 1)[-1].lower()
    endings = ("", *(f"-{one}" for one in facts["formats"]))
    return tuple(slug for slug, one in facts["models"].items() if any(name == id_.lower() + end for id_ in one["ids"] for end in endings))


def usd_per_mtok(one: HostedOffer, *, input_share: float, cached_share: float, batch: bool) -> float | None:
    """Return the price of a million mean tokens, in USD. Cached prompt tokens count in full where the host has no price for them; None
    without a batch price."""
    if batch:
        if one.batch_input is None or one.batch_output is None:
            return None
        return input_share * one.batch_input + (1 - input_share) * one.batch_output
    cached = one.input if one.cached is None else one.cached
    prompt = (1 - cached_share) * one.input + cached_share * cached
    return input_share * prompt + (1 - input_share) * one.output


def _offer(place: str, name: str, *, same: bool, today: date) -> HostedOffer:
    kinds = _newest()[place, name]
    first = kinds["input"]
    ends = date.fromisoformat(str(first["ends"])) if first.get("ends") else None
    usd = {kind: float(one["usd"]) for kind, one in kinds.items()}
    return HostedOffer(
        host=load("pricing")["hosted_models"]["hosts"][place], model=name, same_model=same,
        current=first["status"] in SOLD and (ends is None or ends > today), status=first["status"], ends=ends,
        input=usd["input"], output=usd["output"], cached=usd.get("cached-input"), batch_input=usd.get("batch-input"),
        batch_output=usd.get("batch-output"), as_of=date.fromisoformat(str(first["as_of"])), source=first["source"],
    )  # fmt: skip


def _sold() -> Iterator[tuple[str, str]]:
    yield from _newest()


@lru_cache(maxsize=1)
def _newest() -> dict[tuple[str, str], dict[str, Record]]:
    """(host, model) -> kind of token -> newest record."""
    content = load("pricing")["hosted_tokens"]
    found: dict[tuple[str, str], dict[str, Record]] = {}
    for record in sorted(content["records"], key=lambda one: str(one["as_of"])):
        _, place, name, kind = record["key"].split("/")
        found.setdefault((place, name), {})[kind] = {**record, "source": content["sources"][record["source"]]}
    return found
