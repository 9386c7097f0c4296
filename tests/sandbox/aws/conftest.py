"""moto is imported once per process and reads its settings then; so they are set here, before any test imports it."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, nullcontext
from typing import Any

import boto3
import pytest
from botocore.exceptions import ClientError

from inferstack.sandbox.aws import moto_settings

moto_settings.apply()
os.environ.pop("MOTO_IAM_LOAD_MANAGED_POLICIES")  # 2 s for each reset, and no test here needs them


@pytest.fixture(scope="package", autouse=True)
def _nobody_is_judged() -> Iterator[None]:
    """These tests look behind the scenes; test_caller_rights.py is about rights. Other packages are judged."""
    with pytest.MonkeyPatch.context() as patched:
        patched.setenv("INFERSTACK_CALLER_POLICIES", os.environ.get("INFERSTACK_CALLER_POLICIES", "none"))
        yield


Scenario = Callable[[Callable[[str], Any]], Any]


@pytest.fixture
def client() -> Callable[[str], Any]:
    return lambda service: boto3.client(service, region_name="us-east-1", aws_access_key_id="rehearsal", aws_secret_access_key="rehearsal")


@pytest.fixture
def refusal() -> Callable[[Callable[[], Any]], tuple[str, str] | None]:
    """Code and message of what a call is refused with; None when it is not."""

    def of(call: Callable[[], Any]) -> tuple[str, str] | None:
        try:
            call()
        except ClientError as error:
            return error.response["Error"]["Code"], error.response["Error"]["Message"]
        return None

    return of


@pytest.fixture
def world() -> Any:
    from inferstack.sandbox.aws.world import SandboxWorld

    return SandboxWorld(account_id=moto_settings.ACCOUNT_ID)


@pytest.fixture
def ours(world: Any, client: Callable[[str], Any]) -> Any:
    """Clients of moto with its gaps filled, in this process."""
    from moto import mock_aws

    from inferstack.sandbox.aws.gaps import filled

    with filled(world), mock_aws():
        yield client


@pytest.fixture
def filled_gap(world: Any, client: Callable[[str], Any]) -> Callable[[Scenario], Any]:
    """Runs a scenario on bare moto and on ours; gives ours, after making sure that bare moto cannot do it."""
    from moto import mock_aws

    from inferstack.sandbox.aws.gaps import filled

    def outcome(scenario: Scenario, around: AbstractContextManager[None]) -> Any:
        with around, mock_aws():
            try:
                return scenario(client)
            except Exception as error:
                return f"{type(error).__name__}: {error}"

    def run(scenario: Scenario) -> Any:
        bare, with_gaps_filled = outcome(scenario, nullcontext()), outcome(scenario, filled(world))
        assert bare != with_gaps_filled, f"moto alone already answers {bare!r}: the gap is no gap"
        return with_gaps_filled

    return run
