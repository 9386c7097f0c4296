"""The repair of a state deletes nothing in silence, never data, and concludes nothing from a kind that AWS does not list."""

from __future__ import annotations

from typing import Any

import pytest
from test_sweep import STACK, network, tags
from test_sweep_refused import DENIED, answered

from inferstack.records.errors import InputError
from inferstack.records.receipt import Item
from infra import naming
from infra.calls.aws import Aws
from stacks.engine import repair

OURS = [{"Key": naming.STACK_TAG, "Value": STACK}]


def mended(aws: Aws, *resources: dict[str, Any], **more: Any) -> repair.Repaired:
    return repair.mended({"resources": list(resources)}, aws, stack=STACK, lifted=False, **more)[1]


def addresses(aws: Aws) -> int:
    return len(aws.client("ec2").describe_addresses()["Addresses"])


def test_what_would_be_deleted_is_shown_first_and_a_refusal_deletes_nothing(aws: Aws) -> None:
    """`up` and `extend` ask; the answer no leaves everything as it is."""
    network(aws)
    shown: list[Item] = []

    def no(found: tuple[Item, ...]) -> None:
        shown.extend(found)
        raise InputError("not confirmed")

    with pytest.raises(InputError, match="not confirmed"):
        mended(aws, approve=no)
    assert {"Eip", "NatGateway", "Route", "SecurityGroup"} == {one.type.split(":")[-1] for one in shown}
    assert 1 == addresses(aws)


def test_what_was_deleted_is_answered_with_the_way_it_was_found(aws: Aws) -> None:
    """So that it stands in the receipt."""
    aws.client("ec2").allocate_address(Domain="vpc", TagSpecifications=tags("elastic-ip"))
    removed = mended(aws).removed
    assert ["found by tag; not in the state, deleted by the repair"] == [one.note for one in removed]
    assert 0 == addresses(aws)


def test_data_is_never_deleted(aws: Aws) -> None:
    """Neither a key, nor a bucket, nor a secret that the program did not make, whatever tag they carry."""
    kms, secrets = aws.client("kms"), aws.client("secretsmanager")
    key = kms.create_key(Tags=[{"TagKey": naming.STACK_TAG, "TagValue": STACK}])["KeyMetadata"]["KeyId"]
    secrets.create_secret(Name=f"inferstack/{STACK}/extra", SecretString="x", Tags=OURS)
    secrets.create_secret(Name=naming.api_key_secret(STACK), SecretString="x", Tags=OURS)
    done = mended(aws)
    assert [naming.api_key_secret(STACK)] == [one.name for one in done.removed], "the stack's own is made anew"
    assert {key, f"inferstack/{STACK}/extra"} == {one.name or one.id for one in done.kept}
    assert "Enabled" == kms.describe_key(KeyId=key)["KeyMetadata"]["KeyState"]


def test_a_key_that_its_alias_names_stops_the_command(aws: Aws) -> None:
    """A lost state of a base: whatever was encrypted with the key would be lost with it."""
    kms = aws.client("kms")
    kms.create_alias(AliasName=naming.key_alias(STACK), TargetKeyId=kms.create_key()["KeyMetadata"]["KeyId"])
    with pytest.raises(InputError, match="data encrypted with it") as told:
        mended(aws)
    assert "restore the state" in str(told.value.hint)


def test_a_kind_that_is_not_listed_has_not_vanished(aws: Aws) -> None:
    """Else a denied call would drop the resource from the state, and the next `up` would make a second one."""
    resource = {"type": "aws:ec2/eip:Eip", "id": "eipalloc-1", "urn": "urn:pulumi:x::inferstack::aws:ec2/eip:Eip::nat-address"}
    assert ("nat-address",) == mended(aws, resource).vanished
    with answered(aws, lambda name: DENIED if name == "ec2.DescribeAddresses" else None):
        assert () == mended(aws, resource).vanished


def test_the_sweep_leaves_foreign_data_and_says_so(aws: Aws) -> None:
    """It is named with its reason, and the rest goes without waiting for a deadline."""
    aws.client("secretsmanager").create_secret(Name=f"inferstack/{STACK}/extra", SecretString="x", Tags=OURS)
    network(aws)
    from test_sweep import quick

    result = quick(aws)
    assert [f"inferstack/{STACK}/extra"] == [one.name for one in result.left]
    assert "did not create" in result.left[0].note
