"""sizing.speed.open_loop: what arrivals at one replica find."""

from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from sizing.batch.question import parse
from sizing.speed.open_loop import drawn_out, open_steps, queue, unhindered_s
from sizing.speed.operating_point import capacity_per_s, operating_point
from sizing.speed.replica import Replica
from sizing.speed.residuals import by_neighbours
from sizing.speed.traffic import Traffic

DENSE = {"model": "Llama-3.1-8B-Instruct", "gpu": "H100", "isl": 1024, "osl": 256}
EXPERTS = {"model": "Mixtral-8x7B-Instruct-v0.1", "gpu": "A100-80", "tp": 2, "isl": 4096, "osl": 256}


def asked(question: dict[str, object], used: float, **traffic: object) -> tuple[Replica, Traffic]:
    """Arrivals at this share of the capacity."""
    found = parse({**question, "request_rate": 1, "max_model_len": 8192, **traffic})
    assert found.traffic is not None
    return found.replica, found.traffic.at_rate(used * capacity_per_s(found.replica, found.traffic))


@settings(deadline=None, max_examples=60)
@given(st.sampled_from([DENSE, EXPERTS]), st.floats(0.05, 0.95), st.floats(0.7, 1.15), st.sampled_from([1.0, 0.25]))
def test_costs_are_drawn_out_as_far_as_what_requests_see_asks_for(
    question: dict[str, object], used: float, longer: float, burstiness: float
) -> None:
    """The fixed point, under the costs that were found, says the time between tokens that was wanted, and the batch."""
    r, t = asked(question, used, burstiness=burstiness)
    rate, limit = t.request_rate, r.max_batch(t.isl + t.osl)
    wanted = open_steps(r, t, rate, limit=limit)[1] * longer
    stretch, batch = drawn_out(r, t, rate, limit=limit, token_s=wanted)
    again = open_steps(r, t, rate, limit=limit, stretch=stretch)
    assert again == pytest.approx((batch, wanted), rel=0.03)
    assert abs(stretch - 1) <= abs(longer - 1) + 1e-9


def test_longer_steps_make_a_longer_queue_and_nothing_else_does() -> None:
    """The first token is what nobody hinders, as measured points say of first tokens, and a queue of the steps, as they say of steps."""
    r, t = asked(DENSE, 0.8)
    limit, point = r.max_batch(t.isl + t.osl), operating_point(r, t)
    batch, itl = open_steps(r, t, t.request_rate, limit=limit)
    found = queue(r, t, t.request_rate, limit=limit, token_s=itl * by_neighbours("step", r, t))
    alone = unhindered_s(r, t, step_s=r.step_s(batch, t.context)) * by_neighbours("ttft", r, t)
    assert point.ttft_s == pytest.approx(alone + found.wait.mean_s)
    longer = queue(r, t, t.request_rate, limit=limit, token_s=itl)
    assert by_neighbours("step", r, t) < 0.95
    assert found.wait.mean_s < longer.wait.mean_s
    assert found.step_s < longer.step_s
