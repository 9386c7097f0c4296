"""Invokes: the aws.get_* functions that the rehearsal has."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from inferstack.sandbox.provider.cloud.clients import Cloud
from inferstack.sandbox.provider.cloud.refusals import Mistake
from inferstack.sandbox.provider.invokes import account, ec2, policy
from inferstack.sandbox.provider.properties.values import Given, given

INVOKES: Mapping[str, Callable[[Cloud, Given], dict[str, Any]]] = {**account.INVOKES, **ec2.INVOKES, **policy.INVOKES}


def invoke(token: str, arguments: Mapping[str, Any], cloud: Cloud) -> dict[str, Any]:
    """The answer; a Mistake names the argument that is wrong."""
    if token not in INVOKES:
        raise Mistake("", f"the rehearsal has no {token}; it has {', '.join(sorted(INVOKES))}")
    asked = given(dict(arguments))
    answer = INVOKES[token](cloud.at(asked["region"]), asked)
    return {**asked, **{name: value for name, value in answer.items() if value is not None}}
