"""KMS: ScheduleKeyDeletion takes an ARN too and says the key's state; a key that waits for its deletion encrypts nothing."""

from __future__ import annotations

import json
from typing import Any

from moto.core.exceptions import JsonRESTError
from moto.kms.responses import KmsResponse

from inferstack.sandbox.aws.gaps.patch import Patch
from inferstack.sandbox.aws.world import SandboxWorld

MIN_DAYS, MAX_DAYS = 7, 30


def patches(world: SandboxWorld) -> list[Patch]:
    return [Patch(KmsResponse, "schedule_key_deletion", lambda _: _schedule_key_deletion)]


def _schedule_key_deletion(self: KmsResponse) -> str:
    asked = self._get_param("KeyId")
    self._validate_cmk_id(asked)
    key: Any = self.kms_backend.keys[self.kms_backend.get_key_id(asked)]
    days = int(self._get_param("PendingWindowInDays") or MAX_DAYS)
    if not MIN_DAYS <= days <= MAX_DAYS:
        raise JsonRESTError("ValidationException", f"PendingWindowInDays must be from {MIN_DAYS} to {MAX_DAYS}")
    if key.key_state == "PendingDeletion":
        raise JsonRESTError("KMSInvalidStateException", f"{key.arn} is pending deletion.")
    date = self.kms_backend.schedule_key_deletion(key.id, days)
    return json.dumps({"KeyId": key.arn, "DeletionDate": date, "KeyState": key.key_state, "PendingWindowInDays": days})
