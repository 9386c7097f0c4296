"""What passes between a client and its first token beside the engine steps that a simulation walks through: from the closed form's fit."""

from __future__ import annotations

import math
import random
from dataclasses import dataclass

from sizing.speed.closed_loop import in_flight
from sizing.speed.constants import noise
from sizing.speed.open_loop import open_steps
from sizing.speed.operating_point import alone, closed_advice, first_charge, operating_point
from sizing.speed.queueing import Z
from sizing.speed.replica import Replica
from sizing.speed.traffic import Traffic

SEED = "startups"


@dataclass(frozen=True)
class StartUp:
    """The start-up of a request with `prefill` seconds of prompt: the fitted first token without waiting, less the steps and the prefill
    that the simulator runs itself. Seconds, and shares of the request's own prefill.

    The charge varies: `varies` is its p99 over the mean, less 1, as measured with one request in flight. The start-up is negative where
    the fit charges less for a prompt than its steps take; the scheduler then begins before the client's clock. `causal` keeps it at 0 or
    above, for clients that send when they are answered.
    """

    charged_s: float = 0.0
    charged_prompts: float = 0.0
    walked_s: float = 0.0
    walked_prompts: float = 0.0
    varies: float = 0.0
    causal: bool = False

    def mean_s(self, prefill_s: float) -> float:
        return self._of(prefill_s, 1.0)

    def drawn_s(self, prefill_s: float, rng: random.Random) -> float:
        return self._of(prefill_s, math.exp(rng.gauss(-(self._sigma**2) / 2, self._sigma)) if self.varies else 1.0)

    @property
    def _sigma(self) -> float:
        """Return the sigma of a log-normal distribution with mean 1 and p99 1 + `varies`: Z s - s * s / 2 = log of it."""
        return Z - math.sqrt(max(Z * Z - 2 * math.log1p(self.varies), 0.0))

    def _of(self, prefill_s: float, factor: float) -> float:
        charged = (self.charged_s + self.charged_prompts * prefill_s) * factor
        found = charged - self.walked_s - self.walked_prompts * prefill_s
        return max(found, 0.0) if self.causal else found


NONE = StartUp()


def start_up(r: Replica, t: Traffic, *, stretch: float = 1.0) -> StartUp:
    """Return the start-up of one replica under its traffic. What measured points near the question say of a first token counts; the
    walked steps are drawn out by `stretch`. Half a step is that in flight, which only others can have."""
    batch, closed = max(operating_point(r, t).batch, 1.0), t.request_rate is None
    if closed:
        charge, first = alone(r, t, step_s=r.step_s(batch, t.context), batch=batch), closed_advice(r, t, batch=batch)
    else:
        charge, first = first_charge(r, t, batch=batch), 1.0
    met = batch if t.request_rate is None else open_steps(r, t, t.request_rate, limit=r.max_batch(t.isl + t.osl), stretch=stretch)[0]
    # The fitted charge of a first token contains steps that the simulator walks through itself; they are taken out
    # here, or every first token would pay for them twice.
    hidden_s = r.hidden_s(t.computed_prompt, met, per_step=0.0)
    walked_s = ((1 + in_flight(met) / 2) * r.step_s(met, t.context) - hidden_s) * stretch
    return StartUp(charge.fixed_s * first, charge.prompts * first, walked_s, r.efficiency.prefill_share * stretch, noise("ttft"), closed)
