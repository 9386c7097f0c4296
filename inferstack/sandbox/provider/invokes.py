"""Invokes: the aws.get_* functions that the rehearsal has."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from inferstack.sandbox.provider import invoke_account, invoke_ec2, invoke_policy
from inferstack.sandbox.provider.cloud import Cloud
from inferstack.sandbox.provider.mistake import Mistake
from inferstack.sandbox.provider.values import Given, given

__all__ = ["INVOKES", "Mistake", "invoke"]

INVOKES: Mapping[str, Callable[[Cloud, Given], dict[str, Any]]] = {**invoke_account.INVOKES, **invoke_ec2.INVOKES, **invoke_policy.INVOKES}


def invoke(token: str, arguments: Mapping[str, Any], cloud: Cloud) -> dict[str, Any]:
    """The answer; a Mistake names the argument that is wrong."""
    if token not in INVOKES:
        raise Mistake("", f"the rehearsal has no {token}; it has {', '.join(sorted(INVOKES))}")
    asked = given(dict(arguments))
    answer = INVOKES[token](cloud.at(asked["region"]), asked)
    return {**asked, **{name: value for name, value in answer.items() if value is not None}}
