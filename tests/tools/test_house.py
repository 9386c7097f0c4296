"""tools/house.py: each rule is red on a planted fault of its kind, and counts what it says."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from tools import house
from tools.house import House, Measure, SourceFile

Rule = Callable[[House], Measure]


def built(*modules: tuple[str, str], pages: tuple[tuple[str, str], ...] = ()) -> House:
    return House(tuple(SourceFile(path, text) for path, text in modules), pages)


CLEAN = built(
    ("infra/a.py", '"""A."""\n\n\ndef ask() -> None:\n    """Ask."""\n'),
    ("sizing/b.py", "# Why one.\nONE = 1\n"),
    pages=(("README.md", "Plan, build, measure, remove.\n"),),
)
LONG = "def ask():\n" + "    pass\n" * 50
FAULTS: dict[str, tuple[Rule, House, str]] = {
    "21 modules in a folder": (
        house.modules_a_folder,
        built(*((f"infra/calls/m{number}.py", "") for number in range(21))),
        "infra/calls: 21 modules",
    ),
    "a class name twice": (
        house.class_names,
        built(("infra/a.py", "class Found: ..."), ("stacks/b.py", "class Found: ...")),
        "Found: infra/a.py, stacks/b.py",
    ),
    "two files that import each other": (
        house.circles,
        built(("infra/a.py", "from infra import b"), ("infra/b.py", "from infra.a import x")),
        "infra.a <-> infra.b",
    ),
    "three files in a ring": (
        house.circles,
        built(("infra/a.py", "import infra.b"), ("infra/b.py", "import infra.c"), ("infra/c.py", "import infra.a")),
        "infra.a <-> infra.b <-> infra.c",
    ),
    "a circle for types alone": (
        house.circles,
        built(("infra/a.py", "if TYPE_CHECKING:\n    from infra.b import x"), ("infra/b.py", "from infra.a import y")),
        "infra.a <-> infra.b",
    ),
    "a function of 51 lines": (house.function_lines, built(("infra/a.py", LONG)), "infra/a.py:1 ask: 51 lines"),
    "a docstring that begins with a preposition": (
        house.first_words,
        built(("infra/a.py", 'def ask():\n    """Of the facts."""\n')),
        "infra/a.py:1 ask: Of the facts.",
    ),
    "a docstring that begins with a participle": (
        house.first_words,
        built(("infra/a.py", 'class Ask:\n    """Compared by value."""\n')),
        "infra/a.py:1 Ask: Compared by value.",
    ),
    "constants without a word": (house.comment_share, built(("sizing/a.py", "ONE = 1\n" * 100)), "0 comments in 100 lines"),
    "directives in place of comments": (house.comment_share, built(("sizing/a.py", "ONE = 1  # noqa: X\n" * 9)), "0 comments in 9 lines"),
    "an engine's name outside its file": (
        house.engine_names,
        built(("sizing/memory/a.py", 'NAME = "vllm"')),
        "sizing/memory/a.py:1: 'vllm'",
    ),
    "a word of the house's own": (
        house.words,
        built(pages=(("docs/a.md", "x\nbought as spot"),)),
        "docs/a.md:2: 'bought as', say 'pricing option'",
    ),
    "a word of the house's own in an error": (
        house.messages,
        built(("infra/a.py", 'raise InputError(\n    f"{path}: came cut off"\n)')),
        "infra/a.py:2: 'came cut off', say 'was cut off'",
    ),
    "a word of the house's own in a hint": (
        house.messages,
        built(("stacks/a.py", 'told = Refused("no", hint="mend the file")')),
        "stacks/a.py:1: 'mend', say 'fix or correct'",
    ),
    "a word of the house's own in help": (
        house.messages,
        built(("inferstack/a.py", 'typer.Option(help="Refuse anything dearer.")')),
        "inferstack/a.py:1: 'dearer', say 'more expensive'",
    ),
    "a word of the house's own on the screen": (
        house.messages,
        built(("inferstack/a.py", 'screen.say("the sweep goes on")')),
        "inferstack/a.py:1: 'goes on', say 'continues'",
    ),
}


@pytest.mark.parametrize("kind", FAULTS)
def test_a_planted_fault_of_each_kind_is_found_at_its_place(kind: str) -> None:
    """The rule names file and line, and the tool ends with 1 by it."""
    rule, faulty, place = FAULTS[kind]
    assert place in rule(faulty).faults
    assert () == rule(CLEAN).faults


def test_every_rule_of_the_house_has_a_planted_fault() -> None:
    """A rule that cannot be red is none."""
    assert set(house.RULES) == {rule for rule, _, _ in FAULTS.values()}


@pytest.mark.parametrize(
    ("rule", "allowed"),
    [
        (house.modules_a_folder, built(*((f"infra/calls/m{number}.py", "") for number in range(20)), ("infra/calls/__init__.py", ""))),
        (house.class_names, built(("infra/a.py", "class _Found: ..."), ("stacks/b.py", "class _Found: ..."))),
        (house.circles, built(("infra/a.py", "from infra import b"), ("infra/b.py", "def ask():\n    from infra import a\n"))),
        (house.function_lines, built(("infra/a.py", "def ask():\n" + "    pass\n" * 49))),
        (house.first_words, built(("infra/a.py", 'def ask():\n    """Embed the text."""\n'))),
        (house.comment_share, built(("sizing/a.py", "# Why.\n" + "ONE = 1\n" * 49))),
        (
            house.engine_names,
            built(("sizing/engines/vllm.py", 'NAME = "vllm"'), ("sizing/a.py", '"""Like vllm."""\n'), ("infra/a.py", 'X = "vllm"')),
        ),
        (
            house.messages,
            built(("infra/a.py", '"""Made anew."""\nraise InputError("recommend a type")\n'), ("tools/b.py", 'print("anew")')),
        ),
    ],
)
def test_what_a_rule_allows_is_no_fault(rule: Rule, allowed: House) -> None:
    """The limit itself, and what the rule is not about."""
    assert () == rule(allowed).faults


def test_the_tool_ends_with_one_where_a_rule_is_broken(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    """Each figure is printed with its limit, good or bad."""
    monkeypatch.setattr(house.sys, "argv", ["house.py"])
    for faulty, code in ((CLEAN, 0), (FAULTS["a class name twice"][1], 1)):
        monkeypatch.setattr(House, "read", classmethod(lambda cls, root, faulty=faulty: faulty))
        assert code == house.main()
        assert len(house.RULES) == sum(line.startswith(("ok", "FAIL")) for line in capsys.readouterr().out.splitlines())
