"""What moto reads from the environment when it is imported; set before that import, in the daemon and in its tests."""

from __future__ import annotations

import os

ACCOUNT_ID = "000000000000"


def apply() -> None:
    """The account is one that AWS gives to nobody; images and types are checked as EC2 checks them."""
    os.environ.update(
        MOTO_ACCOUNT_ID=ACCOUNT_ID,
        MOTO_DISABLE_GLOBAL_CORS="true",
        MOTO_IAM_LOAD_MANAGED_POLICIES="true",
        AWS_EC2_METADATA_DISABLED="true",
    )
