"""Load: how requests come to a cluster and how long they are. Made once from a request, carried from the plan to the verdict."""

from __future__ import annotations

import math
from collections.abc import Iterator
from typing import Literal, Self

from pydantic import Field, model_validator

from inferstack.records.record import Part

LEAST_TOKENS = 0.01
"""A mean may be below one token: many answers are empty."""
LoadKind = Literal["closed", "open", "offline"]
SAME = 1e-6
"""Relative: rates that differ by less are the same rate, written down twice."""


class Load(Part):
    """The load of a whole cluster. Closed: so many requests are always in flight. Open: requests arrive by themselves, with
    gamma-distributed gaps. Offline: all are sent at once. Lengths are means, in tokens."""

    kind: LoadKind
    isl: float = Field(ge=LEAST_TOKENS, description="tokens of a prompt, images included")
    osl: float = Field(ge=LEAST_TOKENS, description="tokens of an answer")
    length_spread: float = Field(0.0, ge=0, description="of answers: standard deviation over the mean; 0: all are equal")
    prefix_hit_rate: float = Field(0.0, ge=0, le=1, description="share of each prompt found in a prefix cache")
    concurrency: float | None = Field(None, gt=0, description="closed: requests in flight")
    request_rate: float | None = Field(None, gt=0, description="open: arrivals per second")
    burstiness: float | None = Field(None, gt=0, description="open: burstiness of the gamma-distributed gaps; 1 is Poisson, less is bursty")
    num_requests: int | None = Field(None, ge=1, description="number of requests; null: without end")

    @model_validator(mode="after")
    def _is_of_its_kind(self) -> Self:
        needed = {"closed": {"concurrency"}, "open": {"request_rate", "burstiness"}, "offline": {"num_requests"}}[self.kind]
        given = {name for name in ("concurrency", "request_rate", "burstiness") if getattr(self, name) is not None}
        missing = sorted(name for name in needed if getattr(self, name) is None)
        if missing:
            raise ValueError(f"a load of kind {self.kind} needs {' and '.join(missing)}")
        if given - needed:
            raise ValueError(f"a load of kind {self.kind} has no {' and no '.join(sorted(given - needed))}")
        return self

    @property
    def says(self) -> str:
        """Name the load in one line, for example `open: 4 requests/s, Poisson arrivals, 1,024 tokens in, 256 out`."""
        spread = f" (answers vary by {self.length_spread:.0%})" if self.length_spread else ""
        return f"{self.kind}: {self._arrivals}, {self.isl:,.6g} tokens in, {self.osl:,.6g} out{spread}"

    @property
    def _arrivals(self) -> str:
        if self.concurrency is not None:
            return f"{self.concurrency:,.6g} {'request' if self.concurrency == 1 else 'requests'} in flight"
        if self.request_rate is None:
            return f"{self.num_requests:,} {'request' if self.num_requests == 1 else 'requests'} at once"
        how = "Poisson arrivals" if self.burstiness == 1 else f"arrivals of burstiness {self.burstiness:g}"
        return f"{self.request_rate:,.4g} requests/s, {how}"

    @property
    def in_flight(self) -> float | None:
        """Requests in flight that a closed loop reaches: a run of fewer requests never holds more. None for another kind."""
        return None if self.concurrency is None else min(self.concurrency, self.num_requests or math.inf)

    def differences(self, other: Load) -> tuple[str, ...]:
        """Name what makes `other` another load than this one; empty where figures of the two may be compared.

        The number of requests is no difference by itself: it only says how long the load lasted.
        """
        if self.kind != other.kind:
            return (f"{self.kind} is not {other.kind}",)
        return tuple(self._unlike(other))

    def _unlike(self, other: Load) -> Iterator[str]:
        pairs = (
            ("requests in flight", self.concurrency, other.in_flight),
            ("requests/s", self.request_rate, other.request_rate),
            ("burstiness", self.burstiness, other.burstiness),
            ("tokens in", self.isl, other.isl),
            ("tokens out", self.osl, other.osl),
            ("spread of answers", self.length_spread, other.length_spread),
        )
        for name, mine, theirs in pairs:
            if (mine is None) != (theirs is None) or (mine is not None and theirs is not None and not _same(name, mine, theirs)):
                yield f"{name}: {_number(mine)} is not {_number(theirs)}"


def _same(name: str, mine: float, theirs: float) -> bool:
    """A client sends whole tokens: means that round to the same number are the same."""
    if name in ("tokens in", "tokens out"):
        return max(1, round(mine)) == max(1, round(theirs))
    return math.isclose(mine, theirs, rel_tol=SAME)


def _number(value: float | None) -> str:
    return "none" if value is None else f"{value:,.6g}"
