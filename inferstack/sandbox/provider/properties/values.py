"""What can be said of two property trees: known or not, the same in meaning or not, and one seen through the shape of the other."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

from inferstack.sandbox.provider.properties.wire import UNKNOWN, Secret


class Given(dict[str, Any]):
    """Inputs as a request reads them: what was left out, or is not known yet, is None."""

    def __missing__(self, name: str) -> None:
        return None


def plain(tree: Any) -> Any:
    """The tree without its secret wrappers."""
    if isinstance(tree, Secret):
        return plain(tree.value)
    if isinstance(tree, Mapping):
        return {name: plain(value) for name, value in tree.items()}
    return [plain(value) for value in tree] if isinstance(tree, list) else tree


def given(tree: Any) -> Any:
    """The tree without secrets, internal keys, unknowns and nulls; every mapping answers None for a missing name."""
    if isinstance(tree, Secret):
        return given(tree.value)
    if isinstance(tree, Mapping):
        kept = {name: given(value) for name, value in tree.items() if not name.startswith("__")}
        return Given({name: value for name, value in kept.items() if value is not None})
    if isinstance(tree, list):
        return [value for value in map(given, tree) if value is not None]
    return None if tree == UNKNOWN else tree


def has_unknown(tree: Any) -> bool:
    if isinstance(tree, Secret):
        return has_unknown(tree.value)
    if isinstance(tree, Mapping):
        return any(map(has_unknown, tree.values()))
    return any(map(has_unknown, tree)) if isinstance(tree, list) else bool(tree == UNKNOWN)


def same(one: Any, other: Any) -> bool:
    """Equal in meaning: secrets unwrapped, absent equals empty, JSON documents parsed, lists of scalars are sets."""
    one, other = plain(one), plain(other)
    if has_unknown(one) or has_unknown(other):
        return False
    return bool(_meaning(one) == _meaning(other))


def project(wanted: Any, found: Any) -> Any:
    """`found` seen through `wanted`: `wanted` itself where AWS agrees, AWS's value where it does not; what AWS adds is left out."""
    if isinstance(wanted, Secret):
        seen = project(wanted.value, found)
        return wanted if seen is wanted.value or same(seen, wanted.value) else Secret(seen)
    if same(wanted, found):
        return wanted
    if isinstance(wanted, Mapping) and isinstance(found, Mapping):
        return {name: _member(name, value, found[name]) if name in found else value for name, value in wanted.items()}
    if isinstance(wanted, list) and isinstance(found, list) and len(wanted) == len(found) and any(isinstance(v, Mapping) for v in wanted):
        return [project(value, _partner(value, found, index)) for index, value in enumerate(wanted)]
    return found


def project_map(wanted: Any, found: Mapping[str, Any]) -> Any:
    """Project a value of AWS on what was wanted: every key of a map counts, also one that only AWS has; a block's members that only AWS
    has are its defaults."""
    own = wanted.value if isinstance(wanted, Secret) else wanted or {}
    seen = {key: own[key] if same(own.get(key), value) else value for key, value in found.items()}
    return Secret(seen) if isinstance(wanted, Secret) else seen


def _member(name: str, wanted: Any, found: Any) -> Any:
    if name == "tags" and isinstance(found, Mapping):
        return project_map(wanted, found)
    return project(wanted, found)


def _partner(value: Any, found: list[Any], index: int) -> Any:
    """AWS does not keep the order of a set of blocks: take the one that agrees, else the one in the same place."""
    for candidate in found:
        if same(project(value, candidate) if isinstance(candidate, Mapping) else candidate, value):
            return candidate
    return found[index]


def _meaning(value: Any) -> Any:
    if isinstance(value, Mapping):
        parts = {name: _meaning(each) for name, each in value.items() if not name.startswith("__")}
        return {name: each for name, each in parts.items() if each is not None}
    if isinstance(value, list):
        members = [_meaning(each) for each in value]
        if any(isinstance(each, (dict, list)) for each in members):
            return members
        return sorted(members, key=str) or None
    if isinstance(value, str) and value[:1] in "{[" and value:
        return _document(value)
    return value if value != "" else None


def _document(text: str) -> Any:
    try:
        return ("json", json.dumps(_listed(json.loads(text)), sort_keys=True))
    except ValueError:
        return text


def _listed(value: Any) -> Any:
    """IAM reads a single string and a list of one as the same thing."""
    if isinstance(value, dict):
        return {name: _listed(each) for name, each in value.items()}
    if isinstance(value, list):
        return _listed(value[0]) if len(value) == 1 else [_listed(each) for each in value]
    return value
