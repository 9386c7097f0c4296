"""sizing.speed.queueing: limits that queueing theory knows exactly."""

from __future__ import annotations

import math
import random
from statistics import fmean, pvariance

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sizing.speed.queueing import _renewals, burst_wait, chunks_of, cluster, even_wait, mean_over, one_by_one, prompt_wait

busy = st.floats(0.01, 0.9)


@given(busy)
def test_a_cluster_is_that_of_batches_into_an_exponential_queue(rho: float) -> None:
    """M^X/M: (1 + E[X^2] / E[X]) / 2 of batches with Borel's distribution; equal answers stay together; nobody's prompts: one."""
    assert cluster(rho, length_spread=1.0) == pytest.approx((1 + (1 - rho) ** -2) / 2)
    assert cluster(rho) == pytest.approx((1 - rho) ** -2)
    assert 1 == cluster(0.0)


@given(st.floats(0, 50), st.floats(0, 100))
def test_the_mean_over_batches_keeps_mean_and_variance(others: float, variance: float) -> None:
    """So it is exact for a straight cost and, with room below, for a square one; a bent cost is less in the mean than at the mean."""
    spread = variance * (others > 0)
    assert mean_over(lambda batch: 3 + 2 * batch, others, spread) == pytest.approx(3 + 2 * (1 + others), rel=1e-6)
    if spread**0.5 <= others:
        assert mean_over(lambda batch: (batch - 1) ** 2, others, spread) == pytest.approx(others**2 + spread, rel=1e-5, abs=1e-6)
    assert mean_over(math.sqrt, others, spread) <= math.sqrt(1 + others) + 1e-9


@given(busy)
def test_one_prompt_after_the_other_waits_as_pollaczek_and_khinchine_say(rho: float) -> None:
    """M/D/1."""
    found = one_by_one(rho / 2.0, step_s=0.0, prompt_s=2.0, chunks=1.0)
    assert found.mean_s == pytest.approx(rho * 2 / (2 * (1 - rho)))
    assert found.variance_s2 == pytest.approx(found.mean_s**2 + rho * 4 / (3 * (1 - rho)))


@pytest.mark.parametrize(("rho", "step"), [(0.2, 0.5), (0.5, 0.2), (0.5, 2.0), (0.7, 0.5)])
def test_prompts_that_share_a_step_wait_as_drawn(rho: float, step: float) -> None:
    """Poisson arrivals, each step takes in all that came in the step before (a prompt is 1 s): mean to 4 %, variance to 15 %."""
    rng, now, waits = random.Random(3), 0.0, []
    arrival, waiting = rng.expovariate(rho), list[float]()
    while len(waits) < 60_000:
        end = now + step + len(waiting)
        waits += [end - one - step - 1 - step / 2 for one in waiting]
        waiting = []
        while arrival < end:
            waiting.append(arrival)
            arrival += rng.expovariate(rho)
        now = end
    found = prompt_wait(rho, step_s=step, prompt_s=1.0, chunks=1.0)
    assert found.mean_s == pytest.approx(fmean(waits), rel=0.04)
    assert found.variance_s2 == pytest.approx(pvariance(waits), rel=0.15)


@given(busy, st.floats(0.05, 0.9))
def test_bursts_add_a_wait_and_even_gaps_take_one_away(rho: float, burstiness: float) -> None:
    """Nothing for Poisson's; the burstier the more."""
    usual = burst_wait(rho, prompt_s=1.0, burstiness=1.0)
    more, most = (burst_wait(rho, prompt_s=1.0, burstiness=one) for one in (burstiness, burstiness / 2))
    assert 0 == pytest.approx(usual.mean_s, abs=1e-6)
    assert usual.mean_s < more.mean_s < most.mean_s
    assert burst_wait(rho, prompt_s=1.0, burstiness=4.0).mean_s < 0


@given(st.floats(0, 1), st.floats(0.001, 1000))
def test_every_burstiness_that_may_be_said_has_a_finite_wait(rho: float, burstiness: float) -> None:
    """Even gaps take away no more than there is."""
    found = burst_wait(rho, prompt_s=1.0, burstiness=burstiness)
    assert math.isfinite(found.mean_s) and math.isfinite(found.variance_s2)
    assert found.mean_s >= -0.97 / 0.06 - 1e-9


def test_a_prompt_longer_than_a_step_takes_whole_steps() -> None:
    """One where it fits; half a step more than its share in the mean."""
    assert [1, 1, 2.5, 4.5] == [chunks_of(one, 1000) for one in (10, 1000, 2000, 4000)]


@pytest.mark.parametrize("gaps", [0.05, 0.3, 0.8, 1.5, 3.0, 6.0])
def test_the_wait_of_even_gaps_rests_on_the_renewal_function(gaps: float) -> None:
    """Of gaps that are the sum of two exponential ones it is known: t - 1/4 + exp(-4 t) / 4."""
    assert _renewals(gaps, 2.0) == pytest.approx(gaps - 0.25 + math.exp(-4 * gaps) / 4, abs=0.03)


@pytest.mark.parametrize("rate", [1.0, 5.0, 10.0, 15.0])
def test_the_more_even_the_gaps_the_shorter_the_wait_down_to_that_of_no_other_prompt(rate: float) -> None:
    """Poisson's is the limit at burstiness 1."""
    waits = [even_wait(rate, step_s=0.02, prompt_s=0.04, chunks=1.0, burstiness=one).mean_s for one in (1.0, 1.5, 2.0, 4.0, 8.0, 64.0)]
    assert waits == sorted(waits, reverse=True) and waits[-1] >= 0
    assert waits[0] == pytest.approx(prompt_wait(rate, step_s=0.02, prompt_s=0.04, chunks=1.0).mean_s, rel=0.06)
