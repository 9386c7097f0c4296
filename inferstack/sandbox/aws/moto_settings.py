"""What moto reads from the environment when it is imported; set before that import, in the daemon and in its tests."""

from __future__ import annotations

import os
from pathlib import Path

ACCOUNT_ID = "000000000000"
AMIS = Path(__file__).with_name("recorded") / "amis.json"


def apply() -> None:
    """The account is one that AWS gives to nobody; images and instance types must exist, as with EC2."""
    os.environ.update(
        MOTO_ACCOUNT_ID=ACCOUNT_ID,
        MOTO_AMIS_PATH=str(AMIS),
        MOTO_DISABLE_GLOBAL_CORS="true",
        MOTO_EC2_ENABLE_INSTANCE_TYPE_VALIDATION="true",
        MOTO_ENABLE_AMI_VALIDATION="true",
        MOTO_IAM_LOAD_MANAGED_POLICIES="true",
        AWS_EC2_METADATA_DISABLED="true",
    )
