"""Every resource type that the rehearsal has. A file below this folder with a function `types` is found by itself."""

from __future__ import annotations

import importlib
import pkgutil
from collections.abc import Iterator

from inferstack.sandbox.provider import resources
from inferstack.sandbox.provider.resources.resource_type import ResourceType


def by_token() -> dict[str, ResourceType]:
    """Return the types of all files by their Pulumi token. Two files with one token are a mistake of whoever wrote them."""
    found: dict[str, ResourceType] = {}
    for each in _listed():
        if each.token in found:
            raise ValueError(f"two files hold the resource type {each.token}")
        found[each.token] = each
    return found


def _listed() -> Iterator[ResourceType]:
    for module in pkgutil.walk_packages(resources.__path__, f"{resources.__name__}."):
        if module.name != __name__:
            yield from getattr(importlib.import_module(module.name), "types", tuple)()


TYPES = by_token()
