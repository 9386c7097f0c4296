"""An injected fault ends in one clear line that says which kind it is and what to do next; exit 4; the state is safe."""

from __future__ import annotations

import pytest

from tests.e2e.conftest import PLAN, Checkout

pytestmark = pytest.mark.e2e

STACK = "faulty"
FAULTS = {
    "InsufficientInstanceCapacity": ("capacity", 4),
    "VcpuLimitExceeded": ("quota", 4),
    "UnauthorizedOperation@CreateLaunchTemplate": ("permission", 4),
    "Throttling@CreateLogGroup": ("throttl", 4),
    "ProviderKilled@LaunchTemplate": ("provider", 4),
}


def test_each_fault_is_told_apart_and_the_next_up_converges(checkout: Checkout) -> None:
    """Quota, capacity, permission, throttling and a killed provider, one after another on one stack; then a clean up and down."""
    checkout.run("plan", "--stack", STACK, "--rehearse", *PLAN)
    for fault, (word, code) in FAULTS.items():
        done = checkout.run("up", "--stack", STACK, "--yes", "--fault", fault, code=code)
        error = done.stderr
        assert word in error.lower(), f"{fault}: {error[-1500:]}"
        assert "Traceback" not in error
        assert 1 == error.count("Error:"), f"{fault}: {error[-1500:]}"
    checkout.run("up", "--stack", STACK, "--yes", "--fault", "SlowCreate@LogGroup")
    checkout.run("down", "--stack", STACK, "--yes")
    assert {} == checkout.left_on_this_machine()


def test_a_fault_outside_a_rehearsal_is_refused(checkout: Checkout) -> None:
    """Faults are for rehearsals: exit 2, nothing changed."""
    checkout.run("plan", "--stack", "real", *PLAN)
    before = sorted(path.name for path in checkout.work("real").rglob("*"))
    done = checkout.run("up", "--stack", "real", "--yes", "--fault", "VcpuLimitExceeded", code=2)
    assert "rehears" in done.stderr
    assert before == sorted(path.name for path in checkout.work("real").rglob("*"))
