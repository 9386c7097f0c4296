"""Inline security-group rules and AWS's IpPermissions. AWS merges rules of one protocol and port range: single sources are compared."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

SOURCES = {
    "cidrBlocks": ("IpRanges", "CidrIp"),
    "ipv6CidrBlocks": ("Ipv6Ranges", "CidrIpv6"),
    "prefixListIds": ("PrefixListIds", "PrefixListId"),
    "securityGroups": ("UserIdGroupPairs", "GroupId"),
}
Atom = tuple[str, int, int, str, str]


def permissions(rules: Iterable[Mapping[str, Any]], *, group: str) -> list[dict[str, Any]]:
    return [_permission(rule, group) for rule in rules]


def inline(found: Iterable[Mapping[str, Any]], *, group: str, wanted: list[Mapping[str, Any]] | None) -> list[Any]:
    """The program's own list where AWS has exactly those sources, else what AWS has."""
    rules = [_rule(permission, group) for permission in found]
    if wanted is not None and _atoms(wanted, group) == _atoms(rules, group):
        return list(wanted)
    return rules


def _permission(rule: Mapping[str, Any], group: str) -> dict[str, Any]:
    described = {"Description": rule["description"]} if rule.get("description") else {}
    body: dict[str, Any] = {"IpProtocol": _protocol(rule)}
    if body["IpProtocol"] != "-1":
        body |= {"FromPort": rule["fromPort"], "ToPort": rule["toPort"]}
    for ours, (theirs, key) in SOURCES.items():
        if values := _values(rule, ours, group):
            body[theirs] = [{key: value, **described} for value in values]
    return body


def _protocol(rule: Mapping[str, Any]) -> str:
    name = str(rule["protocol"]).lower()
    return {"all": "-1", "6": "tcp", "17": "udp", "1": "icmp"}.get(name, name)


def _values(rule: Mapping[str, Any], name: str, group: str) -> list[str]:
    own = [group] if name == "securityGroups" and rule.get("self") else []
    return [*(rule.get(name) or []), *own]


def _rule(permission: Mapping[str, Any], group: str) -> dict[str, Any]:
    rule: dict[str, Any] = {
        "protocol": permission["IpProtocol"],
        "fromPort": permission.get("FromPort") or 0,
        "toPort": permission.get("ToPort") or 0,
        "description": "",
        "self": False,
    }
    for ours, (theirs, key) in SOURCES.items():
        sources = permission.get(theirs, [])
        rule[ours] = [each[key] for each in sources if each[key] != group]
        rule["self"] = rule["self"] or len(rule[ours]) < len(sources)
        rule["description"] = next((each["Description"] for each in sources if each.get("Description")), rule["description"])
    return rule


def _atoms(rules: Iterable[Mapping[str, Any]], group: str) -> set[Atom]:
    """Descriptions are left out: AWS leaves them out of some answers."""
    found = set()
    for rule in rules:
        every = _protocol(rule) == "-1"
        ports = (0, 0) if every else (int(rule["fromPort"]), int(rule["toPort"]))
        for name in SOURCES:
            found |= {(_protocol(rule), *ports, name, value) for value in _values(rule, name, group)}
    return found
