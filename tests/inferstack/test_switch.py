"""`env` and `env --unset`: into a world and exactly back, in a real sh; and what a rehearsal may see."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from inferstack.stack import environment as switch

CLI = Path("/opt/tools with blank/pulumi")
SHELLS = [name for name in ("sh", "bash", "dash", "zsh") if shutil.which(name)]


def change(environment: dict[str, str], tmp_path: Path) -> switch.Change:
    return switch.rehearsal(
        stack="x",
        endpoint_url="http://127.0.0.1:5",
        access_key="rehearsal-x",
        sandbox=tmp_path / "it's a folder",
        region="us-east-1",
        cli=CLI,
        environment=environment,
    )


@pytest.mark.parametrize("shell", SHELLS)
def test_set_and_unset_give_the_shell_back_as_it_was(tmp_path: Path, shell: str) -> None:
    """Not one variable differs afterwards, odd characters and all; twice in a row is undone by one unset."""
    before = {"PATH": os.environ["PATH"], "AWS_PROFILE": "mine $HOME `x` 'q' \"d\"\n2", "PULUMI_STACK": "", "HOME": str(tmp_path)}
    enter = f"eval \"$({sys.executable} -c 'from tests.inferstack.test_switch import say; say()')\""
    undo = f"eval \"$({sys.executable} -c 'from inferstack.stack import environment; print(environment.shell_unset(), end=str())')\""
    script = f"env -0 > before; {enter}; {enter}; env -0 > during; {undo}; env -0 > after"
    root = str(Path(__file__).resolve().parents[2])
    done = subprocess.run(
        [shell, "-c", script], cwd=tmp_path, env={**before, "PYTHONPATH": root}, capture_output=True, text=True, check=True
    )
    assert "" == done.stderr
    assert _variables(tmp_path / "before") == _variables(tmp_path / "after")
    during = _variables(tmp_path / "during")
    assert "AWS_PROFILE" not in during and "PULUMI_STACK" not in during
    assert ("rehearsal-x", "http://127.0.0.1:5") == (during["AWS_ACCESS_KEY_ID"], during["AWS_ENDPOINT_URL"])
    assert 1 == during["PATH"].split(":").count(str(CLI.parent))


def say() -> None:
    """What a child of the shell prints; it sees the shell's variables."""
    switch.leave_entered()
    print(switch.shell(change(dict(os.environ), Path("/tmp/x")), Path(os.environ["HOME"]) / "env"), end="")


def _variables(path: Path) -> dict[str, str]:
    pairs = (entry.partition("=") for entry in path.read_text().split("\0") if entry)
    return {name: value for name, _, value in pairs if name not in ("_", "SHLVL", "OLDPWD", "PWD")}


def test_a_rehearsal_sees_nothing_of_the_users_clouds(tmp_path: Path) -> None:
    """Every AWS_* and PULUMI_* variable is set by us or taken away."""
    environment = {"PATH": "/bin", "AWS_SESSION_TOKEN": "t", "AWS_PROFILE": "p", "PULUMI_ACCESS_TOKEN": "a", "AWS_ENDPOINT_URL_S3": "x"}
    found = change(environment, tmp_path)
    assert [None] * 4 == [found[name] for name in ("AWS_SESSION_TOKEN", "AWS_PROFILE", "PULUMI_ACCESS_TOKEN", "AWS_ENDPOINT_URL_S3")]
    assert "127.0.0.1" in str(found["NO_PROXY"])


def test_unset_without_set_prints_nothing() -> None:
    """It undoes only what was done."""
    assert "" == switch.shell_unset({"PATH": "/bin"})


def test_the_process_gets_its_own_variables_back(tmp_path: Path) -> None:
    """Inside a verb the switch lasts as long as the world is open, also when the verb fails."""
    environment = {"PATH": "/bin", "AWS_PROFILE": "mine"}
    with pytest.raises(ValueError), switch.applied(change(environment, tmp_path), environment):
        assert "AWS_PROFILE" not in environment
        raise ValueError
    assert {"PATH": "/bin", "AWS_PROFILE": "mine"} == environment
