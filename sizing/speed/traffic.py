"""The load of one replica."""

from __future__ import annotations

from dataclasses import dataclass, replace

from inferstack.records.load import Load, LoadKind
from sizing.arithmetic import most


@dataclass(frozen=True, slots=True)
class Traffic:
    """The load of one replica. Neither concurrency nor rate means offline: everything is queued at once. `length_spread` of answers is
    their standard deviation over the mean."""

    isl: float
    osl: float
    concurrency: float | None = None
    request_rate: float | None = None
    burstiness: float = 1.0
    num_requests: float | None = None
    prefix_hit_rate: float = 0.0
    length_spread: float = 0.0

    @classmethod
    def of(cls, load: Load) -> Traffic:
        """Return the whole load as if one replica had it."""
        return cls(
            isl=load.isl,
            osl=load.osl,
            concurrency=load.concurrency,
            request_rate=load.request_rate,
            burstiness=load.burstiness or 1.0,
            num_requests=load.num_requests,
            prefix_hit_rate=load.prefix_hit_rate,
            length_spread=load.length_spread,
        )

    @property
    def kind(self) -> LoadKind:
        """Which kind of load this is."""
        return "closed" if self.concurrency is not None else "open" if self.request_rate is not None else "offline"

    def at_rate(self, request_rate: float) -> Traffic:
        """Return the same requests arriving at `request_rate` a second."""
        return Traffic(
            self.isl, self.osl, self.concurrency, request_rate, self.burstiness, self.num_requests, self.prefix_hit_rate, self.length_spread
        )

    def one_of(self, replicas: int) -> Traffic:
        """Return the arrivals at one of `replicas` that take requests in turn. Its gap is the sum of that many gaps: gamma-distributed
        too, and that much more even."""
        rate = self.request_rate / replicas if self.request_rate else self.request_rate
        return replace(self, request_rate=rate, burstiness=self.burstiness * replicas)

    def in_flight(self, concurrency: float) -> Traffic:
        """Return the same requests with `concurrency` of them always in flight."""
        return Traffic(
            self.isl, self.osl, concurrency, self.request_rate, self.burstiness, self.num_requests, self.prefix_hit_rate, self.length_spread
        )

    @property
    def writes_on(self) -> bool:
        """Whether a token follows the first: only then is there a time between tokens."""
        return self.osl > 1

    @property
    def context(self) -> float:
        return self.isl + self.osl / 2

    @property
    def computed_prompt(self) -> float:
        return most(self.isl * (1 - self.prefix_hit_rate), 1.0)
