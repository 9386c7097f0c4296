"""Refused launches of an Auto Scaling group, by zone: which of them another zone may still mend, and which are the verdict.

Auto Scaling distributes by best effort unless told otherwise: a launch that fails in one zone is tried in another
(https://docs.aws.amazon.com/autoscaling/ec2/APIReference/API_AvailabilityZoneDistribution.html, read 2026-11-30).
"""

from __future__ import annotations

import json
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from inferstack.records.errors import CloudRefused, RefusalKind
from infra.calls import refusals
from infra.calls.aws import Aws

ZONAL = frozenset({*refusals.CAPACITY, "Unsupported"})
ZONE_NAME = re.compile(r"\b[a-z]{2}(?:-[a-z]+)+-\d[a-z]\b")
UNKNOWN_ZONE = "an unnamed zone"
KEPT_RECORDS = 50


@dataclass(frozen=True)
class ZoneRefusal:
    """One zone's newest refusal."""

    zone: str
    code: str
    said: CloudRefused


@dataclass
class Launches:
    """The failed launches of a group since this object was made; `refused` holds one for each zone."""

    aws: Aws
    group_name: str
    instance_type: str | None
    refused: dict[str, ZoneRefusal] = field(default_factory=dict)
    _seen: set[str] = field(default_factory=set)

    def __post_init__(self) -> None:
        self._seen = {str(one["ActivityId"]) for one in self._activities()}

    def look(self) -> tuple[ZoneRefusal, ...]:
        """The refusals that came since the last look. Raises CloudRefused for one that no other zone can mend."""
        found = []
        for activity in reversed(self._activities()):
            if activity["ActivityId"] in self._seen or activity["StatusCode"] not in {"Failed", "Cancelled"}:
                continue
            self._seen.add(str(activity["ActivityId"]))
            found.append(self._refusal(activity))
        for one in found:
            if one.said.kind != "throttled":
                self.refused[one.zone] = one
        return tuple(found)

    def verdict(self, *, what: str) -> CloudRefused:
        """What all zones said, in one line; `what` is what was asked for."""
        kinds = {one.said.kind for one in self.refused.values()}
        kind: RefusalKind = "capacity" if "capacity" in kinds else "unsupported"
        tried = ", ".join(f"{one.zone} ({one.code})" for _, one in sorted(self.refused.items()))
        last = next(one for one in reversed(self.refused.values()) if one.said.kind == kind)
        return CloudRefused(f"{kind}: {what} refused in {tried}; {_without(last.said.message, kind)}", kind=kind, hint=last.said.hint)

    def _refusal(self, activity: Mapping[str, Any]) -> ZoneRefusal:
        text = str(activity.get("StatusMessage") or activity.get("Cause", ""))
        code = refusals.code_in(text)
        said = refusals.explained_text(text, instance_type=self.instance_type, region=self.aws.region)
        if code not in ZONAL and said.kind != "throttled":
            raise said
        return ZoneRefusal(_zone(activity, text), code, said)

    def _activities(self) -> Sequence[Mapping[str, Any]]:
        client = self.aws.client("autoscaling")
        answer = client.describe_scaling_activities(AutoScalingGroupName=self.group_name, MaxRecords=KEPT_RECORDS)
        return list(answer.get("Activities", ()))


def _zone(activity: Mapping[str, Any], text: str) -> str:
    """AWS writes the zone into the details of an activity; its sentence names the refused zone before the ones to choose."""
    try:
        named = json.loads(activity.get("Details") or "{}").get("Availability Zone")
    except (ValueError, AttributeError):
        named = None
    found = ZONE_NAME.search(text)
    return str(named) if named else found.group(0) if found else UNKNOWN_ZONE


def _without(message: str, kind: str) -> str:
    return message.removeprefix(f"{kind}: ")
