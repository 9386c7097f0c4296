"""The table of attention kinds: every file of this folder with a `KIND`, by name, and by what configs and GGUF files call it."""

from __future__ import annotations

import functools
import importlib
import itertools
import pkgutil
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any, TypeVar

import sizing.attention
from inferstack.records.errors import InputError
from sizing.attention.kind import AttentionKind, LayerLetter, LayerType
from sizing.models.shape import LayerGroup

T = TypeVar("T")


@dataclass(frozen=True)
class KindTable:
    """`attention` are the kinds that configs call just attention, `others` those that they name; `layer_types` and `letters` by entry.
    `fields` are whole numbers that configs hold for any kind."""

    attention: tuple[AttentionKind, ...]
    others: tuple[AttentionKind, ...]
    by_name: Mapping[str, AttentionKind]
    layer_types: Mapping[str, tuple[AttentionKind, LayerType]]
    letters: Mapping[str, tuple[AttentionKind, LayerLetter]]
    fields: tuple[str, ...]
    may_be_zero: frozenset[str]

    def __iter__(self) -> Iterator[AttentionKind]:
        return iter(self.by_name.values())


@functools.cache
def kinds() -> KindTable:
    """Load every kind. Those that configs call attention come first, then by the names of their files."""
    found = list(_load())
    attention = tuple(kind for kind in found if kind.attention_key is not None)
    others = tuple(kind for kind in found if kind.attention_key is None)
    ordered = (*attention, *others)
    return KindTable(
        attention,
        others,
        by_name=_once("name", ((kind.name, kind) for kind in ordered)),
        layer_types=_once("layer type", ((key, (kind, one)) for kind in ordered for key, one in kind.layer_types.items())),
        letters=_once("letter", ((key, (kind, one)) for kind in ordered for key, one in kind.letters.items())),
        fields=tuple(dict.fromkeys(name for kind in ordered for name in (*kind.fields, *kind.optional_fields))),
        may_be_zero=frozenset(name for kind in ordered for name in kind.may_be_zero),
    )


def kind_named(name: str) -> AttentionKind:
    """Return the kind of a record's layers. Raises InputError for one that no file describes."""
    kind = kinds().by_name.get(name)
    if kind is None:
        raise InputError(f"layers: attention kind {name!r:.60} is not known", hint=f"known: {', '.join(kinds().by_name)}")
    return kind


def kind_of(group: LayerGroup) -> AttentionKind:
    """Return the kind of these layers."""
    return kinds().by_name[group.attn]


def attention_of(values: Mapping[str, Any]) -> AttentionKind:
    """Return the kind of the layers that a config calls just attention: that of a key it holds, else the one without a key."""
    known = kinds().attention
    keyed = (kind for kind in known if kind.attention_key and values.get(kind.attention_key))
    return next(itertools.chain(keyed, (kind for kind in known if not kind.attention_key)))


def _load() -> Iterator[AttentionKind]:
    for module in pkgutil.iter_modules(sizing.attention.__path__):
        kind = getattr(importlib.import_module(f"{sizing.attention.__name__}.{module.name}"), "KIND", None)
        if kind is not None:
            yield kind


def _once(what: str, pairs: Iterator[tuple[str, T]]) -> dict[str, T]:
    """Make a dict of pairs; two kinds with the same name would hide each other."""
    found: dict[str, T] = {}
    for key, value in pairs:
        if key in found:
            raise AssertionError(f"two kinds of attention have the {what} {key!r}")
        found[key] = value
    return found
