"""docs/reference/permissions.md: the IAM actions that the identity which runs inferstack needs, and a policy of them."""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator
from fnmatch import fnmatchcase
from functools import cache
from pathlib import Path
from typing import Any

import yaml

from inferstack.sandbox.provider.resources.table import TYPES
from infra import naming
from infra.components import documents
from tools.reference import operations, program, resources
from tools.reference.markdown import code, page, table

FACTS = Path(__file__).with_name("actions.yaml")
OPERATIONS = Path(__file__).resolve().parents[2] / "inferstack" / "sandbox" / "aws" / "recorded" / "operations.yaml"
INTRODUCTION = """
What the identity that runs `inferstack up`, `bench` and `down` must be allowed, and what an administrator makes once beforehand.

**This list is derived, and was not run against AWS.** It is the union of the operations that our own code calls (found in the
source, and named in AWS's service models), of the actions that AWS's provider calls for the resource types that the program
registers (by hand, in the file of each type below `inferstack/sandbox/provider/resources`), and of a few that neither shows. Each
action, resource and condition key is held against AWS's service authorization data by a test, and every rehearsal runs under these
policies: the embedded AWS refuses its caller what they do not allow. If AWS refuses something all the same, the error names the
action that is missing; please report it.

The policies are for the partition `aws`. With spaces removed they hold {size} characters; a managed policy may hold 6,144. The
backend that keeps Pulumi's state (an S3 bucket, say) needs rights of its own, which are not in them.

**Nobody can make more of them than they say.** Roles can be made and changed only under the permissions boundary
`inferstack-boundary`, which allows what nodes and reapers need and nothing else; the identity may neither change that policy nor
take it off a role. Only roles named `inferstack-*-node` can be handed to instances, only `inferstack-*-reaper` to the scheduler.
What EC2 and KMS make must carry the tag `inferstack:stack` from the first moment, and only what carries it can be changed, started
from, ended or deleted; a tag can be set only while something is made, or on what has it already. The policy of a key cannot be
changed at all. Two things stay open: rules of any security group can be revoked (the default group of a new network carries no
tag), and a key of somebody else that has no alias can be tagged, and then scheduled for deletion, which waits for 7 days.

An administrator makes the four policies once, from the files in `inferstack/sandbox/aws/published`, and attaches the first two to the role
or the users that run inferstack:

```
for name in inferstack-operator inferstack-resources inferstack-prices inferstack-boundary; do
  aws iam create-policy --policy-name $name --policy-document file://inferstack/sandbox/aws/published/$name.json
done
```

`permissions_boundary` in the [settings](settings.md) names another boundary policy than `inferstack-boundary`; the operator's
policy must then name it too.
"""
BOUNDARY = """
The most that a role of inferstack can be allowed, whatever policy is put on it: `infra/components/documents.py`. It is attached to
nobody; the program makes its roles under it.
"""
PRICES = "infra/calls/price_calls.py"
READING_PRICES = """
`inferstack prices refresh` only reads, and may run under another identity than the one that builds. Nothing else needs these:
"""


def text() -> str:
    allowed = policies()
    sizes = [len(json.dumps(one, separators=(",", ":"))) for one in allowed.values()]
    return page(
        "Permissions",
        INTRODUCTION.replace("{size}", " and ".join(f"{size:,}" for size in sizes)),
        "## The policies of the operator\n",
        *(f"`inferstack-{name}`:\n\n```json\n{json.dumps(one, indent=2)}\n```\n" for name, one in allowed.items()),
        "## The permissions boundary\n",
        BOUNDARY,
        f"```json\n{json.dumps(json.loads(documents.boundary()), indent=2)}\n```\n",
        "## To read prices\n",
        READING_PRICES,
        f"```json\n{json.dumps(prices_policy(), indent=2)}\n```\n",
        "## Why each action\n",
        table(("action", "for"), [(code(action), ", ".join(dict.fromkeys(why))) for action, why in sorted(reasons().items())]),
    )


def policies() -> dict[str, dict[str, Any]]:
    """The operator's documents by name: what is narrowed by name and listed, and what is narrowed by tag. Both are attached."""
    left, statements = set(reasons()), dict[str, list[dict[str, Any]]](operator=[], resources=[])
    for scope in facts()["scopes"]:
        mine = {action for action in (reasons() if scope.get("also") else left) if _within(action, scope)}
        if not scope.get("also"):
            left -= mine
        mine |= set(scope.get("plus", ()))
        statements[scope["document"]].append(_statement(scope["sid"], mine, scope["resources"], scope.get("condition")))
    statements["operator"].append(_statement("Everywhere", left, ["*"], None))
    return {name: {"Version": "2012-10-17", "Statement": found} for name, found in statements.items()}


def published() -> dict[str, dict[str, Any]]:
    """Every document that an administrator attaches, by the name of its file."""
    named = {f"inferstack-{name}": document for name, document in policies().items()}
    boundary = json.loads(documents.boundary())
    return {**named, "inferstack-prices": prices_policy(), naming.BOUNDARY: boundary}


def files() -> dict[str, str]:
    """Path below the checkout -> text. The embedded AWS reads the same files that an administrator hands to AWS."""
    return {
        f"inferstack/sandbox/aws/published/{name}.json": json.dumps(document, indent=2) + "\n" for name, document in published().items()
    }


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
    """Types of the program that the rehearsal does not have, and invokes without an entry in the table."""
    invokes = program.base().invokes | program.cluster().invokes
    return sorted(registered() - TYPES.keys()) + sorted(invokes - facts()["invokes"].keys())


@cache
def registered() -> frozenset[str]:
    """Return the AWS types that the program registers. Policies allow what these need, not what else the rehearsal has."""
    return frozenset(kind for found in (program.base(), program.cluster()) for kind in resources.types(found))


def actions_of(service: str, operation: str) -> list[str]:
    """The actions of one operation of boto3, `ec2` and `DescribeVpcs`."""
    known = facts()
    renamed = known["renamed"].get(service, {}).get(operation)
    return str(renamed).split() if renamed else [f"{known['prefixes'].get(service, service)}:{operation}"]


@cache
def facts() -> dict[str, Any]:
    content: dict[str, Any] = yaml.safe_load(FACTS.read_text(encoding="utf-8"))
    return content | yaml.safe_load(OPERATIONS.read_text(encoding="utf-8"))


def _needed() -> Iterator[tuple[str, str]]:
    known = facts()
    for kind in sorted(registered() & TYPES.keys()):
        yield from ((action, code(kind)) for action in sorted(TYPES[kind].actions))
    for table_name in ("invokes", "beside"):
        for why, actions in known[table_name].items():
            yield from ((action, why if table_name == "beside" else code(why)) for action in actions.split())
    for service, operation, file in operations.called():
        yield from ((action, code(file)) for action in actions_of(service, operation))


def _short(action: str) -> str:
    return next((pattern for pattern in facts()["short"] if fnmatchcase(action, pattern)), action)


def _within(action: str, scope: dict[str, Any]) -> bool:
    excepted = any(fnmatchcase(action, one) for one in scope.get("except", ()))
    return any(fnmatchcase(action, one) for one in scope["actions"]) and not excepted


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
