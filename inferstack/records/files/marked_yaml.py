"""YAML as records allow it: numbers as YAML 1.2 writes them, no aliases, no key twice, no deep nesting; and the line of each field."""

from __future__ import annotations

import re
from typing import Any

import yaml

from inferstack.records.files.reading import MAX_DEPTH


def lines(text: str) -> dict[tuple[str, ...], int]:
    """Return the line of each field, by its path. Raises yaml.YAMLError."""
    return _lines(yaml.compose(text, Loader=_Loader))


def content(text: str) -> Any:
    """Raises yaml.YAMLError."""
    loader = _Loader(text)
    try:
        return loader.get_single_data()
    finally:
        loader.dispose()


def written(content: Any) -> str:
    """Return the YAML that `content` reads again, keys in their order."""
    return yaml.dump(content, Dumper=Dumper, sort_keys=False)


# The core schema, https://yaml.org/spec/1.2.2/#103-core-schema, without its octal and hexadecimal numbers.
FLOAT = "tag:yaml.org,2002:float"
NUMBERS = {
    "tag:yaml.org,2002:int": re.compile(r"[-+]?(0|[1-9][0-9]*)"),
    FLOAT: re.compile(r"[-+]?(\.[0-9]+|(0|[1-9][0-9]*)(\.[0-9]*)?)([eE][-+]?[0-9]+)?|[-+]?\.(inf|Inf|INF)|\.(nan|NaN|NAN)"),
    "tag:yaml.org,2002:bool": re.compile(r"true|True|TRUE|false|False|FALSE"),
}
TEXT, TIMESTAMP = "tag:yaml.org,2002:str", "tag:yaml.org,2002:timestamp"
# Tags by which a file could ask for the old reading, or for types that no record holds.
FORBIDDEN = ("int", "float", "bool", "timestamp", "binary", "set", "omap", "pairs", "value", "merge")
FORBIDDEN_TAGS = frozenset(f"tag:yaml.org,2002:{name}" for name in FORBIDDEN)


class _Loader(yaml.SafeLoader):
    """SafeLoader that refuses aliases (a few lines of them expand to gigabytes), duplicate keys, keys that are no texts, deep nesting, and
    whatever YAML 1.1, which it reads, takes for another number or truth value than people and YAML 1.2 do: `0100`, `1:30`, `1_000`, `yes`.
    """

    depth = 0
    scalar_at: Any = None

    def resolve(self, kind: Any, value: Any, implicit: Any) -> Any:
        """The tag of a node. A plain scalar is a number or truth value only if YAML 1.2 says so too."""
        old = super().resolve(kind, value, implicit)
        if kind is not yaml.ScalarNode or not implicit[0] or not isinstance(value, str):
            return old
        new = next((tag for tag, pattern in NUMBERS.items() if pattern.fullmatch(value)), None)
        if new is None and old in NUMBERS:
            raise yaml.composer.ComposerError(None, None, _old_reading(value, old), self.scalar_at)
        return new or (TEXT if old == TIMESTAMP else old)

    def compose_node(self, parent: Any, index: Any) -> Any:
        if self.check_event(yaml.AliasEvent):
            raise yaml.composer.ComposerError(None, None, "aliases are not allowed", self.peek_event().start_mark)
        if getattr(self.peek_event(), "tag", None) in FORBIDDEN_TAGS:
            raise yaml.composer.ComposerError(None, None, "tags are not allowed: write the value itself", self.peek_event().start_mark)
        self.depth += 1
        if self.depth > MAX_DEPTH:
            raise yaml.composer.ComposerError(None, None, f"nested deeper than {MAX_DEPTH} levels", self.peek_event().start_mark)
        self.scalar_at = self.peek_event().start_mark
        node = super().compose_node(parent, index)
        self.depth -= 1
        if isinstance(parent, yaml.MappingNode) and index is None and isinstance(node, yaml.CollectionNode):
            raise yaml.composer.ComposerError(None, None, "a key must be a string, not a list or a mapping", node.start_mark)
        return node

    def construct_mapping(self, node: Any, deep: bool = False) -> Any:
        seen: set[str] = set()
        for key, _ in node.value:
            if key.value in seen:
                raise yaml.constructor.ConstructorError(None, None, f"'{key.value}' is given twice", key.start_mark)
            seen.add(key.value)
        return super().construct_mapping(node, deep)


class Dumper(yaml.SafeDumper):
    """SafeDumper that puts quotes around a text that only YAML 1.2 takes for a number: `1e5`."""


Dumper.add_implicit_resolver(FLOAT, NUMBERS[FLOAT], list("-+.0123456789"))


def _old_reading(value: str, tag: str) -> str:
    """What is wrong with a scalar that only YAML 1.1 takes for a number or a truth value."""
    read = {"int": yaml.SafeLoader.construct_yaml_int, "float": yaml.SafeLoader.construct_yaml_float}.get(tag.rpartition(":")[2])
    if read is None:
        return f"{value!r:.40} is a truth value in YAML 1.1 and a text in YAML 1.2: write true or false, or put a text in quotes"
    try:
        old = str(read(yaml.SafeLoader(""), yaml.ScalarNode(tag, value)))
    except ValueError:
        old = "a number"
    return f"{value!r:.40} would be {old:.12} in YAML 1.1: write a plain decimal number, or put a text in quotes"


def _lines(root: Any, at: tuple[str, ...] = ()) -> dict[tuple[str, ...], int]:
    found: dict[tuple[str, ...], int] = {}
    if isinstance(root, yaml.MappingNode):
        for key, value in root.value:
            name = (*at, str(key.value))
            found[name] = key.start_mark.line + 1
            found.update(_lines(value, name))
    elif isinstance(root, yaml.SequenceNode):
        for number, value in enumerate(root.value):
            name = (*at, str(number))
            found[name] = value.start_mark.line + 1
            found.update(_lines(value, name))
    return found
