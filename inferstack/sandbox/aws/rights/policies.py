"""What an IAM policy says about one call: deny, allow or nothing; conditions are read, not skipped."""

from __future__ import annotations

import fnmatch
from collections.abc import Iterable, Mapping
from typing import Any, Literal

Said = Literal["deny", "allow", "nothing"]
Context = Mapping[str, str]


def says(documents: Iterable[Mapping[str, Any]], action: str, resource: str, *, context: Context) -> Said:
    """An explicit deny wins; without an allow there is nothing."""
    found: Said = "nothing"
    for document in documents:
        for statement in _list(document.get("Statement")):
            if not _concerns(statement, action, resource, context):
                continue
            if statement.get("Effect") == "Deny":
                return "deny"
            found = "allow"
    return found


def on_something(documents: Iterable[Mapping[str, Any]], action: str) -> bool:
    """Whether the action is allowed on some resource under some condition; on which, only the service itself would know."""
    anywhere = [s | {"Resource": "*", "Condition": {}} for document in documents for s in allowing(document)]
    return says([{"Statement": anywhere}], action, "*", context={}) == "allow"


def allowing(document: Mapping[str, Any]) -> list[dict[str, Any]]:
    return [dict(statement) for statement in _list(document.get("Statement")) if statement.get("Effect") == "Allow"]


def met(statement: Mapping[str, Any], context: Context) -> bool:
    """Whether all conditions of the statement are met."""
    return _all_met(statement.get("Condition") or {}, context)


def _concerns(statement: Mapping[str, Any], action: str, resource: str, context: Context) -> bool:
    if "NotAction" in statement:
        acts = not _any_like(statement["NotAction"], action.lower(), fold=True)
    else:
        acts = _any_like(statement.get("Action"), action.lower(), fold=True)
    if "NotResource" in statement:
        on = not _any_like(statement["NotResource"], resource)
    else:
        on = _any_like(statement.get("Resource", "*"), resource)
    return acts and on and _all_met(statement.get("Condition") or {}, context)


def _all_met(conditions: Mapping[str, Mapping[str, Any]], context: Context) -> bool:
    known = {key.lower(): value for key, value in context.items()}
    return all(
        _met(operator, key.lower(), [str(value) for value in _list(values)], known)
        for operator, keys in conditions.items()
        for key, values in keys.items()
    )


def _met(operator: str, key: str, values: list[str], known: Mapping[str, str]) -> bool:
    """A key that the call does not carry fails a positive test and passes a negative one, as in IAM."""
    name = operator.split(":", 1)[-1]
    optional = name.endswith("IfExists")
    name = name.removesuffix("IfExists").lower()
    have = known.get(key)
    if name == "null":
        return (have is None) == (values[0].lower() == "true")
    if have is None:
        return optional or "not" in name
    return _compared(name, have, values)


def _compared(name: str, have: str, values: list[str]) -> bool:
    like = any(fnmatch.fnmatchcase(have, _literal_brackets(value)) for value in values)
    tests = {
        "bool": have.lower() in [value.lower() for value in values],
        "stringequals": have in values,
        "stringnotequals": have not in values,
        "stringequalsignorecase": have.lower() in [value.lower() for value in values],
        "stringlike": like,
        "stringnotlike": not like,
        "arnequals": like,
        "arnlike": like,
        "arnnotequals": not like,
        "arnnotlike": not like,
    }
    if name not in tests:
        raise NotImplementedError(f"condition operator {name}")
    return tests[name]


def _any_like(patterns: Any, value: str, *, fold: bool = False) -> bool:
    found = [str(pattern).lower() if fold else str(pattern) for pattern in _list(patterns)]
    return any(fnmatch.fnmatchcase(value, _literal_brackets(pattern)) for pattern in found)


def _literal_brackets(pattern: str) -> str:
    """IAM knows * and ? only; fnmatch would read [a] as a set."""
    return pattern.replace("[", "[[]")


def _list(value: Any) -> list[Any]:
    return value if isinstance(value, list) else [] if value is None else [value]
