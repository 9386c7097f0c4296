"""The operating system that an instance is billed with: what a program says of it. An image that nobody reads is taken for Linux."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

from inferstack.pricing.bill.registration import UNKNOWN, switched_on

LINUX = "as Linux: the image is not read"
FREE_PLATFORMS = ("linux/unix", "linux", "linux/unix (amazon vpc)")
WORDS = {
    "windows-sql": re.compile(r"windows.*sql|sql.*windows", re.IGNORECASE),
    "windows": re.compile(r"windows", re.IGNORECASE),
    "rhel": re.compile(r"red.?hat|(?<![a-z])rhel", re.IGNORECASE),
    "suse": re.compile(r"suse|(?<![a-z])sles", re.IGNORECASE),
    "linux-sql": re.compile(r"sql", re.IGNORECASE),
}
"""By the part of the key of its rates, such as ec2/on-demand-windows/g6e.xlarge; the first that is found holds."""


def named(platform: Any) -> str | None:
    """Return the platform that a reservation or a block names; None for Linux without software in its price, which has the plain rates."""
    text = str(platform or "")
    if text.lower() in ("", *FREE_PLATFORMS):
        return None
    return next((key for key, words in WORDS.items() if words.search(text)), "unknown" if text == UNKNOWN else _key(text))


def of_image(inputs: Mapping[str, Any]) -> str | None:
    """Return the platform that an instance's or a launch template's inputs tell: an image by name (a path of SSM), or a setting that
    only Windows has."""
    if switched_on(inputs.get("getPasswordData")):
        return "windows"
    image = str(inputs.get("imageId") or inputs.get("ami") or "")
    return next((key for key, words in WORDS.items() if words.search(image)), None)


def _key(text: str) -> str:
    return re.sub(r"[^a-z0-9]+", "-", text.lower()).strip("-")
