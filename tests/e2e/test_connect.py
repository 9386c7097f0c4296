"""What `up` built can be called: the line that `connect` prints, pasted into another shell, is answered by the engine."""

from __future__ import annotations

import json
import signal
import subprocess

import pytest

from tests.e2e.conftest import PLAN, Checkout, wait_for

pytestmark = pytest.mark.e2e

STACK = "called"


def test_the_printed_line_is_answered_by_the_engine(checkout: Checkout) -> None:
    """Through the session, TLS and the key; `up` names the verb and no URL that resolves nowhere; nothing is left after Ctrl-C."""
    checkout.run("plan", "--stack", STACK, "--rehearse", *PLAN)
    built = checkout.run("up", "--stack", STACK, "--yes").stdout
    assert f"inferstack connect --stack {STACK}" in built and "https://" not in built.partition(" is up: ")[2]
    way = checkout.start("connect", "--stack", STACK)
    log = checkout.folder / "started.log"
    line = wait_for(
        lambda: next((line for line in log.read_text().splitlines() if line.startswith("curl ")), None), within_s=60, what="a way"
    )
    answer = subprocess.run(["sh", "-c", line], capture_output=True, text=True, timeout=60, check=False)
    assert 0 == answer.returncode, answer.stderr
    assert 32 == json.loads(answer.stdout)["usage"]["completion_tokens"]
    way.send_signal(signal.SIGINT)
    assert 0 == way.wait(30)
    assert [] == list(checkout.work(STACK).rglob("authorization.txt"))
    checkout.run("bench", "--stack", STACK, "--concurrency", "2", "--num-requests", "4")
    verdict = json.loads(checkout.work(STACK, "current", "verdict.json").read_text())
    assert ("open", "closed", 2) == (
        verdict["planned_load"]["kind"],
        verdict["measured_load"]["kind"],
        verdict["measured_load"]["concurrency"],
    )
    checkout.run("down", "--stack", STACK, "--yes")
    assert {} == checkout.left_on_this_machine()
