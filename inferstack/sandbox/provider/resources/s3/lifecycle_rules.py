"""The rules of a bucket's lifecycle: Pulumi's names and S3's, both ways, and what S3 refuses."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

from inferstack.sandbox.provider.properties.casing import camel, pascal
from inferstack.sandbox.provider.resources.tags import mapping, pairs

RENAMED = {"id": "ID", "noncurrentVersionTransitions": "NoncurrentVersionTransitions"}
ACTIONS = ("abortIncompleteMultipartUpload", "expiration", "noncurrentVersionExpiration", "noncurrentVersionTransitions", "transitions")


def rules(given: Iterable[Mapping[str, Any]] | None) -> list[dict[str, Any]]:
    return [_rule(each) for each in given or ()]


def shown(found: Iterable[Mapping[str, Any]]) -> list[dict[str, Any]]:
    return [_shown(each) for each in found]


def wrong(given: Iterable[Mapping[str, Any]] | None) -> dict[str, str]:
    """S3 takes no rule without an action."""
    idle = [index for index, rule in enumerate(given or ()) if not any(rule.get(action) for action in ACTIONS)]
    return {f"rules[{index}]": f"a rule needs one of {', '.join(ACTIONS)}" for index in idle}


def _rule(rule: Mapping[str, Any]) -> dict[str, Any]:
    body: dict[str, Any] = pascal({name: value for name, value in rule.items() if name != "filter"}, RENAMED)
    if "prefix" not in rule:
        body["Filter"] = _filter(rule.get("filter") or {})
    return body


def _filter(given: Mapping[str, Any]) -> dict[str, Any]:
    """An empty filter means the whole bucket; S3 wants that said as an empty prefix."""
    body: dict[str, Any] = pascal({name: value for name, value in given.items() if name not in ("and", "tag")})
    if given.get("tag"):
        body["Tag"] = {"Key": given["tag"]["key"], "Value": given["tag"]["value"]}
    if given.get("and"):
        rest = {name: value for name, value in given["and"].items() if name != "tags"}
        body["And"] = {**pascal(rest), "Tags": pairs(given["and"].get("tags"))}
    return body or {"Prefix": ""}


def _shown(rule: Mapping[str, Any]) -> dict[str, Any]:
    found: dict[str, Any] = camel({name: value for name, value in rule.items() if name != "Filter"}, RENAMED)
    if "Filter" in rule:
        found["filter"] = _shown_filter(rule["Filter"])
    return found


def _shown_filter(found: Mapping[str, Any]) -> dict[str, Any]:
    filter: dict[str, Any] = camel({name: value for name, value in found.items() if name not in ("And", "Tag")})
    if "Tag" in found:
        filter["tag"] = {"key": found["Tag"]["Key"], "value": found["Tag"]["Value"]}
    if "And" in found:
        rest = {name: value for name, value in found["And"].items() if name != "Tags"}
        filter["and"] = {**camel(rest), "tags": mapping(found["And"].get("Tags"))}
    return filter
