"""What a verb hands to the programs that it starts: no secret of the user's, and no code of the folder that the user stands in."""

from __future__ import annotations

import ast
import base64
import os
import re
import stat
from pathlib import Path

import pytest

import inferstack
from inferstack.cli import secrets, verbs_table
from inferstack.sandbox.control import Sandbox
from inferstack.stack import environment
from playbooks.process import Play, run_play
from tests.inferstack.command_line import CommandLine

ROOT = Path(inferstack.__file__).parent.parent
PACKAGES = ("inferstack", "infra", "playbooks", "sizing", "stacks")
KEY, TOKEN = "canary-key-0123456789", "hf_canary0123456789"


@pytest.fixture
def hostile_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder whose modules are named as ours and as those that we import; each leaves a mark when it is run."""
    here = tmp_path / "hostile"
    for name in (
        "yaml",
        "json",
        "playbooks/__init__",
        "infra/__init__",
        "inferstack/__init__",
        "sizing/__init__",
        "boto3",
    ):
        file = here / f"{name}.py"
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(f"import os; os.close(os.open({str(tmp_path / 'ran')!r}, os.O_CREAT)); raise ImportError('hostile')\n")
    monkeypatch.chdir(here)
    return tmp_path


def test_a_play_runs_nothing_of_the_folder_that_the_user_stands_in(hostile_folder: Path) -> None:
    """A user's own repository has an `infra` package; a downloaded one may have anything."""
    here = {"ansible_connection": "local", "inferstack_drain_wait_s": 1, "endpoint_proxy_engine_unit": "x"}
    told = {"all": {"vars": here, "children": {"nodes": {"hosts": {"i-0a": {}}}}}}
    play = Play(hostile_folder / "private", told, {}, hostile_folder / "facts", 60)
    run_play(play, "drain.yml", on_event=lambda *words: None, cancelled=lambda: False, check=True)
    assert not (hostile_folder / "ran").exists()


def test_the_sweep_of_a_lost_rehearsal_runs_nothing_of_it_either(hostile_folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A PYTHONPATH with an empty part means the current folder too."""
    monkeypatch.setenv("PYTHONPATH", "")
    (hostile_folder / "sandbox-folder").mkdir()
    Sandbox(hostile_folder / "sandbox-folder")._clear()
    assert not (hostile_folder / "ran").exists()


def test_every_python_child_is_started_safely() -> None:
    """-P or -I stands before -m: the current folder is not put first on the path of a module that is started by its name."""
    found, unsafe = 0, []
    for package in PACKAGES:
        for file in sorted((ROOT / package).rglob("*.py")):
            for node in ast.walk(ast.parse(file.read_text())):
                words = [one.value for one in node.elts if isinstance(one, ast.Constant)] if isinstance(node, ast.List) else []
                if "-m" in words:
                    found += 1
                    unsafe += [] if {"-P", "-I"} & set(words[: words.index("-m")]) else [f"{file.relative_to(ROOT)}:{node.lineno}"]
    assert 5 <= found
    assert [] == unsafe


@pytest.mark.parametrize("verb", verbs_table.VERBS)
def test_every_verb_takes_the_secrets_out_of_the_environment(command_line: CommandLine, monkeypatch: pytest.MonkeyPatch, verb: str) -> None:
    """`down` handed them to thirteen children; the rule is the edge's, not a verb's."""
    monkeypatch.setenv(secrets.API_KEY, KEY)
    monkeypatch.setenv(secrets.HF_TOKEN, TOKEN)
    command_line.run(verb, "--help")
    assert not {secrets.API_KEY, secrets.HF_TOKEN} & set(os.environ)
    key, token = secrets.api_key(None), secrets.hugging_face_token(None)
    assert key and token and (KEY, TOKEN) == (key.get_secret_value(), token.get_secret_value())


@pytest.mark.parametrize(
    "key", ["short", "a" * 513, "CANARYKEY!$0123456789abc", "tést-key-0123456789", 'a"b0123456789012345', "k;0123456789012345"]
)
@pytest.mark.parametrize("verb", ["up", "demo"])
def test_a_key_that_a_node_would_refuse_is_refused_before_anything_is_built(
    command_line: CommandLine, request_file: Path, monkeypatch: pytest.MonkeyPatch, key: str, verb: str
) -> None:
    """One rule; the nodes were paid for before theirs was asked."""
    monkeypatch.setenv(secrets.API_KEY, key)
    answer = command_line.run(verb, *([str(request_file), "--rehearse"] if verb == "up" else []), "-y")
    assert 2 == answer.code
    assert "INFERSTACK_API_KEY" in answer.err and key not in answer.err
    assert not (command_line.work / "default").exists() and not (command_line.work / "demo").exists()


def test_the_rule_of_a_key_is_that_of_the_node() -> None:
    """The node's program stands alone and cannot import it."""
    text = (ROOT / "playbooks" / "roles" / "endpoint_proxy" / "files" / "put_keys.py").read_text()
    assert f'TOKEN = r"{secrets.KEY_RULE}"\n' in text


def test_env_exports_nobodys_secret(tmp_path: Path) -> None:
    """What was there before lies in a file of the owner's alone; the shell and its children see the file's name."""
    user = {"PATH": "/bin", "AWS_SECRET_ACCESS_KEY": "REALSECRETCANARY", "PULUMI_ACCESS_TOKEN": "pul-TOKENCANARY"}
    change = environment.rehearsal(
        stack="x", endpoint_url="u", access_key="k", sandbox=tmp_path, region="us-east-1", cli=Path("/x/pulumi"), environment=user
    )
    lines = environment.shell(change, tmp_path / "env", user)
    encoded = base64.b64encode(b"REALSECRETCANARY").decode().rstrip("=")[3:-3]
    assert "CANARY" not in lines and encoded not in lines
    assert all(len(line) < 400 for line in lines.splitlines() if "PATH" not in line)
    [file] = (tmp_path / "env").iterdir()
    assert (0o600, 0o700) == (stat.S_IMODE(file.stat().st_mode), stat.S_IMODE(file.parent.stat().st_mode))
    inside = {"PATH": "/bin", environment.BEFORE: str(file)}
    assert "export AWS_SECRET_ACCESS_KEY=REALSECRETCANARY\n" in environment.shell_unset(inside)
    assert not file.exists()


def test_a_file_that_others_may_write_is_not_believed(tmp_path: Path) -> None:
    """Another user of the machine could choose the endpoint of a real stack by it."""
    file = tmp_path / "before.json"
    file.write_text('{"AWS_ENDPOINT_URL": "https://evil.example"}')
    file.chmod(0o644)
    assert f"unset {environment.BEFORE}\n" == environment.shell_unset({environment.BEFORE: str(file)})


def test_no_script_writes_to_a_name_that_others_can_guess() -> None:
    """As root, a link of another user at /tmp/NAME.PID would be followed."""
    scripts = [*(ROOT / "tools").rglob("*.sh"), ROOT / "Makefile", *(ROOT / ".ci").iterdir()]
    assert 3 < len(scripts)
    assert [] == [str(one) for one in scripts if re.search(r"/tmp/|\$\$\$\$|[^$]\$\$[^$({]", one.read_text()) and one.name != "Makefile"]
    assert "/tmp/" not in (ROOT / "Makefile").read_text()
