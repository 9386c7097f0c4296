"""What the provider makes of AWS's refusals while it deletes: gone, still in use, or an error."""

from __future__ import annotations

import pytest
from botocore.exceptions import ClientError

from inferstack.sandbox.provider.cloud import refusals

IN_USE = {
    "DependencyViolation", "DeleteConflict", "ResourceInUse", "ResourceInUseException", "InvalidGroup.InUse", "ScalingActivityInProgress",
    "InvalidIPAddress.InUse", "AuthFailure.InUse", "OperationAborted",
}  # fmt: skip


def error(code: str, message: str = "said AWS") -> ClientError:
    return ClientError({"Error": {"Code": code, "Message": message}}, "Delete")


@pytest.mark.parametrize("code", sorted(IN_USE))
def test_a_resource_that_another_holds_is_in_use(code: str) -> None:
    """Each of these passes once the other one is gone, so the deletion is tried again."""
    assert refusals.is_in_use(error(code))
    assert not refusals.is_gone(error(code))


def test_the_codes_of_use_are_these() -> None:
    """A code that is added is added here too."""
    assert IN_USE == set(refusals.IN_USE)
    assert not refusals.is_in_use(error("AuthFailure"))


@pytest.mark.parametrize(
    ("code", "message", "gone"),
    [
        ("InvalidVpcID.NotFound", "", True),
        ("NoSuchEntity", "", True),
        ("NoSuchBucket", "", True),
        ("404", "", True),
        ("4040", "", False),
        ("ValidationError", "AutoScalingGroup name not found", True),
        ("ValidationError", "1 is not between 2 and 3", False),
        ("AccessDenied", "not found", False),
    ],
)
def test_what_is_not_there_is_gone(code: str, message: str, gone: bool) -> None:
    """By the code; Auto Scaling says it in words."""
    assert gone is refusals.is_gone(error(code, message))
