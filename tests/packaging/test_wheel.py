"""`pip install inferstack` plans, prices, explains, simulates, compares and reports; what builds says which line installs the rest."""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
import zipfile
from pathlib import Path

import pytest

from inferstack.cli import extras, verbs_table
from tests.packaging.installed import Environment
from tools.reference import api_page

pytestmark = [pytest.mark.wheel, pytest.mark.timeout(900)]

IMPORTS = {"inferstack", "infra", "playbooks", "sizing", "stacks"}
NOT_INSTALLED = ("pulumi", "pulumi_aws", "pulumi_policy", "ansible", "ansible_runner", "boto3", "botocore", "cryptography", "grpc", "moto")
NOT_INSTALLED += ("httpx", "huggingface_hub")
PLAN = ("plan", "--model", "Llama-3.1-8B-Instruct", "--request-rate", "4", "--isl", "512", "--osl", "64")
FLEET = "models:\n  - {name: chat, request: {model: Llama-3.1-8B-Instruct, request_rate: 2, isl: 512, osl: 64}}\n"
WORKS = {
    "plan": (PLAN, "Next: inferstack preview"),
    "explain": (("explain",), "Confidence:"),
    "explain in words": (("explain", "does Llama 3.1 8B in bf16 fit on one L4?"), "Llama-3.1-8B"),
    "simulate": (("simulate",), "preempt"),
    "compare": (("compare",), "million tokens"),
    "report": (("report",), "report.html"),
    "export": (("export", "--to", "kubernetes"), "kind: Deployment"),
    "bill": (("bill",), "Total: $"),
    "diff": (("diff", "current", "current"), ""),
    "fleet": (("fleet", "fleet.yaml"), "Llama-3.1-8B-Instruct"),
    "model list": (("model", "list", "llama"), "models"),
    "model show": (("model", "show", "Llama-3.1-8B-Instruct"), "KV cache"),
    "model add": (("model", "add", "Llama-3.1-8B-Instruct"), "is already known"),
    "prices list": (("prices", "list", "--regions"), "us-east-1"),
    "settings": (("settings",), "region"),
    "runs": (("runs",), "planned"),
    "status": (("status",), "AWS was not queried"),
    "migrate": (("migrate",), "have the current version"),
    "env": (("env", "--unset"), ""),
    "doctor": (("doctor",), "Ready to plan"),
    "version": (("--version",), "inferstack "),
}
"""How each verb that needs no extra is called after a plan, and what it prints."""
WRONG = {
    "an unknown model": ("plan", "--model", "nobody/nothing-7b", "--users", "5"),
    "an unknown flag": ("plan", "--modle", "x"),
    "a length below one": ("plan", "--model", "Llama-3.1-8B-Instruct", "--isl", "0", "--users", "5"),
    "a file that is not there": ("bill", "nothing.json"),
    "a fleet that is not there": ("fleet", "nothing.yaml"),
    "an unknown stack": ("status", "--stack", "nobody"),
    "a stack that has no world": ("env", "--stack", "nobody"),
    "a report of nothing": ("report", "--stack", "nobody"),
    "a model that nobody knows": ("model", "show", "nobody/nothing-7b"),
}
CLOUD = {
    "preview": (),
    "up": ("--yes",),
    "configure": (),
    "connect": (),
    "bench": (),
    "down": ("--yes",),
    "extend": ("--by", "1h"),
    "weights put": ("meta-llama/Llama-3.1-8B-Instruct",),
    "prices refresh": (),
    "demo": ("--yes",),
}


@pytest.fixture(scope="module")
def planned(installed: Environment) -> Environment:
    """One plan in the working folder."""
    (installed.here / "fleet.yaml").write_text(FLEET)
    done = installed.run(*PLAN)
    assert 0 == done.returncode, done.stderr
    return installed


def test_the_wheel_installs_five_names_and_their_types(wheel: Path) -> None:
    """No tests, no tools; each package says that it is typed, and its facts are compiled."""
    with zipfile.ZipFile(wheel) as packed:
        names = packed.namelist()
    tops = {name.partition("/")[0] for name in names}
    assert {one for one in tops if not one.endswith(".dist-info")} == IMPORTS
    assert {f"inferstack/packed/{one}" for one in ("Pulumi.yaml", "tools/go.mod", "requirements/all.lock")} <= set(names)
    assert {f"{one}/py.typed" for one in IMPORTS} | {"sizing/facts.json", "inferstack/pricing/facts.json"} <= set(names)


def test_the_version_is_that_of_the_commit(wheel: Path, installed: Environment) -> None:
    """A tagged commit has the tag's version; any other one a later development version that names it."""
    version = installed.run("--version").stdout.split()[-1]
    assert wheel.name.split("-")[1] == version
    git = ["git", "-C", str(wheel.parent / "clone")]
    tag = subprocess.run([*git, "describe", "--exact-match", "--tags"], capture_output=True, text=True, check=False).stdout.strip()
    commit = subprocess.run([*git, "rev-parse", "HEAD"], capture_output=True, text=True, check=True).stdout.strip()
    named = re.search(r"\.dev[0-9]+\+g(?P<commit>[0-9a-f]{7,})", version)
    assert version == tag.removeprefix("v") or (named is not None and commit.startswith(named["commit"]))


def test_the_neighbours_records_stay_theirs(installed: Environment) -> None:
    """Both are imported in one Python, each from its own place."""
    told = installed.python("import records, inferstack.records as ours; print(records.__file__, records.Database.__name__, ours.__file__)")
    theirs, database, ours = told.split()
    assert (str(installed.packages / "records.py"), "Database") == (theirs, database)
    assert ours.startswith(str(installed.packages / "inferstack"))


def test_nothing_of_the_cloud_is_installed(installed: Environment) -> None:
    """A plan needs no Pulumi, no Ansible and no AWS library on the disk."""
    found = installed.python(f"from importlib.util import find_spec; print([one for one in {NOT_INSTALLED!r} if find_spec(one)])")
    assert "[]" == found


@pytest.mark.parametrize("what", WORKS)
def test_a_verb_without_an_extra_works(planned: Environment, what: str) -> None:
    """The user stands in another folder, has no rights of root and no home, and cannot write into the installation."""
    arguments, told = WORKS[what]
    done = planned.run(*arguments)
    assert 0 == done.returncode, done.stderr
    assert told in done.stdout + done.stderr
    assert "Traceback" not in done.stderr


def test_questions_in_batches_are_answered(installed: Environment) -> None:
    """`python -m sizing.estimate`, a wrong question beside a right one, and a line that is no JSON."""
    question = {"id": "a", "model": "Llama-3.1-8B-Instruct", "gpu": "L40S", "isl": 512, "osl": 64, "concurrency": 8}
    lines = "".join(json.dumps(one) + "\n" for one in (question, {"id": "b", "model": "nobody/nothing"}))
    done = installed.run("-m", "sizing.estimate", program="python", text=lines)
    right, wrong = map(json.loads, done.stdout.splitlines())
    assert 0 == done.returncode and right["fits"] and right["output_tokens_per_s"] > 0 and "error" in wrong
    assert 2 == installed.run("-m", "sizing.estimate", program="python", text="no json\n").returncode


@pytest.mark.parametrize("what", WRONG)
def test_wrong_input_is_one_line(planned: Environment, what: str) -> None:
    """Exit code 2, one line and a hint, as in a checkout."""
    done = planned.run(*WRONG[what])
    assert 2 == done.returncode, done.stderr
    error, *hint = done.stderr.splitlines()
    assert error.startswith("Error: ") and len(hint) <= 1


def test_a_folder_in_which_nothing_can_be_written_is_one_line(installed: Environment, tmp_path: Path) -> None:
    """The plan is computed, and its record has nowhere to go."""
    tmp_path.chmod(0o555)
    done = installed.run(*PLAN, here=tmp_path)
    assert 3 == done.returncode, done.stderr
    assert done.stderr.splitlines()[-2].startswith("Error: ") and "INFERSTACK_DIR" in done.stderr


@pytest.mark.parametrize("verb", CLOUD)
def test_a_verb_that_needs_an_extra_says_the_line_first(planned: Environment, verb: str) -> None:
    """What is missing, the line that installs it, exit code 3; nothing is written. Its help is there all the same."""
    extra = "rehearsal" if verb == "demo" else "cloud"
    before = tree(planned.here)
    done = planned.run(*verb.split(), *CLOUD[verb])
    error, hint = done.stderr.splitlines()
    assert 3 == done.returncode
    assert error.startswith(f"Error: inferstack {verb} needs ansible-core, ") and error.endswith(", which are not installed")
    assert f"pip install 'inferstack[{extra}]'" == hint
    assert before == tree(planned.here)
    assert 0 == planned.run(*verb.split(), "--help").returncode


@pytest.mark.parametrize("verb", ["preview", "up", "prices refresh"])
def test_a_rehearsal_names_the_extra_of_rehearsals(planned: Environment, verb: str) -> None:
    """`--rehearse` needs more than a real account does."""
    done = (
        planned.run(*verb.split(), "--rehearse", "--stack", "other")
        if verb != "prices refresh"
        else planned.run(*verb.split(), "--rehearse")
    )
    assert (3, "pip install 'inferstack[rehearsal]'") == (done.returncode, done.stderr.splitlines()[-1])


def test_every_verb_was_called(planned: Environment) -> None:
    """A new verb finds its place in one of the tables above."""
    called = {arguments[0] for arguments, _ in WORKS.values()} | {verb.split()[0] for verb in CLOUD}
    assert set(verbs_table.VERBS) <= called
    assert set(CLOUD) == set(extras.NEEDS)


def test_the_public_names_can_be_imported(installed: Environment) -> None:
    """Those that the page of the API gives to a plain install."""
    lines = [f"import {one.module}; {one.module}.{one.name}" for one in api_page.NAMES if not one.extra]
    assert installed.python("\n".join([*lines, f"print({len(lines)})"])) == str(len(lines))


def test_a_checkout_can_be_set_up_to_plan_alone(wheel: Path, tmp_path: Path) -> None:
    """`make setup-plan` says how long it will take and how far it is; a second call does nothing."""
    clone = wheel.parent / "clone"
    make = ["make", "setup-plan", f"PYTHON={sys.executable}"]
    outside = {name: value for name, value in os.environ.items() if name not in ("MAKEFLAGS", "MAKELEVEL", "MFLAGS")}
    first = subprocess.run(make, cwd=clone, env=outside, capture_output=True, text=True, check=False)
    assert 0 == first.returncode, first.stderr
    begins, ends = first.stdout.splitlines()[0], first.stdout.splitlines()[-1]
    assert "MB to download" in begins and re.match(r"Ready after \d+ s", ends), first.stdout
    environment = Environment(clone / ".venv", tmp_path)
    assert 0 == environment.run(*PLAN).returncode
    assert environment.run("up", "--yes").stderr.endswith("\nmake setup\n")
    assert "Making" not in subprocess.run(make, cwd=clone, env=outside, capture_output=True, text=True, check=False).stdout


def test_byte_code_was_compiled_when_it_was_installed(installed: Environment) -> None:
    """A read-only installation could never write it, and would start slowly for ever."""
    assert list(installed.packages.glob("sizing/__pycache__/estimate.*.pyc"))


def tree(top: Path) -> dict[str, int]:
    return {str(path): path.stat().st_mtime_ns for path in sorted(top.rglob("*"))}
