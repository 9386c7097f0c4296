"""What cloud-init is told at the first boot: one login and its public key. No secret ever stands here. Pure."""

from __future__ import annotations

import base64
import json

LOGIN = "ubuntu"


def cloud_config(public_key: str) -> str:
    """The #cloud-config text; JSON is YAML, so a key cannot break out of its place."""
    user = {
        "name": LOGIN,
        "groups": "sudo",
        "shell": "/bin/bash",
        "sudo": "ALL=(ALL) NOPASSWD:ALL",
        "lock_passwd": True,
        "ssh_authorized_keys": [public_key.strip()],
    }
    content = {"disable_root": True, "ssh_pwauth": False, "users": [user]}
    return "#cloud-config\n" + json.dumps(content, indent=1) + "\n"


def encoded(public_key: str) -> str:
    return base64.b64encode(cloud_config(public_key).encode()).decode()
