"""Text of others on a terminal, in JSON and in Markdown: shown, and nothing else."""

from __future__ import annotations

import io
import json
import re
from typing import Any

import pytest

from inferstack.cli import printable
from inferstack.cli.screen import Screen
from inferstack.show import markdown, tables
from tests.inferstack.command_line import CommandLine

CONTROLS = [
    "\x1b]0;OWNED\x07",
    "\x1b[2J",
    "\x9b31m",
    "\x7f",
    "\r",
    "\x00",
    "\u202e",
    "\u2066",
    "\u200b",
    "\u2028",
    "\ufeff",
    "\x85",
    "\x08",
]
BAD = re.compile("[\x00-\x09\x0b-\x1f\x7f-\x9f\u00ad\u200b-\u200f\u2028-\u202e\u2060-\u206f\ufeff]")


class Terminal(io.StringIO):
    def isatty(self) -> bool:
        return True


@pytest.mark.parametrize("control", CONTROLS)
def test_a_line_is_one_line_of_visible_characters(control: str) -> None:
    """The cursor stays, the title stays, and no line is forged; what was there is readable."""
    said = io.StringIO()
    Screen(out=said, err=said, verbose=True).say(f"a{control}b\nFAKE LINE: $0.01/h")
    assert not BAD.search(said.getvalue())
    assert 1 == said.getvalue().count("\n") and said.getvalue().startswith("a\\")


@pytest.mark.parametrize("control", CONTROLS)
@pytest.mark.parametrize("kind", [io.StringIO, Terminal])
def test_a_table_and_a_heading_let_through_richs_own_controls_alone(kind: Any, control: str) -> None:
    """On a terminal and in a file."""
    said = kind()
    screen = Screen(out=said, err=said, environment={"TERM": "xterm", "COLUMNS": "200"})
    tables.table(screen, [tables.name("name")], [[f"a{control}b\nc"]])
    tables.heading(screen, f"h{control}")
    without_colours = re.sub("\x1b\\[[0-9;]*m", "", said.getvalue()).replace("\r\n", "\n")
    assert not BAD.search(without_colours)
    assert "OWNED" not in control or "\\x1b]0;OWNED\\x07" in without_colours


@pytest.mark.parametrize("control", CONTROLS)
def test_json_means_the_same_and_holds_no_control(control: str) -> None:
    """A document that a person lets run over the screen."""
    said = io.StringIO()
    Screen(as_json=True, out=said, err=said).answer({f"k{control}": [f"a{control}\U000e0041"]})
    assert {f"k{control}": [f"a{control}\U000e0041"]} == json.loads(said.getvalue())
    assert not BAD.search(said.getvalue())


@pytest.mark.parametrize(
    "arguments",
    [
        ("plan", "--model", "\x1b]0;OWNED\x07\u202e", "--users", "5"),
        ("plan", "--model", "Llama-3.1-8B-Instruct", "--users", "5", "--region", "eu\x1b[2J\n-1"),
        ("\x1b[2Jplan",),
        ("runs", "--stack", "a\x1b[1A"),
        ("plan", "\x1b[2J.yaml"),
        ("bill", "--region", "\x9b2J", "no.json"),
    ],
)
def test_an_error_line_shows_what_was_given_as_an_escape(command_line: CommandLine, arguments: tuple[str, ...]) -> None:
    """One line, one hint, nothing of the given text acts."""
    for more in ((), ("--json",)):
        answer = command_line.run(*arguments, *more)
        assert 2 == answer.code
        assert not BAD.search(answer.err + answer.out)


@pytest.mark.parametrize(
    "hostile",
    [
        "</details><img src=x onerror=alert(1)>",
        "@everyone",
        "![p](https://example.org/p.png)",
        "<script>",
        "a | b \\| c",
        "`code` @x",
        "x\n# y",
    ],
)
def test_markdown_shows_a_name_and_does_nothing(hostile: str) -> None:
    """No tag, no mention, no picture, no link, no end of a cell or of a fold."""
    shown = markdown.text(hostile)
    assert "<" not in shown and "\n" not in shown
    assert not re.search(r"@(?!&#8203;)", shown)
    assert not re.search(r"(?<!\\)[|`\[!]", shown.replace("\\\\", ""))
    assert shown == markdown.code(hostile)
    assert "`aws:ec2/vpc:Vpc`" == markdown.code("aws:ec2/vpc:Vpc")


def test_a_block_keeps_its_own_lines() -> None:
    """Laid-out text has line ends; the rest of it is as strict."""
    assert "a\nb\\x1b" == printable.block("a\nb\x1b")
