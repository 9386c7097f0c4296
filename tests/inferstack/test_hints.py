"""Whatever names a verb or a flag of ours names one that exists: an advice that fails is worse than none."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from inferstack.cli import verbs_table
from inferstack.records import engines

ROOT = Path(__file__).resolve().parents[2]
FOLDERS = ("inferstack", "sizing", "infra", "stacks", "playbooks")
# A command of ours ends where the sentence goes on.
CALL = re.compile(
    r"(?<![\w/.-])inferstack((?: (?:--stack|-s) \S+| --?[a-z][\w-]*(?: [A-Z_]+)?)*) ([a-z]+)"
    r"((?: (?!or\b|and\b|then\b|makes\b)[^\s,;:()]+)*)"
)
FLAG = re.compile(r"(?<![\w-])--[a-z][a-z0-9-]*")
# Words that follow the product's name in a sentence about it.
PROSE = frozenset({"asks", "can", "command", "has", "itself", "keeps", "makes", "may", "never", "reads", "takes"})
RAISED = ("InputError", "Finding", "MissingTool", "CloudRefused", "Interrupted", "ValueError", "say", "confirm", "must_be_askable")
OF_OTHERS = frozenset({
    *("--service-code", "--quota-code", "--desired-value", "--tag-filters", "--policy-name", "--policy-document"),  # aws
    *("--show-sames", "--policy-pack", "--refresh", "--follow"),  # pulumi, git
    *("--silent", "--show-error", "--noproxy", "--cacert", "--connect-to", "--no-index", "--gpus"),  # curl, pip, docker
    *("--write", "--check", "--folder"),  # tools of the checkout, ansible, the daemon of a rehearsal
    "--help", "--install-completion", "--show-completion",
    "--page",  # a column of a page
})  # fmt: skip
"""Flags of other programs, and those that every verb or the command alone has."""

Flags = dict[str, set[str]]
Mention = tuple[str, str]
"""Where a text stands, and the text, with X for what is filled in."""


def hints(folder: Path) -> Iterator[Mention]:
    """Every `hint=`."""
    for path, node in nodes(folder):
        if isinstance(node, ast.keyword) and node.arg == "hint":
            yield from ((f"{path.relative_to(ROOT)}:{node.value.lineno}", text) for text in texts(node.value))


def messages(folder: Path) -> Iterator[Mention]:
    """What a refusal says or advises, and what is told on the way."""
    for path, node in nodes(folder):
        if isinstance(node, ast.Call) and getattr(node.func, "id", getattr(node.func, "attr", "")) in RAISED:
            given = (*node.args, *(one.value for one in node.keywords))
            yield from ((f"{path.relative_to(ROOT)}:{node.lineno}", text) for one in given for text in texts(one))


def constants(folder: Path) -> Iterator[Mention]:
    """Every text of the code, docstrings too."""
    for path, node in nodes(folder):
        if isinstance(node, ast.Constant | ast.JoinedStr):
            yield from ((f"{path.relative_to(ROOT)}:{node.lineno}", text) for text in texts(node))


def nodes(folder: Path) -> Iterator[tuple[Path, ast.AST]]:
    for path in sorted(folder.rglob("*.py")):
        yield from ((path, node) for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))))


def texts(node: ast.AST) -> Iterator[str]:
    if isinstance(node, ast.Constant) and isinstance(node.value, str):
        yield node.value
    elif isinstance(node, ast.JoinedStr):
        yield "".join(str(one.value) if isinstance(one, ast.Constant) else "X" for one in node.values)
    elif isinstance(node, ast.IfExp):
        yield from texts(node.body)
        yield from texts(node.orelse)


def named_constants() -> Iterator[Mention]:
    from inferstack.stack import world
    from infra.calls import refusals

    yield "inferstack.stack.world.LOGIN", world.LOGIN
    for name in vars(refusals):
        if name.isupper() and isinstance(getattr(refusals, name), dict):
            yield from ((f"infra.calls.refusals.{name}", text) for text in getattr(refusals, name).values() if isinstance(text, str))


def lines(paths: list[Path]) -> Iterator[Mention]:
    """Lines of files that are no code, a command that goes on in the next line as one."""
    for path in paths:
        joined = re.sub(r"\\\n\s*", " ", path.read_text(encoding="utf-8"))
        yield from ((f"{path.relative_to(ROOT)}: {line.strip()[:60]}", re.sub(r"[`|]", " ; ", line)) for line in joined.splitlines())


def pages() -> list[Path]:
    return [*sorted(ROOT.glob("*.md")), *sorted((ROOT / "docs").rglob("*.md")), *sorted((ROOT / "examples").rglob("*.md"))]


def other_files() -> list[Path]:
    """Facts with advice in them, messages of playbooks, the files of examples."""
    kinds = {"sizing/facts": ("*.yaml",), "playbooks": ("*.yml", "*.yaml", "*.j2"), "examples": ("*.yaml",), "inferstack": ("*.yaml",)}
    return [path for folder, globs in kinds.items() for one in globs for path in sorted((ROOT / folder).rglob(one))]


HINTS = [*(one for folder in FOLDERS for one in hints(ROOT / folder)), *named_constants()]


def options_by_verb() -> Flags:
    """The flags of each verb, and of each verb of a verb: `weights put`."""
    found = {}
    for name in verbs_table.VERBS:
        verb = verbs_table.load(name)
        inner = {f"{name} {one.name}": one for one in getattr(verb, "commands", {}).values()}
        for called, command in {name: verb, **inner}.items():
            found[called] = {text for one in command.params for text in (*one.opts, *one.secondary_opts)} | {"--help"}
    return found


@pytest.fixture(scope="module")
def options() -> Flags:
    return options_by_verb()


def wrong_calls(text: str, options: Flags) -> Iterator[str]:
    """Commands of ours in a text that no command line would take."""
    for before, verb, after in CALL.findall(text):
        if verb not in options:
            if verb not in PROSE:
                yield f"inferstack {verb}: no such verb"
            continue
        inner = [name for name in options if name.startswith(f"{verb} ")]
        called = next((name for name in inner if after.split()[:1] == [name.split()[1]]), verb)
        if inner and called == verb and re.match(r" [a-z]+(?= |$)", after):
            yield f"inferstack {verb}{after}: no such verb of a verb"
        yield from (f"inferstack {called} has no {flag}" for flag in FLAG.findall(before + after) if flag not in options[called])


def wrong_flags(text: str, known: set[str]) -> Iterator[str]:
    yield from (f"no verb has {flag}" for flag in FLAG.findall(text) if flag not in known | OF_OTHERS)


def problems(text: str, options: Flags) -> list[str]:
    return [*wrong_calls(text, options), *wrong_flags(text, {flag for flags in options.values() for flag in flags})]


def told(mentions: Iterator[Mention] | list[Mention], options: Flags) -> list[str]:
    return [f"{place}: {wrong}: {text}" for place, text in mentions for wrong in problems(text, options)]


def test_there_are_mentions_to_look_at() -> None:
    """The walks find them: hints, texts of the code, lines of the pages."""
    assert 150 < len(HINTS)
    assert 40 < sum(bool(CALL.search(text)) for _, text in HINTS)
    assert 150 < sum(bool(CALL.search(text)) for folder in FOLDERS for _, text in constants(ROOT / folder))
    assert 200 < sum(bool(CALL.search(text)) for _, text in lines(pages()))


def test_every_hint_names_verbs_and_flags_that_exist(options: Flags) -> None:
    """All wrong ones at once, with their place."""
    assert [] == told(HINTS, options)


@pytest.mark.parametrize("folder", FOLDERS)
def test_every_message_names_flags_that_exist(folder: str, options: Flags) -> None:
    """Of every refusal, and of what is said to a person."""
    assert [] == told(messages(ROOT / folder), options)


def test_what_a_verb_says_names_flags_of_that_verb(options: Flags) -> None:
    """Unless it names the verb that has the flag."""
    wrong = []
    for path in sorted((ROOT / "inferstack" / "verbs").rglob("*.py")):
        own = {flag for name, flags in options.items() if name.split()[0] == path.stem for flag in flags}
        for place, text in messages(path.parent) if own else ():
            if place.startswith(f"{path.relative_to(ROOT)}:") and not CALL.search(text):
                wrong += [f"{place}: {one}: {text}" for one in wrong_flags(text, own)]
    assert [] == wrong


@pytest.mark.parametrize("folder", FOLDERS)
def test_every_command_in_the_code_exists(folder: str, options: Flags) -> None:
    """In every constant and docstring."""
    assert [] == [f"{place}: {wrong}" for place, text in constants(ROOT / folder) for wrong in wrong_calls(text, options)]


def test_every_command_in_facts_playbooks_and_examples_exists(options: Flags) -> None:
    """Advice stands there too."""
    assert [] == [f"{place}: {wrong}" for place, text in lines(other_files()) for wrong in wrong_calls(text, options)]


def test_every_command_and_flag_of_the_pages_exists(options: Flags) -> None:
    """README, the change log, every page of docs: ours, an engine's, or another program's by name."""
    of_engines = {flag for name in engines.deployed() for row in engines.options(name) for flag in row["options"]}
    known = {flag for flags in options.values() for flag in flags} | of_engines
    wrong = [f"{place}: {one}" for place, text in lines(pages()) for one in wrong_calls(text, options)]
    wrong += [f"{place}: {one}" for place, text in lines(pages()) if "engine-flags.md" not in place for one in wrong_flags(text, known)]
    assert [] == wrong


def test_what_is_left_out_is_not_ours(options: Flags) -> None:
    """No verb hides among the words of prose, no flag of ours among those of others."""
    assert not PROSE & {name.split()[0] for name in options}
    assert {"--help"} == OF_OTHERS & {flag for flags in options.values() for flag in flags}


@pytest.mark.parametrize(
    ("text", "wrong"),
    [
        ("inferstack destroy --stack X", "inferstack destroy: no such verb"),
        ("inferstack --stack demo report --backend URL", "inferstack report has no --backend"),
        ("inferstack weights get X", "inferstack weights get X: no such verb of a verb"),
        ("inferstack weights put X --seed 4", "inferstack weights put has no --seed"),
        ("or --backends URL", "no verb has --backends"),
        ("inferstack bench --seed 4, then inferstack down --yes", None),
    ],
)
def test_the_check_itself_finds_a_wrong_hint(text: str, wrong: str | None, options: dict[str, Any]) -> None:
    """Each kind of mistake once."""
    assert ([wrong] if wrong else []) == problems(text, options)
