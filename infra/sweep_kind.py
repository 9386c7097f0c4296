"""What the sweep knows of one kind of resource: how to list all of it with its tags, and how to delete one."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

from infra.aws import Aws


@dataclass(frozen=True)
class Seen:
    """`id` is the id that Pulumi records for this type. `about` is what a deletion needs beyond it."""

    id: str
    name: str = ""
    tags: Mapping[str, str] = field(default_factory=dict)
    about: Any = None


@dataclass(frozen=True)
class Kind:
    """`type` is the Pulumi type token, so that recorded ids can be matched."""

    type: str
    list: Callable[[Aws], Iterable[Seen]]
    delete: Callable[[Aws, Seen], object]


def pages(aws: Aws, service: str, operation: str, key: str, **arguments: Any) -> Iterator[Any]:
    """Every entry under `key`, through all pages where the operation has pages."""
    client = aws.client(service)
    if not client.can_paginate(operation):
        yield from getattr(client, operation)(**arguments).get(key, [])
        return
    for page in client.get_paginator(operation).paginate(**arguments):
        yield from page.get(key, [])


def tags_of(entries: Iterable[Mapping[str, str]] | None) -> dict[str, str]:
    """From AWS's list of pairs; EC2 says Key and Value, a few services say key and value."""
    return {entry.get("Key", entry.get("key", "")): entry.get("Value", entry.get("value", "")) for entry in entries or ()}


def ec2(operation: str, key: str, id_key: str, *, gone: Callable[[Any], bool] = lambda entry: False) -> Callable[[Aws], Iterator[Seen]]:
    """A lister for the many EC2 resources of one shape."""

    def listed(aws: Aws) -> Iterator[Seen]:
        for entry in pages(aws, "ec2", operation, key):
            if not gone(entry):
                tags = tags_of(entry.get("Tags", entry.get("TagSet")))
                yield Seen(entry[id_key], tags.get("Name", ""), tags, entry)

    return listed


def ec2_delete(operation: str, parameter: str, *, many: bool = False) -> Callable[[Aws, Seen], object]:
    def delete(aws: Aws, seen: Seen) -> object:
        return getattr(aws.client("ec2"), operation)(**{parameter: [seen.id] if many else seen.id})

    return delete
