"""What needs an extra says so before it begins, and what needs none loads nothing of one."""

from __future__ import annotations

import json
import subprocess
import sys
import tomllib
from importlib import metadata
from pathlib import Path

import pytest

from inferstack.cli import extras, verbs_table
from inferstack.records.errors import MissingTool
from inferstack.records.files import places
from tests.inferstack.command_line import CommandLine

ROOT = Path(__file__).resolve().parents[2]
REQUEST = "model: Llama-3.1-8B-Instruct\nisl: 512\nosl: 64\nrequest_rate: 4\n"
FLEET = "models:\n  - {name: chat, request: {model: Llama-3.1-8B-Instruct, request_rate: 2, isl: 512, osl: 64}}\n"
REQUIRED = [
    "rich<16,>=14",
    "not-there==1.44.5; extra == 'cloud'",
    'hatchling>=1; extra == "cloud"',
    "not-here-either[server]==5; python_version < '4' and extra == 'rehearsal'",
    "inferstack[cloud]; extra == 'rehearsal'",
]
HEAVY = (
    "pulumi",
    "pulumi_aws",
    "boto3",
    "botocore",
    "ansible",
    "ansible_runner",
    "httpx",
    "huggingface_hub",
    "cryptography",
    "grpc",
    "moto",
)
PURE = (
    ("plan", "request.yaml"),
    ("explain",),
    ("explain", "does Llama 3.1 8B in bf16 fit on one L4?"),
    ("simulate",),
    ("compare",),
    ("fleet", "fleet.yaml"),
    ("report",),
    *(
        ("export", "--to", tool)
        for tool in ("vllm", "docker-compose", "kubernetes", "llm-d", "production-stack", "kserve", "skypilot", "dstack")
    ),
    ("bill",),
    ("diff", "current", "current"),
    ("model", "list", "llama"),
    ("model", "show", "Llama-3.1-8B-Instruct"),
    ("model", "add", "Llama-3.1-8B-Instruct"),
    ("prices", "list", "--regions"),
    ("settings",),
    ("runs",),
    ("status",),
    ("migrate",),
    ("env", "--unset"),
)
RUN_ALL = f"""
import json, os, sys
from inferstack.cli import edge
os.environ["NO_COLOR"] = "1"
told = sys.stdout
for verb in json.loads(sys.argv[1]):
    sys.stdout = sys.stderr
    code = edge.run(verb)
    loaded = [name for name in {HEAVY!r} if name in sys.modules]
    print(json.dumps([" ".join(verb), code, loaded]), file=told)
"""


@pytest.fixture
def plain_install(monkeypatch: pytest.MonkeyPatch) -> None:
    """An installed wheel, of whose extras two packages are missing."""
    monkeypatch.setattr(metadata, "requires", lambda name: REQUIRED)
    monkeypatch.setattr(places, "is_checkout", lambda: False)


@pytest.mark.usefixtures("plain_install")
def test_an_extra_takes_in_another() -> None:
    """Markers of every form are read; a package of no extra is none of it."""
    assert ("not-there",) == extras.missing("cloud")
    assert ("not-here-either", "not-there") == extras.missing("rehearsal")


@pytest.mark.usefixtures("plain_install")
@pytest.mark.parametrize("verb", extras.NEEDS)
def test_without_its_extra_a_verb_says_the_line_that_installs_it(command_line: CommandLine, verb: str) -> None:
    """Exit code 3, one line and the command; nothing is written, and the help is there."""
    more = {"extend": ("--by", "1h"), "weights put": ("x/y",), "down": ("--yes",), "up": ("--yes",)}.get(verb, ())
    before = command_line.tree()
    answer = command_line.run(*verb.split(), *more)
    needs = "not-here-either, not-there, which are" if verb == "demo" else "not-there, which is"
    expected = f"Error: inferstack {verb} needs {needs} not installed\npip install 'inferstack[{extras.NEEDS[verb]}]'\n"
    assert (3, expected, before) == (answer.code, answer.err, command_line.tree())
    assert 0 == command_line.run(*verb.split(), "--help").code


@pytest.mark.usefixtures("plain_install")
def test_a_rehearsal_names_its_own_extra(command_line: CommandLine) -> None:
    """`up --rehearse` needs the embedded AWS."""
    assert command_line.run("up", "--rehearse", "--yes").err.endswith("pip install 'inferstack[rehearsal]'\n")


@pytest.mark.usefixtures("plain_install")
def test_the_error_is_a_document_too(command_line: CommandLine) -> None:
    """`--json` prints it as the one document on stdout."""
    told = command_line.run("preview", "--json").document["error"]
    assert (3, "pip install 'inferstack[cloud]'") == (told["code"], told["hint"])


@pytest.mark.usefixtures("plain_install")
def test_a_plain_install_is_ready_to_plan(command_line: CommandLine) -> None:
    """`doctor` ends with 0: nothing that only builds is missed."""
    answer = command_line.run("doctor")
    assert 0 == answer.code and "Ready to plan" in answer.out
    assert "fix: pip install 'inferstack[cloud]'" in answer.out


def test_a_checkout_is_mended_by_its_own_command(monkeypatch: pytest.MonkeyPatch) -> None:
    """Its environment is made by make, from the lock file."""
    monkeypatch.setattr(metadata, "requires", lambda name: REQUIRED)
    with pytest.raises(MissingTool) as caught:
        extras.require("cloud", by="inferstack up")
    assert "make setup" == caught.value.hint


def test_every_verb_that_needs_an_extra_exists() -> None:
    """A renamed verb would lose its check."""
    made = {name: verbs_table.load(name) for name in verbs_table.VERBS}
    known = set(made) | {f"{name} {inner}" for name, group in made.items() for inner in getattr(group, "commands", {})}
    assert set(extras.NEEDS) <= known


def test_pure_verbs_load_no_library_of_an_extra(tmp_path: Path) -> None:
    """No plan, bill or report waits for Pulumi or for a library of AWS, even where everything is installed."""
    (tmp_path / "request.yaml").write_text(REQUEST)
    (tmp_path / "fleet.yaml").write_text(FLEET)
    environment = {"PATH": "/usr/bin:/bin", "HOME": str(tmp_path), "INFERSTACK_DIR": str(tmp_path / "work"), "PYTHONPATH": str(ROOT)}
    done = subprocess.run(
        [sys.executable, "-c", RUN_ALL, json.dumps(PURE)], cwd=tmp_path, env=environment, capture_output=True, text=True, check=False
    )
    assert [[" ".join(verb), 0, []] for verb in PURE] == [json.loads(line) for line in done.stdout.splitlines()], done.stderr


def test_the_lock_files_are_of_what_is_declared() -> None:
    """Every declared package is pinned in all.lock; what a plain install brings is pinned in plan.lock, to the same versions."""
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
    pins, plain = _pins("all.lock"), _pins("plan.lock")
    declared = {_name(text) for part in (project["dependencies"], *project["optional-dependencies"].values()) for text in part}
    assert declared - {"inferstack"} <= set(pins)
    assert {_name(text) for text in project["dependencies"]} <= set(plain)
    assert plain == {name: pins[name] for name in plain}
    assert not {"httpx", "huggingface-hub", "pulumi", "boto3", "ansible-core", "cryptography", "moto", "pytest"} & set(plain)


def _pins(lock: str) -> dict[str, list[str]]:
    found: dict[str, list[str]] = {}
    for line in (ROOT / "requirements" / lock).read_text().splitlines():
        if "==" in line and not line[0].isspace():
            name, _, version = line.partition("==")
            found.setdefault(_name(name), []).append(version.split()[0])
    return found


def _name(requirement: str) -> str:
    return requirement.replace("[", " ").replace("=", " ").replace("<", " ").replace(">", " ").split()[0].lower().replace("_", "-")
