"""Every hint names verbs and flags that exist: an advice that fails is worse than none."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from inferstack.cli import verbs_table

ROOT = Path(__file__).resolve().parents[2]
FOLDERS = ("inferstack", "sizing", "infra", "stacks", "playbooks")
# A command of ours ends where the sentence goes on.
CALL = re.compile(r"(?<![\w/.-])inferstack((?: --?[a-z][\w-]*(?: [A-Z_]+)?)*) ([a-z]+)((?: (?!or\b|and\b|then\b|makes\b)[^\s,;:()]+)*)")
FLAG = re.compile(r"(?<![\w-])--[a-z][a-z0-9-]*")
OF_OTHERS = frozenset({"--service-code", "--quota-code", "--desired-value", "--show-sames", "--help"})  # of aws, of pulumi, of all


def hints(folder: Path) -> Iterator[tuple[str, str]]:
    """Where a hint stands, and its text with X for what is filled in: every `hint=`, and every constant whose name says that it is one."""
    for path in sorted(folder.rglob("*.py")):
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            value = node.value if isinstance(node, ast.keyword) and node.arg == "hint" else None
            for text in texts(value) if value is not None else ():
                yield f"{path.relative_to(ROOT)}:{getattr(value, 'lineno', 0)}", text


def texts(node: ast.AST) -> Iterator[str]:
    if isinstance(node, ast.Constant) and isinstance(node.value, str):
        yield node.value
    elif isinstance(node, ast.JoinedStr):
        yield "".join(str(one.value) if isinstance(one, ast.Constant) else "X" for one in node.values)
    elif isinstance(node, ast.IfExp):
        yield from texts(node.body)
        yield from texts(node.orelse)


def named_constants() -> Iterator[tuple[str, str]]:
    from inferstack.stack import world
    from infra.calls import refusals

    yield "inferstack.stack.world.LOGIN", world.LOGIN
    for name in vars(refusals):
        if name.isupper() and isinstance(getattr(refusals, name), dict):
            yield from ((f"infra.calls.refusals.{name}", text) for text in getattr(refusals, name).values() if isinstance(text, str))


ALL = [*(one for folder in FOLDERS for one in hints(ROOT / folder)), *named_constants()]


def options_by_verb() -> dict[str, set[str]]:
    found = {}
    for name in verbs_table.VERBS:
        verb = verbs_table.load(name)
        inner = [verb, *getattr(verb, "commands", {}).values()]
        found[name] = {text for command in inner for parameter in command.params for text in (*parameter.opts, *parameter.secondary_opts)}
    return found


@pytest.fixture(scope="module")
def options() -> dict[str, set[str]]:
    return options_by_verb()


def problems(text: str, options: dict[str, set[str]]) -> list[str]:
    wrong = []
    for before, verb, after in CALL.findall(text):
        if verb not in options:
            wrong.append(f"inferstack {verb}: no such verb")
        else:
            wrong += [f"inferstack {verb} has no {flag}" for flag in FLAG.findall(before + after) if flag not in options[verb] | {"--help"}]
    known = {flag for flags in options.values() for flag in flags} | OF_OTHERS
    wrong += [f"no verb has {flag}" for flag in FLAG.findall(text) if flag not in known]
    return wrong


def test_there_are_hints_to_look_at() -> None:
    """The walk finds them: more than a hundred, dozens of them with a command of ours."""
    assert 150 < len(ALL)
    assert 40 < sum(bool(CALL.search(text)) for _, text in ALL)


def test_every_hint_names_verbs_and_flags_that_exist(options: dict[str, Any]) -> None:
    """All wrong ones at once, with their place."""
    assert [] == [f"{place}: {wrong}: {text}" for place, text in ALL for wrong in problems(text, options)]


@pytest.mark.parametrize(
    ("text", "wrong"),
    [
        ("inferstack destroy --stack X", "inferstack destroy: no such verb"),
        ("inferstack report --backend URL", "inferstack report has no --backend"),
        ("or --backends URL", "no verb has --backends"),
        ("inferstack bench --seed 4, then inferstack down --yes", None),
    ],
)
def test_the_check_itself_finds_a_wrong_hint(text: str, wrong: str | None, options: dict[str, Any]) -> None:
    """Each kind of mistake once."""
    assert ([wrong] if wrong else []) == problems(text, options)
