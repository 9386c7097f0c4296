"""Where a real stack's state lies may be said to every verb that opens a stack, and the refusal of each names the flag."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from inferstack.records.configured import Configured
from inferstack.records.errors import InputError
from inferstack.stack import environment, toolchain, world
from inferstack.stack.workdir import Workdir
from tests.inferstack import test_standing_cluster as standing
from tests.inferstack.command_line import CommandLine

MODEL = "meta-llama/Llama-3.1-8B-Instruct"
OPENING: dict[str, tuple[str, ...]] = {
    "preview": ("preview",),
    "up": ("up", "--yes"),
    "configure": ("configure",),
    "bench": ("bench",),
    "connect": ("connect",),
    "extend": ("extend", "--by", "2h"),
    "env": ("env",),
    "down": ("down", "--yes"),
    "weights put": ("weights", "put", MODEL),
}


@pytest.fixture
def real_stack(command_line: CommandLine, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> CommandLine:
    """A stack `x` of a real account that is built, for which no backend was chosen, and no login of Pulumi's."""
    monkeypatch.setenv("PULUMI_HOME", str(tmp_path / "pulumi"))
    monkeypatch.setattr(toolchain, "pulumi", lambda say: Path("pulumi"))
    monkeypatch.setattr(world, "say_endpoints", lambda command, profile: None)
    standing.plan(command_line, "g6.xlarge")
    stack = Workdir(command_line.work).stack("x")
    stack.write(stack.record().replaced(rehearsal=False))
    standing.build(command_line)
    run = stack.current()
    assert run
    names = {"planned_model": MODEL, "planned_engine": "vllm", "served_model": MODEL, "served_engine": "vllm"}
    run.write(
        Configured(created_at=standing.NOW, stack="x", rehearsal=False, weights_manifest_sha256="0" * 64, hosts=(), duration_s=1, **names)
    )
    return command_line


@pytest.mark.parametrize("verb", OPENING)
def test_backend_and_profile_reach_the_world_that_a_verb_opens(verb: str, real_stack: CommandLine, monkeypatch: pytest.MonkeyPatch) -> None:
    """They are recorded with the stack as well, so that no later verb needs them."""
    asked: dict[str, Any] = {}

    def opened(**given: Any) -> environment.Change:
        asked.update(given)
        raise InputError("far enough")

    monkeypatch.setattr(environment, "real", opened)
    answer = real_stack.run(*OPENING[verb], "--stack", "x", "--backend", "s3://states", "--profile", "team")
    assert (2, "Error: far enough") == (answer.code, answer.err.splitlines()[-1]), answer
    assert ("s3://states", "team") == (asked["backend"], asked["profile"])
    record = Workdir(real_stack.work).stack("x").record()
    assert ("s3://states", "team") == (record.backend, record.profile)


@pytest.mark.parametrize("verb", OPENING)
def test_a_verb_without_a_backend_names_the_flag_that_it_takes(verb: str, real_stack: CommandLine) -> None:
    """The advice can be followed word by word."""
    answer = real_stack.run(*OPENING[verb], "--stack", "x")
    refusal, hint = answer.err.splitlines()[-2:]
    assert 2 == answer.code and refusal.startswith("Error: no Pulumi backend"), answer
    assert "--backend s3://BUCKET" in hint
    assert "--backend" in real_stack.run(*OPENING[verb][: len(verb.split())], "--help").out


def test_every_verb_that_opens_a_stack_is_tried() -> None:
    """A module of a verb that opens one, by itself or by the chain, stands in the list above; `demo` opens rehearsals alone."""
    folder = Path(world.__file__).parents[1] / "verbs"
    openers = ("stack_access.opened(", "stack_access.opened_cluster(", "world.opened(", "teardown.down(")
    opening = {path.stem for path in folder.rglob("*.py") if any(one in path.read_text(encoding="utf-8") for one in openers)}
    assert {name.split()[0] for name in OPENING} | {"demo"} == opening
