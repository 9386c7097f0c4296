"""YAML as records allow it: no aliases, no key twice, no deep nesting; and the line on which each field stands."""

from __future__ import annotations

from typing import Any

import yaml

from records.reading import MAX_DEPTH


def lines(text: str) -> dict[tuple[str, ...], int]:
    """By the field's path. Raises yaml.YAMLError."""
    return _lines(yaml.compose(text, Loader=_Loader))


def content(text: str) -> Any:
    """Raises yaml.YAMLError."""
    loader = _Loader(text)
    try:
        return loader.get_single_data()
    finally:
        loader.dispose()


class _Loader(yaml.SafeLoader):
    """SafeLoader that refuses aliases (a few lines of them expand to gigabytes), duplicate keys and deep nesting."""

    depth = 0

    def compose_node(self, parent: Any, index: Any) -> Any:
        if self.check_event(yaml.AliasEvent):
            raise yaml.composer.ComposerError(None, None, "aliases are not allowed", self.peek_event().start_mark)
        self.depth += 1
        if self.depth > MAX_DEPTH:
            raise yaml.composer.ComposerError(None, None, f"nested deeper than {MAX_DEPTH} levels", self.peek_event().start_mark)
        node = super().compose_node(parent, index)
        self.depth -= 1
        return node

    def construct_mapping(self, node: Any, deep: bool = False) -> Any:
        seen: set[str] = set()
        for key, _ in node.value:
            if key.value in seen:
                raise yaml.constructor.ConstructorError(None, None, f"'{key.value}' is given twice", key.start_mark)
            seen.add(key.value)
        return super().construct_mapping(node, deep)


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
