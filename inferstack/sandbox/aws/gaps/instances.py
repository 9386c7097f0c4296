"""EC2 instances: a reboot reaches the host behind; a group member that is stopped or started makes the fleet look."""

from __future__ import annotations

from typing import Any

from moto.ec2.models.instances import Instance

from inferstack.sandbox.aws.gaps.patch import Patch
from inferstack.sandbox.aws.world import SandboxWorld


def patches(world: SandboxWorld) -> list[Patch]:
    def rebooting(moto: Any) -> Any:
        def reboot(self: Instance) -> None:
            moto(self)
            world.reboot(self.id)

        return reboot

    def waking(moto: Any) -> Any:
        def changed(self: Instance) -> Any:
            before = moto(self)
            world.wake()
            return before

        return changed

    return [Patch(Instance, "reboot", rebooting), *(Patch(Instance, name, waking) for name in ("start", "stop", "terminate"))]
