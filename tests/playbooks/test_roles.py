"""Every role has one shape, its argument specification is its defaults, its pins stand in one place, its templates render."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import pytest
import yaml

import playbooks
from inferstack.records.files.facts import load
from playbooks import flags
from tests.playbooks.units import rendered

FOLDER = Path(playbooks.__file__).parent
ROLES = sorted(path.name for path in (FOLDER / "roles").iterdir())
REPOSITORY = FOLDER.parent


def _yaml(path: Path) -> Any:
    return yaml.safe_load(path.read_text(encoding="utf-8"))


def _tasks(role: str) -> list[tuple[str, dict[str, Any]]]:
    return [(part.name, task) for part in sorted((FOLDER / "roles" / role / "tasks").glob("*.yml")) for task in _yaml(part)]


def test_there_are_eight_roles() -> None:
    """The list of the design, no more and no fewer."""
    expected = [
        "common",
        "endpoint_proxy",
        "engine_llamacpp",
        "engine_trtllm",
        "engine_vllm",
        "model_weights",
        "nvidia_driver",
        "storage_nvme",
    ]
    assert expected == ROLES


@pytest.mark.parametrize("role", ROLES)
def test_a_role_is_preflight_install_configure_run(role: str) -> None:
    """One shape, so that a reader knows where to look."""
    main = _yaml(FOLDER / "roles" / role / "tasks" / "main.yml")
    assert ["preflight.yml", "install.yml", "configure.yml", "run.yml"] == [task["ansible.builtin.import_tasks"] for task in main]


@pytest.mark.parametrize("role", ROLES)
def test_the_argument_specification_is_the_defaults(role: str) -> None:
    """An option has a default exactly where defaults/main.yml has it, and the same one; all are prefixed and described."""
    options = _yaml(FOLDER / "roles" / role / "meta" / "argument_specs.yml")["argument_specs"]["main"]["options"]
    specified = {name: option["default"] for name, option in options.items() if "default" in option}
    assert _yaml(FOLDER / "roles" / role / "defaults" / "main.yml") == specified
    assert [] == [name for name, option in options.items() if not option.get("required") and "default" not in option]
    assert [] == [name for name, option in options.items() if not name.startswith(f"{role}_") or not option.get("description")]


@pytest.mark.parametrize("role", ROLES)
def test_every_variable_that_a_role_uses_is_specified_or_made_in_it(role: str) -> None:
    """A misspelt variable is found here, not on a host."""
    folder = FOLDER / "roles" / role
    options = set(_yaml(folder / "meta" / "argument_specs.yml")["argument_specs"]["main"]["options"])
    text = "\n".join(path.read_text() for part in ("tasks", "templates", "vars") for path in sorted((folder / part).glob("*")))
    made = {task["register"] for _, task in _tasks(role) if "register" in task}
    made |= {name for _, task in _tasks(role) for name in [*task.get("ansible.builtin.set_fact", {}), *task.get("vars", {})]}
    made |= set(_yaml(folder / "vars" / "main.yml")) if (folder / "vars").is_dir() else set()
    assert set() == set(re.findall(rf"\b{role}_[a-z0-9_]+\b", text)) - options - made


@pytest.mark.parametrize("role", ROLES)
def test_no_task_hides_a_failure(role: str) -> None:
    """No ignore_errors, no failed_when: false, and every module by its full name."""
    tasks = [task for name, task in _tasks(role) if name != "main.yml"]
    assert [] == [task["name"] for task in tasks if "ignore_errors" in task or task.get("failed_when") is False]
    assert [] == [task["name"] for task in tasks if not any(key.startswith("ansible.builtin.") for key in task)]


def test_only_the_task_with_the_key_reads_the_key() -> None:
    """The lookup that gives the value stands in tasks with no_log alone; the other use asks only whether there is one."""
    play = _yaml(FOLDER / "process.yml")[0]["tasks"]
    reading = [task for role in ROLES for _, task in _tasks(role) if "inferstack_secret" in str(task)]
    reading += [task for task in play if "inferstack_secret" in str(task)]
    values = [task for task in reading if "only_whether=true" not in str(task)]
    assert (3, 2) == (len(reading), len(values))
    assert [True, True] == [task.get("no_log") for task in values]


def test_pins_stand_in_versions_yml_alone() -> None:
    """A version is written once: the lock, the option tables and requirements/all.lock agree with it."""
    pins = _yaml(FOLDER / "versions.yml")
    lock = (FOLDER / "roles" / "engine_vllm" / "files" / "requirements.txt").read_text()
    assert f"\nvllm=={pins['engine_vllm_version']} \\" in lock
    assert f"version {pins['engine_vllm_version']} " in load("sizing")["engines"]["flags"]["vllm"]["source"]
    assert pins["engine_trtllm_image"].endswith(f":{pins['engine_trtllm_version']}")
    wheel, digest = pins["engine_llamacpp_requirements"].split()
    everything = (REPOSITORY / "requirements" / "all.lock").read_text()
    assert wheel == f"xllamacpp=={pins['engine_llamacpp_version']}"
    assert f"{wheel} \\" in everything and digest in everything


def test_the_lock_of_vllm_names_no_index_and_hashes_every_file() -> None:
    """Every requirement has a hash, and the file works with whatever index the machine is set up for."""
    lines = (FOLDER / "roles" / "engine_vllm" / "files" / "requirements.txt").read_text().splitlines()
    assert [] == [line for line in lines if "://" in line or line.startswith("--")]
    requirements = [number for number, line in enumerate(lines) if re.match(r"[a-z0-9]", line)]
    assert 150 < len(requirements)
    assert [] == [lines[number] for number in requirements if not lines[number + 1].strip().startswith("--hash=sha256:")]


UNITS = ["engine_llamacpp", "engine_trtllm", "engine_vllm"]


@pytest.mark.parametrize("role", UNITS)
def test_a_unit_is_of_its_own_user_and_hardened(role: str) -> None:
    """Type exec, mixed kill, read-only system, loopback only."""
    unit = rendered(role)
    assert "Type=exec" in unit and "KillMode=mixed" in unit and "ProtectSystem=strict" in unit and "NoNewPrivileges=true" in unit
    assert '--host 127.0.0.1 --port "8000"' in unit
    assert "User=llm" in unit if role != "engine_trtllm" else "--cap-drop ALL" in unit and 'sh "llm" --rm' in unit


def test_the_unit_of_vllm_has_the_flags_of_the_plan_and_no_telemetry() -> None:
    """The flags of the plan stand on the command line after what the role sets; the hub and statistics are off."""
    unit = rendered("engine_vllm")
    assert '--served-model-name "org/model" \\\n    "--tensor-parallel-size" "8" --enable-prompt-tokens-details\n' in unit
    assert "enable-prompt-tokens-details" in flags.options("vllm"), "what the prefix cache gave is in each answer's usage"
    for line in ("HF_HUB_OFFLINE=1", "VLLM_NO_USAGE_STATS=1", "DO_NOT_TRACK=1"):
        assert f'Environment="{line}"\n' in unit
