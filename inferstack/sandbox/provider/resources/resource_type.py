"""What a resource type is: to the provider as data and small functions over boto3, to all others by the keys under which they know it."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

from inferstack.sandbox.provider.cloud.clients import Cloud
from inferstack.sandbox.provider.properties.values import Given

State = dict[str, Any]

OWN_ROW = "a row of its own"
NOT_MADE = "no program of inferstack makes it"
FREE = "free"


@dataclass(frozen=True)
class Name:
    """The property that Pulumi fills with "<logical name>-<7 hex>" when it is left out, and AWS's limits for it."""

    property: str = "name"
    longest: int = 255
    prefix: str = ""
    lower: bool = False


@dataclass(frozen=True)
class Tagger:
    """How tags of this type are put and taken away after creation. `state` is what `read` answered."""

    put: Callable[[Cloud, State, Mapping[str, str]], object]
    drop: Callable[[Cloud, State, list[str]], object]


def nothing(cloud: Cloud, state: State, wanted: Given) -> None:
    """Nothing to bring in line after creation."""


@dataclass(frozen=True)
class ResourceType:
    """`read` answers inputs and outputs together, in Pulumi's names, or None when it is gone; it always answers `id`.

    Creation is one call, `operation(**request(inputs))`, tags included; `identify` takes the id from its answer.
    `born` undoes what AWS adds by itself to a new one. `converge` then brings in line whatever differs between what AWS has
    and what is wanted; an update is the same function.
    `filled` is what AWS fills in when the program leaves it out, `moving` the outputs that an update changes, `secret` the outputs
    that are secrets whatever the program says; a global service has a `home` region.
    An input that is neither in `fixed` (a change replaces) nor in `mutable` is refused: nothing is accepted silently.

    The layers above cannot be imported here, so the type names what they hold of it, and a test compares both: `sweep` is the row of
    infra's sweep that removes one which the engine left behind (OWN_ROW, or the type that it goes with), `price` the function of
    inferstack.pricing that bills it ("network.nat_gateway") or FREE, `actions` the IAM actions that AWS's own provider needs for it.
    The published policies are made from these. By hand, from the APIs' reference and the provider's known calls, 2026-11; not run
    against AWS.
    """

    token: str
    service: str
    operation: str
    request: Callable[[Given], dict[str, Any]]
    identify: Callable[[Mapping[str, Any], Given], str]
    read: Callable[[Cloud, str, Given], State | None]
    delete: Callable[[Cloud, str, Given], object]
    sweep: str
    price: str
    actions: frozenset[str]
    converge: Callable[[Cloud, State, Given], object] = nothing
    born: Callable[[Cloud, str], object] = lambda cloud, id: None
    create: Callable[[Cloud, Given], str] | None = None
    fixed: frozenset[str] = frozenset()
    mutable: frozenset[str] = frozenset()
    filled: frozenset[str] = frozenset()
    moving: frozenset[str] = frozenset()
    defaults: Mapping[str, Any] = field(default_factory=dict)
    name: Name | None = None
    tagger: Tagger | None = None
    secret: frozenset[str] = frozenset()
    home: str | None = None
    wrong: Callable[[Given], Mapping[str, str]] = lambda inputs: {}

    @property
    def arguments(self) -> frozenset[str]:
        tags = {"tags", "tagsAll"} if self.tagger else set()
        return self.fixed | self.mutable | tags | {"region"}


def names(text: str) -> frozenset[str]:
    return frozenset(text.split())
