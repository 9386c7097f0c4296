"""Values of others in systemd units and nginx's configuration: quoted so that the reader gives them back, or refused."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from playbooks import words
from playbooks.words import unit_word
from tests.playbooks.units import FOLDER, rendered

UNITS = sorted(path for path in FOLDER.glob("roles/*/templates/*") if ".service" in path.name or ".mount" in path.name)
ROLES = ("engine_llamacpp", "engine_trtllm", "engine_vllm")


@pytest.mark.parametrize(
    ("value", "expected"),
    [
        ("plain", '"plain"'),
        ("two words", '"two words"'),
        ('{"a": "${PATH} 5%"}', '"{\\"a\\": \\"$${PATH} 5%%\\"}"'),
        ("back\\slash", '"back\\\\slash"'),
        ("", '""'),
        (8000, '"8000"'),
    ],
)
def test_a_word_of_a_command_is_quoted_by_the_rules_of_systemd(value: object, expected: str) -> None:
    """Double quotes, C escapes, and doubled percent and dollar signs, as systemd.service(5) has them."""
    assert expected == unit_word(value)


@pytest.mark.parametrize("bad", ["\n", "\r", "\x00", "\t", "\x1b", "\x7f", "\x85", "\u2028", "\u2029", "\udcff"])
@pytest.mark.parametrize("kind", words.KINDS)
def test_a_character_that_ends_or_hides_a_line_is_refused(bad: str, kind: str) -> None:
    """No quoting carries them: systemd ends a directive at a newline whatever stands around it."""
    with pytest.raises(ValueError, match="control character"):
        unit_word(f"acme/m{bad}ExecStartPre=+/bin/sh", kind)


@pytest.mark.parametrize("bad", ["ends with \\", " blank", "blank ", ""])
def test_a_line_without_quotes_takes_no_continuation(bad: str) -> None:
    """A backslash at the end of a description would draw the next directive into it."""
    with pytest.raises(ValueError):
        unit_word(bad, words.LINE)


def test_an_environment_keeps_its_dollar_signs() -> None:
    """systemd.exec(5): "$" has no special meaning in Environment=."""
    assert '"A=$x 5%%"' == unit_word("A=$x 5%", words.ENVIRONMENT)


@pytest.mark.parametrize("unit", UNITS, ids=lambda path: path.name)
def test_every_value_of_every_unit_goes_through_the_filter(unit: Path) -> None:
    """No expression of a unit's template but the header is written without it."""
    expressions = re.findall(r"\{\{(.*?)\}\}", unit.read_text())
    assert [] == [one for one in expressions if "inferstack_unit_word" not in one and one.strip() != "ansible_managed"]
    assert expressions


def test_every_value_of_the_proxy_goes_through_its_filter() -> None:
    """No expression of nginx's template but the header is written without it."""
    text = (FOLDER / "roles" / "endpoint_proxy" / "templates" / "nginx.conf.j2").read_text()
    expressions = [one.strip() for one in re.findall(r"\{\{(.*?)\}\}", text)]
    assert [] == [one for one in expressions if "inferstack_nginx_word" not in one and one != "ansible_managed"]


@pytest.mark.parametrize("role", ROLES)
@pytest.mark.parametrize("where", ["served_name", "gguf", "argv", "model_folder"])
def test_a_newline_in_any_value_refuses_the_unit(role: str, where: str) -> None:
    """A directive cannot be smuggled in by a name, a file, a folder or a flag."""
    hostile = "acme/m\nExecStartPre=+/bin/sh -c 'id > /run/pwned'\nX="
    if where == "gguf" and role != "engine_llamacpp":
        return
    with pytest.raises(Exception, match="control character"):
        rendered(role, **{where: [hostile] if where == "argv" else hostile})


@pytest.mark.parametrize("value", ["a b", "a;", "a{", "a}", "$a", 'a"', "a\n", "a#", "a\\", "", "ä"])
def test_a_word_of_nginx_is_a_name_a_path_or_a_number(value: str) -> None:
    """Anything that could end a directive or name a variable is refused."""
    with pytest.raises(ValueError):
        words.nginx_word(value)
    assert "/etc/inferstack" == words.nginx_word("/etc/inferstack")
