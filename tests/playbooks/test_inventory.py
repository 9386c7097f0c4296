"""The inventory: the record, and what Ansible is given."""

from __future__ import annotations

import json
import math
from collections.abc import Callable
from datetime import datetime
from pathlib import Path
from typing import Any

import pytest
import yaml

from inferstack.records import engines
from inferstack.records.errors import InputError
from inferstack.records.outputs import ClusterOutputs, Node
from inferstack.records.plan import Layout, Plan
from inferstack.records.serving import Serving
from playbooks import inventory, recorded, runner

Planned, Built = Callable[..., Plan], Callable[..., ClusterOutputs]


def test_a_rehearsal_serves_the_tiny_model_and_checks_the_gpu_roles(
    planned: Planned, built: Built, rehearsal: dict[str, Any], now: datetime
) -> None:
    """What is planned and what serves are two things in a rehearsal, and both stand in the inventory."""
    told = inventory.build(planned(), built(), rehearsal=rehearsal, now=now).variables
    assert ("engine_llamacpp", "inferstack/tiny-llama", False) == (
        told["inferstack_engine_role"],
        told["inferstack_served_model"],
        told["inferstack_gpu"],
    )
    assert ["storage_nvme", "nvidia_driver", "engine_vllm", "engine_trtllm"] == told["inferstack_checked_roles"]
    assert {"tensor-parallel-size": 8, "max-model-len": 8192, "kv-cache-dtype": "fp8"} == told["engine_vllm_flags"]


def test_a_real_stack_serves_the_planned_model_and_checks_nothing(planned: Planned, built: Built, now: datetime) -> None:
    """On GPU hosts the roles run; nothing recorded is used there."""
    told = inventory.build(planned(), built(rehearsal=False), rehearsal=None, now=now).variables
    assert ("engine_vllm", "meta-llama/Llama-3.3-70B-Instruct", True, []) == (
        told["inferstack_engine_role"],
        told["inferstack_served_model"],
        told["inferstack_gpu"],
        told["inferstack_checked_roles"],
    )
    assert [] == [name for name in told if name.endswith("_recorded")]


def test_every_node_is_a_host_named_by_its_instance(planned: Planned, built: Built, rehearsal: dict[str, Any], now: datetime) -> None:
    """Names are instance ids: facts and host keys that are kept never pass to another instance."""
    nodes = tuple(Node(instance_id=f"i-0{n}", private_ip=f"10.0.0.{n}", availability_zone="a", instance_type="p5.48xlarge") for n in (2, 1))
    hosts = inventory.build(planned(), built(nodes=nodes), rehearsal=rehearsal, now=now).hosts
    assert [("i-01", "10.0.0.1"), ("i-02", "10.0.0.2")] == [(host.name, host.private_ip) for host in hosts]


def test_ansible_reaches_a_node_through_a_session_only(planned: Planned, built: Built, rehearsal: dict[str, Any], now: datetime) -> None:
    """The address of a node is never dialled: SSH goes through the session module to the instance id."""
    told = inventory.build(planned(), built(), rehearsal=rehearsal, now=now)
    made = inventory.ansible(told, region="us-east-1", python="py", key_file=Path("k"), known_hosts=Path("kh"), ca_folder=Path("ca"))
    host = made["all"]["children"]["nodes"]["hosts"]["i-0a"]
    assert ("i-0a", "ubuntu") == (host["ansible_host"], host["ansible_user"])
    assert (
        "-o ProxyCommand='py -P -m infra.session --instance i-0a --port %p --region us-east-1' -o HostKeyAlias=i-0a"
        == host["ansible_ssh_common_args"]
    )
    assert "StrictHostKeyChecking=accept-new" in made["all"]["vars"]["ansible_ssh_args"]
    json.dumps(made)


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"engine": "sglang", "engine_flags": {}}, "engine sglang: no role deploys it"),
        ({"engine": "llama.cpp", "engine_flags": {}}, "engine llama.cpp: its role runs on the CPU, for rehearsals only"),
        ({"engine_flags": {"swap-space": 4}}, "engine flag --swap-space: vllm has no such option"),
        (
            {"nodes_per_replica": 2, "instance_count": 2, "layout": Layout(tp=8, pp=2, ep=1, dp=1)},
            "a replica over 2 nodes of p5.48xlarge: the roles deploy replicas of one node only",
        ),
        (
            {"engine": "tensorrt-llm", "engine_flags": {}, "replicas_per_node": 2, "layout": Layout(tp=4, pp=1, ep=1, dp=2)},
            "2 replicas on a node: the role for tensorrt-llm deploys one",
        ),
        (
            {"engine_flags": {"speculative-config": '{"method": "eagle3", "model": "a/head", "num_speculative_tokens": 3}'}},
            "draft a/head: the roles fetch only the planned model, and the engine runs offline",
        ),
        (
            {"engine_flags": {"speculative-config": "eagle3"}},
            "engine flag --speculative-config: must be json (given: 'eagle3')",
        ),
    ],
)
def test_what_no_role_can_do_is_refused_before_a_host_is_touched(
    planned: Planned, built: Built, now: datetime, changes: dict[str, Any], message: str
) -> None:
    """A plan that the roles cannot carry out ends in one line, exit 2."""
    with pytest.raises(InputError) as refused:
        inventory.build(planned(**changes), built(), rehearsal=None, now=now)
    assert message == refused.value.message


def test_replicas_on_one_node_are_data_parallel_in_one_engine(planned: Planned, built: Built, now: datetime) -> None:
    """Two replicas of TP 4 on eight GPUs: vLLM balances them itself."""
    plan = planned(replicas_per_node=2, layout=Layout(tp=4, pp=1, ep=1, dp=2), engine_flags={"tensor-parallel-size": 4})
    told = inventory.build(plan, built(), rehearsal=None, now=now).variables
    assert {"tensor-parallel-size": 4, "data-parallel-size": 2} == told["engine_vllm_flags"]


def test_a_family_without_recorded_facts_is_refused(planned: Planned, built: Built, rehearsal: dict[str, Any], now: datetime) -> None:
    """Facts are never made up for a family that has none."""
    with pytest.raises(InputError) as refused:
        inventory.build(planned(instance_type="trn2.48xlarge"), built(), rehearsal=rehearsal, now=now)
    assert "instance family trn2: no facts are recorded for it, so its GPU roles cannot be checked" == refused.value.message


def test_recorded_facts_say_what_they_are() -> None:
    """No file of recorded facts may leave open whether it was recorded or composed, and from what."""
    import yaml

    files = sorted(recorded.FOLDER.glob("*.yml"))
    kinds = {file.name: yaml.safe_load(file.read_text()) for file in files}
    assert 16 <= len(files)
    assert {} == {name: told for name, told in kinds.items() if told.get("kind") not in ("recorded", "synthetic") or not told.get("source")}


def test_lspci_counts_gpus_and_switches_apart() -> None:
    """The roles count class 0300 and 0302; NVSwitches are class 0680."""
    lines = recorded.lspci({"pci_id": "10de:2330", "nvswitch_pci_id": "10de:22a3", "nvswitches": 4}, 8, nvswitch=True).splitlines()
    assert (8, 4) == (sum(" 0302: 10de:" in line for line in lines), sum(" 0680: 10de:" in line for line in lines))


@pytest.mark.parametrize(("engine", "pin"), [("vllm", "engine_vllm_version"), ("tensorrt-llm", "engine_trtllm_version")])
def test_what_is_served_is_the_version_that_the_roles_install(planned: Planned, engine: str, pin: str) -> None:
    """A plan for another version is configured with the pinned one: the record says so, and a verdict can tell the two apart."""
    pins = yaml.safe_load((Path(runner.__file__).parent / "versions.yml").read_text())
    plan = planned(engine=engine, engine_version="0.1.0", engine_flags={"served-model-name": "x", "max-num-seqs": 8})
    served = runner.serving(plan)
    assert (pins[pin], {"max-num-seqs": 8}, plan.layout) == (served.engine_version, served.engine_flags, served.layout)
    assert [f"engine version {pins[pin]} instead of 0.1.0"] == Serving.of_plan(plan).differences(served)


ROLES = Path(inventory.__file__).parent / "roles"
RESERVED = 0.05
"""ext4 keeps this share for root, and df does not count it as free."""


@pytest.mark.parametrize("model", ["Llama-3.1-8B-Instruct", "Llama-3.3-70B-Instruct", "Llama-3.1-405B-Instruct", "Qwen/Qwen3-32B"])
@pytest.mark.parametrize("engine", ["vllm", "tensorrt-llm"])
def test_the_volume_of_a_plan_has_the_room_that_the_roles_ask_for(
    planned: Planned, built: Built, now: datetime, model: str, engine: str
) -> None:
    """The rule that refuses a small disk is met by the disk that the plan chose, with the image and the weights on it."""
    from sizing.catalog import find_instance, find_model
    from sizing.models.quantisation.formats import bits_of
    from sizing.models.weights import checkpoint_bytes
    from sizing.planning.storage import loading, storage

    shape, base = find_model(model), loading()["root_base_gib"]
    for instance in ("p5.48xlarge", "g6e.xlarge", "p4d.24xlarge", "g5.48xlarge"):
        stored = storage(find_instance(instance), checkpoint_bytes(shape, bits_of(shape, None)), shape=shape, engine=engine)
        told = inventory.build(planned(engine=engine, engine_flags={}, storage=stored), built(), rehearsal=None, now=now).variables
        weights = stored.weights_gib / loading()["weights_slack"] if stored.weights_medium == "gp3" else 0.0
        free = stored.root_volume_gib * (1 - RESERVED) - base["image_gib"] - weights
        role = "engine_trtllm" if engine == "tensorrt-llm" else "engine_vllm"
        assert free >= told.get(f"{role}_free_gib", _default(role, f"{role}_free_gib"))


def test_the_space_for_the_image_comes_from_the_size_that_the_plan_knows(planned: Planned, built: Built, now: datetime) -> None:
    """An image of another size asks for another space; a plan of an older version leaves it to the role's default, of the same facts."""
    plan = planned(engine="tensorrt-llm", engine_flags={})
    larger = plan.replaced(storage=plan.storage.model_copy(update={"engine_gib": 40.0}))
    assert 60 == inventory.build(larger, built(), rehearsal=None, now=now).variables["engine_trtllm_free_gib"]
    assert "engine_trtllm_free_gib" not in inventory.build(plan, built(), rehearsal=None, now=now).variables

    bytes_ = engines.table()["tensorrt-llm"]["install"]["bytes"]
    assert _default("engine_trtllm", "engine_trtllm_free_gib") == math.ceil(bytes_ / 2**30 * inventory.WHILE_UNPACKED)


def _default(role: str, name: str) -> int:
    import yaml

    return int(yaml.safe_load((ROLES / role / "defaults" / "main.yml").read_text())[name])
