"""The GPU roles in check mode against recorded facts: they pass as they are, and a broken recipe fails the run.

Ansible runs here on this machine itself, in check mode: nothing is changed.
"""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
from collections.abc import Callable
from datetime import datetime
from pathlib import Path
from typing import Any

import pytest

import playbooks
from inferstack.records.configured import Inventory
from inferstack.records.outputs import ClusterOutputs
from inferstack.records.plan import Plan
from playbooks import inventory

pytestmark = pytest.mark.lint
REPOSITORY = Path(playbooks.__file__).parent.parent
PROGRAM = """
import json, sys
from pathlib import Path
from playbooks import checks
from playbooks.process import Play
from inferstack.records.configured import Inventory
from inferstack.records.errors import InferstackError
told = Inventory.model_validate_json(Path(sys.argv[1]).read_text())
hosts = {"i-0a": {}}
here = {**told.variables, "ansible_connection": "local", "ansible_become": False, "ansible_python_interpreter": sys.executable}
play = Play(Path(sys.argv[2]), {"all": {"vars": here, "children": {"nodes": {"hosts": hosts}}}}, {}, Path(sys.argv[2]) / "facts", 200)
try:
    roles = checks.check(play, told, folder=Path(sys.argv[2]), on_event=lambda *words: None, cancelled=lambda: False)
    print(json.dumps([[role.role, role.result, role.why] for role in roles]))
except InferstackError as error:
    sys.exit(error.message)
"""


@pytest.fixture
def wanted(
    planned: Callable[..., Plan], built: Callable[..., ClusterOutputs], rehearsal: dict[str, Any], now: datetime
) -> Callable[..., Inventory]:
    def made(*roles: str, family: str = "p5.48xlarge", **variables: Any) -> Inventory:
        told = inventory.build(planned(instance_type=family), built(), rehearsal=rehearsal, now=now)
        return told.replaced(variables={**told.variables, "inferstack_checked_roles": list(roles), **variables})

    return made


def _check(told: Inventory, folder: Path, *, tree: Path = REPOSITORY) -> subprocess.CompletedProcess[str]:
    file = told.write(folder)
    environment = {**os.environ, "PYTHONPATH": str(tree)}
    command = [sys.executable, "-c", PROGRAM, str(file), str(folder / "private")]
    return subprocess.run(command, capture_output=True, text=True, cwd=tree, env=environment, check=False)


def test_all_gpu_roles_pass_and_say_what_they_did_not_do(wanted: Callable[..., Inventory], tmp_path: Path) -> None:
    """Each role ran tasks, skipped some, and says on what facts; on facts that somebody composed none of them is checked."""
    done = _check(wanted("storage_nvme", "nvidia_driver", "engine_vllm", "engine_trtllm"), tmp_path)
    assert "" == done.stderr
    roles = json.loads(done.stdout)
    expected = [[name, "not checked"] for name in ("storage_nvme", "nvidia_driver", "engine_vllm", "engine_trtllm")]
    assert expected == [role[:2] for role in roles]
    assert all("check mode on synthetic facts of p5" in role[2] and "nothing was installed or started" in role[2] for role in roles)


def test_only_facts_that_were_recorded_on_such_a_host_make_a_check(wanted: Callable[..., Inventory], tmp_path: Path) -> None:
    """The same role with facts of kind recorded is ok."""
    done = _check(wanted("engine_trtllm", inferstack_recorded_kind="recorded"), tmp_path)
    assert [["engine_trtllm", "ok"]] == [role[:2] for role in json.loads(done.stdout)]


@pytest.mark.parametrize(
    ("role", "variables", "message"),
    [
        ("engine_vllm", {"engine_vllm_flags": {"swap-space": 4}}, "engine flag --swap-space: vllm has no such option"),
        ("engine_vllm", {"engine_vllm_recorded": {"python": "3.10", "free_gib": 99, "packages": []}}, "is locked for Python 3.12"),
        ("engine_trtllm", {"engine_trtllm_flags": {"tensor-parallel-size": 8}}, "tensorrt-llm has no such option"),
        ("nvidia_driver", {"nvidia_driver_gpus": 4}, "8 GPUs are on the PCI bus, but 4 were planned"),
    ],
)  # fmt: skip
def test_a_wrong_plan_is_caught(
    wanted: Callable[..., Inventory], tmp_path: Path, role: str, variables: dict[str, Any], message: str
) -> None:
    """What the plan and the recipe do not agree on fails in check mode as it would on a GPU host."""
    done = _check(wanted(role, **variables), tmp_path)
    assert 1 == done.returncode
    assert message in done.stderr


@pytest.mark.parametrize(
    ("file", "old", "new", "message"),
    [
        ("templates/inferstack-vllm.service.j2", "{{ engine_vllm_user ", "{{ engine_vllm_usr ", "'engine_vllm_usr' is undefined"),
        ("tasks/configure.yml", "ansible.builtin.template:", "ansible.builtin.tempalte:", "tempalte"),
        ("defaults/main.yml", "engine_vllm_free_gib: 40", "engine_vllm_free_gib: much", "engine_vllm_free_gib"),
    ],
)  # fmt: skip
def test_a_broken_recipe_is_caught(wanted: Callable[..., Inventory], tmp_path: Path, file: str, old: str, new: str, message: str) -> None:
    """A template with an unknown variable, an unknown module, a wrong type: each fails the run."""
    tree = tmp_path / "tree"
    for package in ("playbooks", "inferstack", "infra", "sizing"):
        shutil.copytree(REPOSITORY / package, tree / package, ignore=shutil.ignore_patterns("__pycache__"))
    broken = tree / "playbooks" / "roles" / "engine_vllm" / file
    assert old in broken.read_text()
    broken.write_text(broken.read_text().replace(old, new))
    done = _check(wanted("engine_vllm"), tmp_path, tree=tree)
    assert 1 == done.returncode
    assert message in done.stderr


def test_a_passed_check_is_remembered_for_the_same_recipe_only(wanted: Callable[..., Inventory], tmp_path: Path) -> None:
    """The second time takes no play; another flag in the plan is another check."""
    told = wanted("engine_trtllm")
    first = _check(told, tmp_path)
    shutil.rmtree(tmp_path / "private" / "checked" / "artifacts")
    assert first.stdout == _check(told, tmp_path).stdout
    assert not (tmp_path / "private" / "checked" / "artifacts").exists()
    assert 1 == _check(wanted("engine_trtllm", engine_trtllm_flags={"nonsense": 1}), tmp_path).returncode
