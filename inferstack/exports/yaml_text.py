"""YAML for other tools: keys in their order, a text in quotes where YAML 1.1 or 1.2 would read another thing, scripts as blocks."""

from __future__ import annotations

import shlex
from collections.abc import Sequence
from typing import Any

import yaml

from inferstack.records.files.marked_yaml import Dumper


class Script(str):
    """A text of several lines that people read: written as a block where YAML can."""


class _ScriptDumper(Dumper):
    """Writes what stands twice twice: not every tool reads anchors."""

    def ignore_aliases(self, data: Any) -> bool:
        return True


_ScriptDumper.add_representer(Script, lambda dumper, text: dumper.represent_scalar("tag:yaml.org,2002:str", str(text), style="|"))


def documents(*contents: Any) -> str:
    """Return the YAML documents of one file."""
    return "---\n".join(yaml.dump(content, Dumper=_ScriptDumper, sort_keys=False, width=110) for content in contents)


def shell(words: Sequence[str], *raw: str) -> Script:
    """Return the command for a POSIX shell, an option on each line; `raw` are words of our own that the shell is to expand."""
    lines: list[list[str]] = [[]]
    for word in words:
        if word.startswith("--") and lines[0]:
            lines.append([])
        lines[-1].append(shlex.quote(word))
    return Script(" \\\n  ".join([*(" ".join(line) for line in lines), *raw]) + "\n")
