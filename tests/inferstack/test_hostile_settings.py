"""A hostile text in every setting: refused in one line with exit code 2, or a text that does nothing wherever it goes."""

from __future__ import annotations

import re
import subprocess
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
import yaml
from hypothesis import given
from hypothesis import settings as examples
from hypothesis import strategies as st

from inferstack.cli import settings
from inferstack.records.errors import InputError
from inferstack.records.settings import StackConfig
from inferstack.stack import environment
from stacks import settings as pulumi_settings
from tests.inferstack.command_line import CommandLine

BAD = re.compile("[\x00-\x09\x0b-\x1f\x7f-\x9f\u200b-\u200f\u2028-\u202e\u2066-\u2069\ufeff]")
HOSTILE = [
    "{{ lookup('ansible.builtin.pipe', 'touch MARKER') }}",
    "x\nExecStartPre=+/bin/touch MARKER",
    "$(touch MARKER)`touch MARKER`",
    "'; touch MARKER; '",
    '%H ${PATH} "; {}',
    "\x1b]0;OWNED\x07\x1b[2J",
    "a\u202eb\u2028FAKE LINE",
    "<script>alert(1)</script>",
    "a | b\nFAKE LINE: $0.01/h",
    "x\0y",
]
TEXTS = [name for name, field in settings.Settings.model_fields.items() if "float" not in str(field.annotation)]


def filled(name: str, text: str) -> list[Any]:
    """The text wherever the setting holds one."""
    annotation = settings.Settings.model_fields[name].annotation
    if annotation == dict[str, str]:
        return [{"k": text}, {text: "v"}]
    return [[text], [f"subnet-{text}"], [f"{text}@b.cd"]] if annotation == tuple[str, ...] else [text, f"x-{text}"]


@pytest.mark.parametrize("hostile", HOSTILE)
@pytest.mark.parametrize("name", TEXTS)
def test_a_setting_of_others_is_refused_or_shown(command_line: CommandLine, name: str, hostile: str) -> None:
    """`inferstack settings` says what is wrong, or shows it without a control character and without a forged line."""
    for value in filled(name, hostile):
        (command_line.here / "inferstack.yaml").write_text(yaml.safe_dump({name: value}))
        answer = command_line.run("settings")
        assert answer.code in (0, 2), answer.err
        assert not BAD.search(answer.out + answer.err)
        assert not re.search("^ *(FAKE|Exec)", answer.out + answer.err, re.MULTILINE)
        assert 0 == answer.code or 1 == answer.err.count("Error:"), answer.err


def test_only_these_settings_are_free_text(tmp_path: Path) -> None:
    """Names of a profile, a file and a backend are whatever their owner says, on one line; all others keep a rule."""
    tried = [(name, text, value) for name in TEXTS for text in HOSTILE for value in filled(name, text)]
    free = {(name, text) for name, text, value in tried if accepted(tmp_path, name, value)}
    assert {"profile", "usage", "backend", "budget_alarm_to", "tags"} >= {name for name, _ in free} >= {"profile", "usage", "backend"}
    assert {text for _, text in free} <= {text for text in HOSTILE if not BAD.search(text) and "\n" not in text}


def accepted(tmp_path: Path, name: str, value: Any) -> settings.Settings | None:
    file = tmp_path / "inferstack.yaml"
    file.write_text(yaml.safe_dump({name: value}))
    try:
        return settings.load(root=tmp_path, environment={"INFERSTACK_SETTINGS": str(file)}).settings
    except InputError as error:
        assert error.message.startswith(str(file))
        return None


@pytest.mark.parametrize("hostile", HOSTILE)
def test_the_lines_for_a_shell_run_nothing(tmp_path: Path, hostile: str) -> None:
    """`eval "$(inferstack env)"` of a stack whose profile and backend are such texts sets them as they are."""
    marker = tmp_path / "marker"
    text = hostile.replace("MARKER", str(marker))
    found = accepted(tmp_path, "profile", text), accepted(tmp_path, "backend", text)
    assert text.isprintable() == (found != (None, None))
    if not text.isprintable():  # the lines themselves are safe for it too, but no process can be given a NUL
        text = text.replace("\0", "")
    change = environment.real(region="us-east-1", profile=text, backend=text, cli=Path("/opt/pulumi"), environment={})
    script = environment.shell(change, tmp_path / "kept", {}) + 'printf "%s" "$AWS_PROFILE$PULUMI_BACKEND_URL"'
    done = subprocess.run(["/bin/sh", "-c", script], capture_output=True, check=True)
    assert (text * 2).encode() == done.stdout
    assert not marker.exists()


@examples(max_examples=40)
@given(value=st.text(max_size=40), name=st.sampled_from(("profile", "usage", "backend", "tags")))
def test_an_accepted_text_comes_back_from_pulumis_configuration_as_it_is(
    tmp_path_factory: pytest.TempPathFactory, value: str, name: str
) -> None:
    """What is written into `Pulumi.<stack>.yaml` and read back by the program is the same text, neither more nor other keys."""
    folder = tmp_path_factory.mktemp("pulumi")
    try:
        found = accepted(folder, name, {"note": value} if name == "tags" else value)
    except UnicodeEncodeError:
        return
    if found is None:
        return
    config = StackConfig(
        stack="x", kind="base", rehearsal=True, region="us-east-1", account_id="0" * 12, tags=found.tags, usage=found.usage,
        begins_at=datetime(2026, 1, 1, tzinfo=UTC),
    )  # fmt: skip
    written = yaml.safe_load(pulumi_settings.write(folder, config).read_text())["config"]
    assert set(pulumi_settings.to_pulumi(config)) == set(written)
    as_engine = {key: value if isinstance(value, str) else yaml_as_json(value) for key, value in written.items()}
    assert config == pulumi_settings.from_pulumi("x", as_engine)


def yaml_as_json(value: Any) -> str:
    """The engine hands numbers, truths, lists and mappings over as JSON."""
    import json

    return json.dumps(value)
