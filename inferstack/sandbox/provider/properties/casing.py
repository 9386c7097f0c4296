"""Pulumi's camelCase and AWS's PascalCase, both ways, for whole trees; what only looks alike is named by the caller."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any


def pascal(tree: Any, renamed: Mapping[str, str] = {}) -> Any:
    if isinstance(tree, Mapping):
        return {renamed.get(name, name[:1].upper() + name[1:]): pascal(value, renamed) for name, value in tree.items()}
    return [pascal(value, renamed) for value in tree] if isinstance(tree, list) else tree


def camel(tree: Any, renamed: Mapping[str, str] = {}) -> Any:
    """`renamed` is the same table as for `pascal`, read backwards."""
    back = {theirs: ours for ours, theirs in renamed.items()}
    if isinstance(tree, Mapping):
        return {back.get(name, name[:1].lower() + name[1:]): camel(value, renamed) for name, value in tree.items()}
    return [camel(value, renamed) for value in tree] if isinstance(tree, list) else tree
