"""The command line that a tool makes of an exported document, by the tool's own rules: nothing here is shared with the exports."""

from __future__ import annotations

import os
import subprocess
from pathlib import Path
from typing import Any

import yaml

STUB = '#!/bin/sh\nfor word in "$0" "$@"; do printf "%s\\0" "$word"; done\n'


def parsed(text: str) -> list[dict[str, Any]]:
    """The YAML documents."""
    return list(yaml.safe_load_all(text))


def compose(text: str) -> list[str]:
    """Compose's interpolation leaves `$$` as a dollar sign; a single one would name a variable."""
    engine = parsed(text)[0]["services"]["engine"]
    words = [*engine["entrypoint"], *engine["command"]]
    assert all(word.count("$") == 2 * word.count("$$") for word in words)
    return [word.replace("$$", "$") for word in words]


def kubelet(words: list[str], environment: dict[str, str] | None = None) -> list[str]:
    """The expansion of k8s.io/kubernetes/third_party/forked/golang/expansion: `$(NAME)`, and any character after a dollar sign as it is."""
    return [_expanded(word, environment or {}) for word in words]


def _expanded(word: str, environment: dict[str, str]) -> str:
    found, at = "", 0
    while at < len(word):
        following = word[at + 1 : at + 2]
        if word[at] != "$" or not following:
            found, at = found + word[at], at + 1
        elif following == "(" and ")" in word[at:]:
            end = word.index(")", at)
            name = word[at + 2 : end]
            found, at = found + environment.get(name, f"$({name})"), end + 1
        else:
            found, at = found + ("$" if following == "$" else f"${following}"), at + 2
    return found


def container(pod: dict[str, Any], environment: dict[str, str] | None = None) -> list[str]:
    """The words of the pod's only container."""
    (only,) = pod["containers"]
    return kubelet([*only["command"], *only["args"]], environment)


def by_a_shell(script: str, folder: Path, program: str, environment: dict[str, str] | None = None) -> list[str]:
    """What the program gets when a shell runs the script: a stub in its place prints its words."""
    stub = folder / program.replace("/", "_")
    stub.write_text(STUB)
    stub.chmod(0o755)
    path = f"{folder}:{os.environ['PATH']}"
    text = script if stub.name == program else f"set -- \n{script.replace(program, str(stub), 1)}"
    found = subprocess.run(["sh", "-euc", text], env={"PATH": path, **(environment or {})}, capture_output=True, text=True, check=True)
    _, *words = found.stdout.rstrip("\0").split("\0")
    return [program, *words]
