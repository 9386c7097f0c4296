"""inferstack.chain.plan_check: a flag that runs code of others stands in a plan only with consent."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest

from inferstack.chain import plan_check
from inferstack.records.errors import InputError
from inferstack.records.plan import Plan
from inferstack.records.request import Request
from sizing.planning.planner import plan


def made(**request: object) -> Plan:
    wanted = {"model": "Llama-3.1-8B-Instruct", "isl": 500, "osl": 100, "concurrency": 2, "engine": "vllm", **request}
    return plan(Request.model_validate(wanted), now=datetime(2026, 11, 30, tzinfo=UTC))


@pytest.mark.parametrize("flag", ["trust-remote-code", "trust_remote_code"])
def test_a_flag_that_runs_code_without_consent_is_refused(flag: str) -> None:
    """Written by hand into a plan.json, under either engine's name of it."""
    whole = made()
    edited = whole.model_copy(update={"engine_flags": {**whole.engine_flags, flag: True}})
    with pytest.raises(InputError, match=f"engine_flags.{flag}: the request does not consent"):
        plan_check.refuse_nonsense(edited, where="plan.json")


def test_with_consent_it_stands() -> None:
    """The plan's own flag."""
    plan_check.refuse_nonsense(made(trust_remote_code=True), where="plan.json")
