"""Check: is this resource one that the rehearsal has, and are its inputs legal? Fills defaults, names and the tags of the provider."""

from __future__ import annotations

import hashlib
import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

from inferstack.sandbox.provider.cloud import request_shapes
from inferstack.sandbox.provider.properties.schema import Reading
from inferstack.sandbox.provider.properties.values import given, has_unknown, plain
from inferstack.sandbox.provider.properties.wire import UNKNOWN, Secret
from inferstack.sandbox.provider.resources.resource_type import Name, ResourceType

Failures = list[tuple[str, str]]


@dataclass(frozen=True)
class CheckContext:
    """What the engine asks about: the logical name, the seed of random names, the inputs of the last time."""

    name: str
    seed: bytes
    olds: Mapping[str, Any]
    default_tags: Mapping[str, str]


def check(kind: ResourceType, news: Mapping[str, Any], asked: CheckContext) -> tuple[dict[str, Any], Failures]:
    """The checked inputs and every failure as (property path, reason)."""
    reading = Reading(kind.token, kind.arguments)
    inputs = {name: value for name, value in reading.inputs(news).items() if value is not None and not name.startswith("__")}
    failures = list(reading.problems)
    defaulted = [name for name in kind.defaults if name not in inputs]
    inputs |= {name: kind.defaults[name] for name in defaulted}
    if kind.name:
        failures += _name(kind.name, inputs, defaulted, asked)
    if kind.tagger:
        inputs |= _tags(inputs, asked.default_tags)
    if not failures:
        wrong = [(path, reason) for path, reason in kind.wrong(given(inputs)).items() if inputs.get(path) != UNKNOWN]
        failures = [*wrong, *((path, reason) for path, reason in _illegal(kind, inputs) if path not in dict(wrong))]
    return {**inputs, "__defaults": sorted(defaulted)}, failures


def unknown_type(token: str, served: Iterable[str]) -> str:
    return f"the rehearsal has no {token}; it has {', '.join(sorted(served))}"


def autoname(rule: Name, logical: str, seed: bytes) -> str:
    """Logical name, dash, 7 hex digits that the engine's seed decides."""
    name = f"{rule.prefix}{logical}-{hashlib.sha256(seed + logical.encode()).hexdigest()[:7]}"
    return name.lower() if rule.lower else name


def _name(rule: Name, inputs: dict[str, Any], defaulted: list[str], asked: CheckContext) -> Failures:
    """A name left out is chosen once and kept; a name too long for AWS fails here, as it would there."""
    if rule.property not in inputs:
        defaulted.append(rule.property)
        prefix = plain(inputs.get(_prefix(rule)))
        fresh = autoname(Name(rule.property, rule.longest, "", rule.lower), str(prefix).rstrip("-"), asked.seed) if prefix else None
        kept = asked.olds.get(rule.property) if rule.property in asked.olds.get("__defaults", ()) else None
        inputs[rule.property] = kept or fresh or autoname(rule, asked.name, asked.seed)
    length = len(str(plain(inputs[rule.property])))
    if inputs[rule.property] == UNKNOWN or length <= rule.longest:
        return []
    return [(rule.property, f"{plain(inputs[rule.property])!r} has {length} characters, AWS allows {rule.longest}")]


def _prefix(rule: Name) -> str:
    return "bucketPrefix" if rule.property == "bucket" else f"{rule.property}Prefix"


def _tags(inputs: Mapping[str, Any], default_tags: Mapping[str, str]) -> dict[str, Any]:
    """tagsAll = the provider's default tags under the resource's own; kept in the inputs, so that a change of either is a diff."""
    own = inputs.get("tags") or {}
    if own == UNKNOWN:
        return {"tagsAll": UNKNOWN}
    if isinstance(own, Secret):
        return {"tagsAll": Secret({**default_tags, **plain(own)})}
    return {"tagsAll": {**default_tags, **own}}


def _illegal(kind: ResourceType, inputs: Mapping[str, Any]) -> Failures:
    """What botocore's model of the creating call refuses, under Pulumi's property path where there is one."""
    _, problems = request_shapes.fit(kind.service, kind.operation, kind.request(given(inputs)), complete=not has_unknown(inputs))
    return [_placed(kind, path, reason) for path, reason in problems]


def _placed(kind: ResourceType, path: str, reason: str) -> tuple[str, str]:
    ours = ".".join(part[:1].lower() + part[1:] for part in path.removeprefix("LaunchTemplateData.").split("."))
    if re.split(r"[.\[]", ours)[0] in kind.arguments:
        return ours, reason
    leaf = re.sub(r"\[\d+\]", "", ours.rsplit(".", 1)[-1])
    return (leaf if leaf in kind.arguments else ""), f"{path}: {reason}"
