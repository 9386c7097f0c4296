"""CloudWatch Logs: a key may be associated later, and tags answer for both forms of a group's ARN (with and without `:*`)."""

from __future__ import annotations

from typing import Any

from moto.logs.exceptions import ResourceNotFoundException
from moto.logs.models import LogsBackend
from moto.logs.responses import LogsResponse

from inferstack.sandbox.aws.gaps.patch import Patch
from inferstack.sandbox.aws.world import SandboxWorld


def patches(world: SandboxWorld) -> list[Patch]:
    return [
        Patch(LogsResponse, "associate_kms_key", lambda _: _associate),
        Patch(LogsResponse, "disassociate_kms_key", lambda _: _disassociate),
        Patch(LogsBackend, "list_tags_for_resource", _by_short_arn),
        Patch(LogsBackend, "tag_resource", _by_short_arn),
        Patch(LogsBackend, "untag_resource", _by_short_arn),
    ]


def _by_short_arn(moto: Any) -> Any:
    def on_resource(self: LogsBackend, resource_arn: str, *more: Any) -> Any:
        return moto(self, resource_arn.removesuffix(":*"), *more)

    return on_resource


def _associate(self: LogsResponse) -> str:
    _group(self).kms_key_id = self._get_param("kmsKeyId")
    return ""


def _disassociate(self: LogsResponse) -> str:
    _group(self).kms_key_id = None
    return ""


def _group(self: LogsResponse) -> Any:
    name = self._get_param("logGroupName") or str(self._get_param("resourceIdentifier")).split(":log-group:")[-1].removesuffix(":*")
    if name not in self.logs_backend.groups:
        raise ResourceNotFoundException()
    return self.logs_backend.groups[name]
