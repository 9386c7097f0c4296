"""Tags as maps here and as lists of pairs there, and the taggers of the services."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

from inferstack.sandbox.provider.cloud.clients import Cloud
from inferstack.sandbox.provider.resources.resource_type import State, Tagger


def pairs(tags: Mapping[str, str] | None) -> list[dict[str, str]] | None:
    return [{"Key": key, "Value": value} for key, value in tags.items()] if tags else None


def mapping(found: Iterable[Mapping[str, str]] | None) -> dict[str, str]:
    """AWS's own tags (aws:...) are not the program's. KMS says TagKey where the others say Key."""
    named = {each.get("Key") or each["TagKey"]: each.get("Value", each.get("TagValue", "")) for each in found or ()}
    return {key: value for key, value in named.items() if not key.startswith("aws:")}


def at_creation(resource_type: str, tags: Mapping[str, str] | None) -> list[dict[str, Any]] | None:
    """EC2's TagSpecifications: tagged from the first moment, so that whatever dies next, a sweep finds it."""
    return [{"ResourceType": resource_type, "Tags": pairs(tags)}] if tags else None


def _ec2_put(cloud: Cloud, state: State, tags: Mapping[str, str]) -> None:
    cloud.client("ec2").create_tags(Resources=[_taggable(state)], Tags=pairs(tags))


def _ec2_drop(cloud: Cloud, state: State, keys: list[str]) -> None:
    cloud.client("ec2").delete_tags(Resources=[_taggable(state)], Tags=[{"Key": key} for key in keys])


def _taggable(state: State) -> str:
    return str(state.get("securityGroupRuleId") or state.get("placementGroupId") or state["id"])


EC2 = Tagger(_ec2_put, _ec2_drop)
