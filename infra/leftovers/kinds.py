"""The resource kinds that a stack can leave behind: how each service is asked for them, and how one is removed. One row each.

No row reads Pulumi's state. A row finds by tag, by recorded id and by the names of infra/naming.py.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any

from infra import naming
from infra.calls.aws import Aws

# What somebody may need after the stack is gone, and nobody can bring back.
DATA_KINDS = frozenset({"aws:s3/bucket:Bucket", "aws:kms/key:Key", "aws:secretsmanager/secret:Secret"})


@dataclass(frozen=True)
class FoundResource:
    """`id` is Pulumi's id of the type; `held` says why it must not go without a word (nodes run in it, objects lie in it)."""

    type: str
    id: str
    name: str
    tags: Mapping[str, str] = field(default_factory=dict)
    held: str = ""
    details: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True)
class Scope:
    """Whose resources: the stack's name, the names it gives, the ids that were recorded for it."""

    stack: str
    ids: Mapping[str, frozenset[str]] = field(default_factory=dict)
    names: frozenset[str] = frozenset()

    def recorded(self, type_token: str) -> frozenset[str]:
        return self.ids.get(type_token, frozenset())

    def is_foreign_data(self, found: FoundResource) -> bool:
        """Data that carries the stack's tag, but neither a name that the program gives, nor its key tag, nor a recorded id."""
        if found.type not in DATA_KINDS:
            return False
        made = found.tags.get(naming.KEY_TAG, "").startswith(naming.key(self.stack, "", "").rstrip("/") + "/")
        return not made and self.ways(found) in ((), ("tag",))

    def owns(self, found: FoundResource) -> bool:
        """A tag of another stack protects, whatever name or id says."""
        owner = found.tags.get(naming.STACK_TAG)
        if owner is not None:
            return owner == self.stack
        return bool(self.ways(found))

    def ways(self, found: FoundResource) -> tuple[str, ...]:
        """Which of tag, id and name lead to it."""
        known = (
            ("tag", found.tags.get(naming.STACK_TAG) == self.stack),
            ("id", found.id in self.recorded(found.type)),
            ("name", found.name in self.names),
        )
        return tuple(way for way, leads in known if leads)


@dataclass(frozen=True)
class Kind:
    """`find` may answer more than the stack's own; `delete` accepts that it is gone already."""

    type: str
    find: Callable[[Aws, Scope], Iterable[FoundResource]]
    delete: Callable[[Aws, FoundResource], object]


def names_of(stack: str, *, account_id: str | None, region: str) -> frozenset[str]:
    """Every physical name that a stack of this name gives, base or cluster; the bucket's only with an account id."""
    buckets = {naming.bucket(stack, account_id=account_id, region=region)} if account_id else set()
    return frozenset(
        buckets
        | {
            naming.group(stack),
            naming.schedule_group(stack),
            naming.node_role(stack),
            naming.reaper_role(stack),
            naming.log_group(stack),
            naming.api_key_secret(stack),
            naming.key_alias(stack),
        }
    )


def pages(client: Any, operation: str, key: str, **asked: Any) -> Iterable[Any]:
    """All entries under `key`, page by page."""
    if client.can_paginate(operation):
        for page in client.get_paginator(operation).paginate(**asked):
            yield from page.get(key, [])
    else:
        yield from getattr(client, operation)(**asked).get(key, [])


def tag_map(tags: Iterable[Mapping[str, str]] | None) -> dict[str, str]:
    """Return the tags of AWS's lists, whatever case they are in."""
    return {one.get("Key", one.get("key", "")): one.get("Value", one.get("value", "")) for one in tags or ()}
