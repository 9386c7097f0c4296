"""aws.iam.get_policy_document: pure, no call. One value stays a string, several become a list, as the real provider writes them."""

from __future__ import annotations

import json
import zlib
from collections.abc import Callable, Mapping
from typing import Any

from inferstack.sandbox.provider.cloud.clients import Cloud
from inferstack.sandbox.provider.cloud.refusals import Mistake
from inferstack.sandbox.provider.properties.values import Given


def policy_document(cloud: Cloud, asked: Given) -> dict[str, Any]:
    document: dict[str, Any] = {"Version": asked["version"] or "2012-10-17"}
    if asked["policyId"]:
        document["Id"] = asked["policyId"]
    document["Statement"] = _merged(asked)
    return {
        "id": str(zlib.crc32(json.dumps(document).encode())),
        "json": json.dumps(document, indent=2),
        "minifiedJson": json.dumps(document, separators=(",", ":")),
    }


def _merged(asked: Given) -> list[dict[str, Any]]:
    """Sources first, overrides last: a statement with the Sid of an earlier one takes its place."""
    sources = [each for text in asked["sourcePolicyDocuments"] or () for each in _statements(text, "sourcePolicyDocuments")]
    overrides = [each for text in asked["overridePolicyDocuments"] or () for each in _statements(text, "overridePolicyDocuments")]
    found = [*sources, *(_statement(each) for each in asked["statements"] or ())]
    for statement in overrides:
        sid = statement.get("Sid")
        places = [index for index, each in enumerate(found) if sid and each.get("Sid") == sid]
        if places:
            found[places[0]] = statement
        else:
            found.append(statement)
    return found


def _statements(text: str, argument: str) -> list[dict[str, Any]]:
    try:
        found = json.loads(text).get("Statement", [])
    except (ValueError, AttributeError):
        raise Mistake(argument, "is no policy document: JSON with a Statement") from None
    return [found] if isinstance(found, dict) else list(found)


def _statement(given: Mapping[str, Any]) -> dict[str, Any]:
    parts = {
        "Sid": given.get("sid"),
        "Effect": given.get("effect") or "Allow",
        "Principal": _principals(given.get("principals")),
        "NotPrincipal": _principals(given.get("notPrincipals")),
        "Action": _short(given.get("actions")),
        "NotAction": _short(given.get("notActions")),
        "Resource": _short(given.get("resources")),
        "NotResource": _short(given.get("notResources")),
        "Condition": _conditions(given.get("conditions")),
    }
    return {name: value for name, value in parts.items() if value}


def _short(values: list[str] | None) -> Any:
    return (values[0] if len(values) == 1 else sorted(values, reverse=True)) if values else None


def _principals(found: list[Mapping[str, Any]] | None) -> Any:
    if not found:
        return None
    if any(each["type"] == "*" for each in found):
        return "*"
    joined: dict[str, list[str]] = {}
    for each in found:
        joined.setdefault(each["type"], []).extend(each["identifiers"])
    return {kind: _short(values) for kind, values in joined.items()}


def _conditions(found: list[Mapping[str, Any]] | None) -> dict[str, Any]:
    joined: dict[str, dict[str, Any]] = {}
    for each in found or ():
        joined.setdefault(each["test"], {})[each["variable"]] = _short(list(each["values"]))
    return joined


INVOKES: Mapping[str, Callable[[Cloud, Given], dict[str, Any]]] = {"aws:iam/getPolicyDocument:getPolicyDocument": policy_document}
