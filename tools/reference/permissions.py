"""docs/reference/permissions.md: the IAM actions that the identity which runs inferstack needs, and a policy of them."""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator
from fnmatch import fnmatchcase
from functools import cache
from pathlib import Path
from typing import Any

import yaml

from tools.reference import operations, program, resources
from tools.reference.markdown import code, page, table

FACTS = Path(__file__).with_name("actions.yaml")
INTRODUCTION = """
What the identity that runs `inferstack up`, `bench` and `down` must be allowed.

**This list is derived, and was not run against AWS.** It is the union of the operations that our own code calls (found in the
source, and named in AWS's service models), of the actions that AWS's provider calls for the resource types that the program
registers (by hand, `tools/reference/actions.yaml`), and of a few that neither shows. On 2026-11-24 the
132 operations that the embedded AWS logged by name in one `inferstack demo` were all in it. The embedded AWS checks no permission of
the person. If AWS refuses something, the error names the action that is missing; please report it.

Resources are narrowed to the names that inferstack gives (`inferstack-*`) where AWS knows the name of what is asked for. EC2, KMS
and lists are allowed on `*`; the reads of EC2 and Auto Scaling, which AWS cannot narrow, are written as `Describe*`. The policy
is for the partition `aws`. The backend that keeps Pulumi's state (an S3 bucket, say) needs rights of its own, which are not in
it. With spaces removed it holds {size} characters; a managed policy may hold 6,144, an inline policy of a role 10,240.

The nodes have a role of their own, made by the program, which can do nothing to EC2: see `infra/documents.py`.
"""
PRICES = "infra/price_calls.py"
READING_PRICES = """
`inferstack prices refresh` only reads, and may run under another identity than the one that builds. Nothing else needs these:
"""
CONDITION = "The condition key `ssm:resourceTag/inferstack:stack` may narrow `ssm:StartSession` further, to instances of a stack.\n"


def text() -> str:
    allowed = policy()
    size = len(json.dumps(allowed, separators=(",", ":")))
    return page(
        "Permissions",
        INTRODUCTION.replace("{size}", f"{size:,}"),
        "## The policy\n",
        f"```json\n{json.dumps(allowed, indent=2)}\n```\n",
        CONDITION,
        "## To read prices\n",
        READING_PRICES,
        f"```json\n{json.dumps(prices_policy(), indent=2)}\n```\n",
        "## Why each action\n",
        table(("action", "for"), [(code(action), ", ".join(dict.fromkeys(why))) for action, why in sorted(reasons().items())]),
    )


def policy() -> dict[str, Any]:
    """One statement for each scope, and one for what cannot be narrowed."""
    left = set(reasons())
    statements = []
    for scope in facts()["scopes"]:
        mine = {action for action in left if _within(action, scope)}
        left -= mine
        statements.append(_statement(scope["sid"], mine, scope["resources"], scope.get("condition")))
    return {"Version": "2012-10-17", "Statement": [*statements, _statement("Everywhere", left, ["*"], None)]}


def prices_policy() -> dict[str, Any]:
    """What `prices refresh` asks, and nothing more."""
    return {"Version": "2012-10-17", "Statement": [_statement("ReadPrices", _of_prices(), ["*"], None, exact=True)]}


@cache
def reasons() -> dict[str, list[str]]:
    """Action -> what needs it: resource types, and files of our code. Reading prices is apart."""
    found: dict[str, list[str]] = {}
    for action, why in _needed():
        if action not in facts()["free"] and why != code(PRICES):
            found.setdefault(action, []).append(why)
    return found


def _of_prices() -> list[str]:
    return [action for action, why in _needed() if why == code(PRICES)]


def unlisted_types() -> list[str]:
    """Types of the program and invokes without an entry in the table."""
    known = facts()
    types = dict.fromkeys(kind for found in (program.base(), program.cluster()) for kind in resources.types(found))
    invokes = program.base().invokes | program.cluster().invokes
    return [kind for kind in types if kind not in known["types"]] + sorted(invokes - known["invokes"].keys())


def actions_of(service: str, operation: str) -> list[str]:
    """The actions of one operation of boto3, `ec2` and `DescribeVpcs`."""
    known = facts()
    renamed = known["renamed"].get(service, {}).get(operation)
    return str(renamed).split() if renamed else [f"{known['prefixes'].get(service, service)}:{operation}"]


@cache
def facts() -> dict[str, Any]:
    content: dict[str, Any] = yaml.safe_load(FACTS.read_text(encoding="utf-8"))
    return content


def _needed() -> Iterator[tuple[str, str]]:
    known = facts()
    for kind, actions in known["types"].items():
        yield from ((action, code(kind)) for action in actions.split())
    for table_name in ("invokes", "beside"):
        for why, actions in known[table_name].items():
            yield from ((action, why if table_name == "beside" else code(why)) for action in actions.split())
    for service, operation, file in operations.called():
        yield from ((action, code(file)) for action in actions_of(service, operation))


def _short(action: str) -> str:
    return next((pattern for pattern in facts()["short"] if fnmatchcase(action, pattern)), action)


def _within(action: str, scope: dict[str, Any]) -> bool:
    excepted = any(fnmatchcase(action, one) for one in scope.get("except", ()))
    return fnmatchcase(action, scope["actions"]) and not excepted


def _statement(
    sid: str, actions: Iterable[str], where: list[str], condition: dict[str, Any] | None, *, exact: bool = False
) -> dict[str, Any]:
    made = {
        "Sid": sid,
        "Effect": "Allow",
        "Action": sorted({one if exact else _short(one) for one in actions}),
        "Resource": where if len(where) > 1 else where[0],
    }
    return made | ({"Condition": condition} if condition else {})
