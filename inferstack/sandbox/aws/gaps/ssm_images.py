"""The public SSM parameter of the Deep Learning image, answered with the recorded id."""

from __future__ import annotations

import json
from typing import Any

from moto.core.utils import utcnow
from moto.ssm.models import Parameter, ParameterDict

from inferstack.sandbox.aws.gaps.patch import Patch
from inferstack.sandbox.aws.moto_settings import AMIS
from inferstack.sandbox.aws.world import SandboxWorld

NAME = "/aws/service/deeplearning/ami/x86_64/base-oss-nvidia-driver-gpu-ubuntu-24.04/latest/ami-id"


def patches(world: SandboxWorld) -> list[Patch]:
    return [Patch(ParameterDict, "_check_loading_status", _loading)]


def _loading(moto: Any) -> Any:
    def _check_loading_status(self: ParameterDict, key: str) -> None:
        moto(self, key)
        if str(key or "").startswith("/aws/service/deeplearning/") and NAME not in dict.keys(self):
            dict.__setitem__(self, NAME, [_parameter(self)])

    return _check_loading_status


def _parameter(self: ParameterDict) -> Parameter:
    image = json.loads(AMIS.read_text(encoding="utf-8"))[0]["ami_id"]
    return Parameter(
        account_id=self.account_id,
        name=NAME,
        value=image,
        parameter_type="String",
        description=None,
        allowed_pattern=None,
        keyid=None,
        last_modified_date=utcnow(),
        version=1,
        data_type="aws:ec2:image",
    )
