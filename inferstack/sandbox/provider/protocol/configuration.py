"""What the provider is configured with: a region, the bound account, default tags, and nothing else."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from inferstack.sandbox.provider.cloud import guard
from inferstack.sandbox.provider.properties.values import plain, same
from inferstack.sandbox.provider.properties.wire import UNKNOWN
from inferstack.sandbox.provider.protocol.diff import PropertyDifference, paths

ALLOWED = ("region", "allowedAccountIds", "defaultTags", "version")


@dataclass(frozen=True)
class ProviderSettings:
    region: str
    default_tags: Mapping[str, str] = field(default_factory=dict)


def failures(news: Mapping[str, Any]) -> list[tuple[str, str]]:
    """Answer CheckConfig: name unknown settings, and an account that is not the rehearsal's."""
    found = [(name, f"the rehearsal takes {', '.join(ALLOWED)} only") for name in news if name not in ALLOWED and not name.startswith("__")]
    try:
        guard.account(_parsed(news.get("allowedAccountIds")))
    except guard.RehearsalRefused as refusal:
        found.append(("allowedAccountIds", str(refusal)))
    return found


def settings(args: Mapping[str, Any], variables: Mapping[str, str]) -> ProviderSettings:
    """Answer Configure; destroy and refresh never call CheckConfig, so the account is asked for here again."""
    given = dict(args) or {name.removeprefix("aws:config:"): value for name, value in variables.items()}
    guard.account(_parsed(given.get("allowedAccountIds")))
    if not given.get("region"):
        raise guard.RehearsalRefused("aws:region is not set: pulumi config set aws:region REGION")
    tags = _parsed(given.get("defaultTags")) or {}
    return ProviderSettings(str(plain(given["region"])), {} if tags == UNKNOWN else dict(tags.get("tags") or {}))


def diff(olds: Mapping[str, Any], news: Mapping[str, Any]) -> PropertyDifference:
    """Another region is another place: everything in it is replaced."""
    found = PropertyDifference()
    for name in sorted({*olds, *news} - {"version"}):
        if not same(olds.get(name), news.get(name)):
            found.properties.append(name)
            found.changes |= paths(name, plain(olds.get(name)), plain(news.get(name)))
            found.replaces += [name] if name == "region" else []
    return found


def _parsed(value: Any) -> Any:
    """Return nested settings, which come as JSON text."""
    value = plain(value)
    if isinstance(value, str) and value[:1] in ("[", "{"):
        try:
            return json.loads(value)
        except ValueError:
            return value
    return value
