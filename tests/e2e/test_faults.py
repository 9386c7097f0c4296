"""An injected fault ends in one clear line that says which kind it is and what to do next; exit 4; the state is safe."""

from __future__ import annotations

import pytest

from tests.e2e.conftest import PLAN, Checkout

pytestmark = pytest.mark.e2e

STACK = "faulty"
# In the order in which an up meets them, so that each is met: what was made by an earlier run is not made again.
FAULTS = {
    "UnauthorizedOperation@CreateRole": "permission",
    "Throttling@CreateLaunchTemplate": "throttled",
    "ProviderKilled@autoscaling/group": "provider",
    "InsufficientInstanceCapacity": "capacity",
    "VcpuLimitExceeded": "quota",
}


def test_each_fault_is_told_apart_and_the_next_up_converges(checkout: Checkout) -> None:
    """Quota, capacity, permission, throttling and a killed provider, one after another on one stack; then a clean down."""
    checkout.run("plan", "--stack", STACK, "--rehearse", *PLAN)
    for fault, word in FAULTS.items():
        done = checkout.run("up", "--stack", STACK, "--yes", "--fault", fault, code=4)
        error = done.stderr
        assert word in error.lower(), f"{fault}: {error[-1500:]}"
        assert "Traceback" not in error
        assert 1 == error.count("Error:"), f"{fault}: {error[-1500:]}"
    checkout.run("down", "--stack", STACK, "--yes")
    assert {} == checkout.left_on_this_machine()


def test_a_fault_outside_a_rehearsal_is_refused(checkout: Checkout) -> None:
    """Faults are for rehearsals: exit 2, nothing changed."""
    checkout.run("plan", "--stack", "real", *PLAN)
    before = sorted(path.name for path in checkout.work("real").rglob("*"))
    done = checkout.run("up", "--stack", "real", "--yes", "--fault", "VcpuLimitExceeded", code=2)
    assert "rehears" in done.stderr
    assert before == sorted(path.name for path in checkout.work("real").rglob("*"))
