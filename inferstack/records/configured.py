"""Inventory and Configured: which hosts Ansible reached, what it did there, and what then answered."""

from __future__ import annotations

from datetime import datetime
from typing import Any, ClassVar, Literal

from pydantic import Field

from inferstack.records.record import Part, Record
from inferstack.records.serving import Serving


class Host(Part):
    """One node. `variables` are Ansible host variables, without secrets."""

    name: str = Field(pattern=r"^i-[0-9a-f]+$")
    instance_id: str = Field(pattern=r"^i-[0-9a-f]+$")
    private_ip: str
    login_user: str = Field(pattern=r"^[a-z_][a-z0-9_-]{0,31}$")
    variables: dict[str, Any] = Field(default_factory=dict)


class Inventory(Record):
    """`inventory.json`. `variables` are group variables for all hosts, without secrets."""

    file_name: ClassVar[str] = "inventory.json"

    created_at: datetime
    stack: str
    rehearsal: bool
    hosts: tuple[Host, ...]
    variables: dict[str, Any] = Field(default_factory=dict)


class HostResult(Part):
    name: str
    instance_id: str
    ok: int
    changed: int
    failed: int
    unreachable: int
    skipped: int
    ready: bool = Field(description="unit not failed, health 200, and one real completion")
    completion_tokens: int = Field(ge=0, description="of the one real completion")
    weights_manifest_sha256: str | None = Field(
        None, description="of the weights that the running engine was started with, as its process reports"
    )


class CheckedRole(Part):
    """A role that this host cannot run for real; it ran in check mode. On composed facts it is not checked."""

    role: str
    why: str
    result: Literal["ok", "failed", "not checked"]


class Configured(Record):
    """`configured.json`."""

    file_name: ClassVar[str] = "configured.json"

    created_at: datetime
    stack: str
    rehearsal: bool
    planned_model: str
    planned_engine: str
    served_model: str
    served_engine: str
    weights_manifest_sha256: str = Field(pattern=r"^[0-9a-f]{64}$")
    hosts: tuple[HostResult, ...]
    checked_only: tuple[CheckedRole, ...] = ()
    duration_s: float
    serving: Serving | None = Field(None, description="what the nodes were configured to run; absent in records of older versions")
