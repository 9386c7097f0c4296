"""The inventory: which nodes, and every variable of the roles, from the plan and the cluster's outputs.

`build` makes the record (no secret, no path of this machine); `ansible` makes of it what Ansible reads.
"""

from __future__ import annotations

import json
import math
import shlex
from datetime import datetime
from pathlib import Path
from typing import Any

from inferstack.records import engines
from inferstack.records.configured import Host, Inventory
from inferstack.records.errors import InputError
from inferstack.records.outputs import ClusterOutputs, Node
from inferstack.records.plan import Plan
from infra.calls import weights
from playbooks import flags, recorded
from sizing.engines.table import engine_named

LEAST_CONNECTIONS = 1024
LOAD_MARGIN_S = 900
"""Beside the time for the weights: compiling, CUDA graphs, a first start without any cache."""
WHILE_UNPACKED = 1.5
"""Beside an image its compressed layers lie on the disk while it is pulled; they take about half of it (assumed, none was pulled here)."""


def build(plan: Plan, outputs: ClusterOutputs, *, rehearsal: dict[str, Any] | None, now: datetime) -> Inventory:
    """Raises InputError when no role can do what the plan says: engine, layout, or a flag that the engine does not know."""
    if not outputs.nodes:
        raise InputError(f"stack {outputs.stack} has no node to configure", hint="inferstack up")
    refuse_unservable(plan, rehearsing=rehearsal is not None)
    variables = _common(plan, outputs) | (_rehearsal(plan, rehearsal) if rehearsal else _real(plan))
    return Inventory(
        created_at=now,
        stack=outputs.stack,
        rehearsal=rehearsal is not None,
        hosts=tuple(_host(node, outputs) for node in sorted(outputs.nodes, key=lambda node: node.instance_id)),
        variables=variables,
    )


def refuse_unservable(plan: Plan, *, rehearsing: bool) -> None:
    """Raises InputError when no role can configure what the plan says; asked before a node is bought and before one is configured."""
    refuse_what_no_role_does(plan, rehearsing=rehearsing)
    flags.argv(plan.engine, _engine_flags(plan))
    if not rehearsing:
        _refuse_a_draft_that_is_nowhere(plan)


def ansible(inventory: Inventory, *, region: str, python: str, key_file: Path, known_hosts: Path, ca_folder: Path) -> dict[str, Any]:
    """A static inventory: SSH through the session module, one multiplexed connection for each node; a process host has no SSH."""
    local = inventory.variables["inferstack_host_kind"] == "process"
    connection = _local(python) if local else _ssh(known_hosts, key_file)
    hosts = {host.name: {**host.variables, **({} if local else _reached(host, python, region))} for host in inventory.hosts}
    variables = {**inventory.variables, **connection, "endpoint_proxy_ca_folder": str(ca_folder)}
    return {"all": {"vars": variables, "children": {"nodes": {"hosts": hosts}}}}


def _reached(host: Host, python: str, region: str) -> dict[str, Any]:
    proxy = shlex.join([python, "-P", "-m", "infra.session", "--instance", host.instance_id, "--port", "%p", "--region", region])
    options = f"-o ProxyCommand={shlex.quote(proxy)} -o HostKeyAlias={host.instance_id}"
    return {"ansible_host": host.instance_id, "ansible_user": host.login_user, "ansible_ssh_common_args": options}


def refuse_what_no_role_does(plan: Plan, *, rehearsing: bool) -> None:
    """Raises InputError for an engine or a layout that no role deploys."""
    role = engines.roles().get(plan.engine)
    if role is None:
        raise InputError(f"engine {plan.engine}: no role deploys it", hint=f"plan with --engine {' or '.join(engines.roles())}")
    if role.get("rehearsals") and not rehearsing:
        raise InputError(
            f"engine {plan.engine}: its role runs on the CPU, for rehearsals only",
            hint=f"plan with --engine {' or '.join(engines.gpu_roles())}",
        )
    if plan.nodes_per_replica > 1:
        raise InputError(
            f"a replica over {plan.nodes_per_replica} nodes of {plan.instance_type}: the roles deploy replicas of one node only",
            hint="plan with --pp 1 or a larger instance; the plan is valid, but up cannot build it",
        )
    if plan.replicas_per_node > 1 and "replicas_flag" not in role:
        several = " or ".join(name for name, one in engines.gpu_roles().items() if "replicas_flag" in one)
        raise InputError(
            f"{plan.replicas_per_node} replicas on a node: the role for {plan.engine} deploys one", hint=f"plan with --engine {several}"
        )


def _refuse_a_draft_that_is_nowhere(plan: Plan) -> None:
    """A draft by its id on the hub: nothing fetches it."""
    told = json.loads(str(plan.engine_flags.get("speculative-config", "{}")))
    draft = str(told.get("model") or "") if isinstance(told, dict) else ""
    if draft and not draft.startswith("/"):
        raise InputError(
            f"draft {draft}: the roles fetch only the planned model, and the engine runs offline",
            hint="put its files on the nodes and plan with --speculative-model /their/folder, or with --speculative-method ngram",
        )


def _common(plan: Plan, outputs: ClusterOutputs) -> dict[str, Any]:
    return {
        "inferstack_stack": outputs.stack,
        "inferstack_host_kind": "ec2",
        "inferstack_connect_deadline_s": 300,
        "model_weights_region": outputs.region,
        "endpoint_proxy_hostname": outputs.endpoint_hostname,
        "endpoint_proxy_port": outputs.endpoint_port,
        "endpoint_proxy_api_key_secret": outputs.api_key_secret_arn,
        "endpoint_proxy_region": outputs.region,
        "endpoint_proxy_connections_per_key": _connections(plan),
        "storage_nvme_wanted": plan.storage.weights_medium == "nvme",
        "nvidia_driver_gpus": plan.gpus_per_instance,
        "nvidia_driver_nvswitch": plan.nvswitch,
        "engine_trtllm_gpus": plan.gpus_per_instance,
        **{f"{role['name']}_deadline_s": int(plan.storage.load_s.high) + LOAD_MARGIN_S for role in engines.gpu_roles().values()},
        **_free_gib(plan),
        **_engines(plan),
    }


def _connections(plan: Plan) -> int:
    """Twice what the node's replicas answer at once, so that a full engine has a queue; never less than 1,024."""
    names = engine_named(plan.engine).setting_flags
    slots = plan.engine_flags.get(names.max_num_seqs, 0) if names else 0
    return max(LEAST_CONNECTIONS, 2 * int(slots) * plan.replicas_per_node)


def _engines(plan: Plan) -> dict[str, Any]:
    """The planned engine gets the plan's flags; the others only what their layout needs, so that they can be checked."""
    given = {plan.engine: _engine_flags(plan)}
    return {f"{role['name']}_flags": given.get(name, {role["layout_flag"]: plan.layout.tp}) for name, role in engines.gpu_roles().items()}


def _engine_flags(plan: Plan) -> dict[str, flags.Value]:
    given = {name: value for name, value in plan.engine_flags.items() if name != "served-model-name"}
    if plan.replicas_per_node > 1:
        given.setdefault(engines.roles()[plan.engine]["replicas_flag"], plan.replicas_per_node)
    return given


def _free_gib(plan: Plan) -> dict[str, int]:
    """Free space for an engine's image, from the size that the plan's volume was made for; an older plan leaves it to the role."""
    if engines.table()[plan.engine]["install"]["delivery"] != "image" or plan.storage.engine_gib is None:
        return {}
    return {f"{engines.roles()[plan.engine]['name']}_free_gib": math.ceil(plan.storage.engine_gib * WHILE_UNPACKED)}


def _serving(plan: Plan, model: str, engine: str) -> dict[str, Any]:
    role, folder = engines.roles()[engine]["name"], f"/opt/inferstack/models/{safe(model)}"
    return {
        "inferstack_engine_role": role,
        "inferstack_served_model": model,
        "inferstack_served_engine": engine,
        "model_weights_name": model,
        "model_weights_path": folder,
        "endpoint_proxy_engine_unit": engines.roles()[engine]["unit"],
        "endpoint_proxy_model": model,
        f"{role}_model_folder": folder,
        f"{role}_served_name": model,
    }


def _real(plan: Plan) -> dict[str, Any]:
    assert plan.model.id
    return {"inferstack_gpu": True, "inferstack_checked_roles": [], **_serving(plan, plan.model.id, plan.engine)}


def _rehearsal(plan: Plan, told: dict[str, Any]) -> dict[str, Any]:
    roles, engine = [role["name"] for role in engines.gpu_roles().values()], engines.rehearsed()
    checked = {f"{role}_{key}": value for role in roles for key, value in _planned_model(plan).items()}
    return {
        "inferstack_gpu": False,
        "inferstack_checked_roles": ["storage_nvme", "nvidia_driver", *roles],
        **checked,
        **recorded.variables(plan),
        **_serving(plan, told["served_model"], engine),
        "inferstack_host_kind": told["host_kind"],
        "inferstack_connect_deadline_s": 30,
        f"{engines.roles()[engine]['name']}_find_links": f"{told['artefacts_path']}/wheels",
        "process_host_root": told.get("host_root") or "",
        "model_weights_endpoint_url": told["node_endpoint_url"],
        "model_weights_imds_url": told["node_imds_url"],
    }


def _planned_model(plan: Plan) -> dict[str, str]:
    return {"model_folder": f"/opt/inferstack/models/{safe(plan.model.id)}", "served_name": plan.model.id}


def safe(model: str) -> str:
    """The model's id as one part of a path, as the weights' prefix in the bucket has it."""
    return weights.prefix(model).removeprefix("models/")


def _host(node: Node, outputs: ClusterOutputs) -> Host:
    return Host(
        name=node.instance_id,
        instance_id=node.instance_id,
        private_ip=node.private_ip,
        login_user=outputs.login_user,
        variables={"endpoint_proxy_node": node.instance_id, "endpoint_proxy_address": node.private_ip},
    )


def _ssh(known_hosts: Path, key_file: Path) -> dict[str, Any]:
    options = {
        "ControlMaster": "auto",
        "ControlPersist": "60s",
        "StrictHostKeyChecking": "accept-new",
        "UserKnownHostsFile": str(known_hosts),
        "GlobalKnownHostsFile": "/dev/null",
        "IdentitiesOnly": "yes",
        "PasswordAuthentication": "no",
        "ServerAliveInterval": "15",
    }
    words = " ".join(f"-o {name}={shlex.quote(value)}" for name, value in options.items())
    return {"ansible_ssh_args": words, "ansible_ssh_private_key_file": str(key_file)}


def _local(python: str) -> dict[str, Any]:
    return {"ansible_connection": "local", "ansible_become": False, "ansible_python_interpreter": python}
