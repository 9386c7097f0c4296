"""dstack: a service with the plan's replicas; over several nodes a task, since a service's replica is one node."""

from __future__ import annotations

import math
from typing import Any

from inferstack.exports import yaml_text
from inferstack.exports.deployment import MODELS_FOLDER, PORT, Deployment
from inferstack.exports.target import Content

RANK, FIRST_NODE = '"$DSTACK_NODE_RANK"', '"$DSTACK_MASTER_NODE_IP"'


class DstackConfiguration:
    name = "dstack"
    spellings = ("dstack-service",)
    file_name = "service.dstack.yml"
    engines = ("vllm", "tensorrt-llm", "llama.cpp")
    across_nodes = ("vllm",)

    def content(self, deployment: Deployment, file: str) -> Content:
        across = deployment.nodes > 1
        needs = ["a dstack project with an AWS backend"] + ([] if across else ["a gateway, where there is more than one replica"])
        if deployment.repository is None:
            needs.append(f"the weights ({deployment.plan.model.weight_quant}) as {deployment.model} of the instance")
        elif deployment.gated:
            needs.append("HF_TOKEN in the environment, of an account that accepted the model's licence")
        lacks = ["the limit is asked of each instance, at the plan's own"] if deployment.plan.request.max_usd_per_hour else []
        if across:
            lacks.append("the endpoint: a task's port is reached by `dstack attach`")
        if across and deployment.processes > 1:
            lacks.append(f"{deployment.processes} replicas and what spreads requests over them: apply the task as often, under other names")
        return Content(yaml_text.documents(_configuration(deployment)), (f"dstack apply -f {file}",), tuple(needs), tuple(lacks))


def _configuration(deployment: Deployment) -> dict[str, Any]:
    plan, across = deployment.plan, deployment.nodes > 1
    made: dict[str, Any] = {"type": "task" if across else "service", "name": deployment.name, "image": deployment.image}
    if across:
        made["nodes"] = deployment.nodes
    if deployment.repository is not None and deployment.gated:
        # A variable without a value is asked of whoever applies the file.
        made["env"] = ["HF_TOKEN"]
    if deployment.repository is None:
        made["volumes"] = [{"instance_path": MODELS_FOLDER, "path": MODELS_FOLDER}]
    made["commands"] = [_command(deployment)]
    if across:
        made["ports"] = [PORT]
    else:
        made |= {"port": PORT, "model": str(plan.engine_flags.get("served-model-name", plan.model.id)), "replicas": deployment.processes}
        made["probes"] = [{"type": "http", "url": deployment.container["health"], "interval": 15}]
    made |= {
        "resources": {"gpu": {"vendor": "nvidia", "count": f"{deployment.gpus}.."}, "disk": f"{deployment.disk_gib}GB..",
                      "shm_size": f"{deployment.shared_memory_gib}GB"},
        "backends": ["aws"], "regions": [plan.region], "instance_types": [plan.instance_type], "spot_policy": "on-demand",
    }  # fmt: skip
    if plan.request.max_usd_per_hour is not None:
        made["max_price"] = math.floor(plan.request.max_usd_per_hour / plan.instance_count * 100) / 100
    return made


def _command(deployment: Deployment) -> str:
    words = yaml_text.shell(deployment.command)
    if deployment.nodes == 1:
        return yaml_text.Script(_apart(words))
    others = " ".join(deployment.other_node_words)
    raw = (" ".join(deployment.node_words(RANK, FIRST_NODE)), f'$([ "$DSTACK_NODE_RANK" = 0 ] || echo {others})')
    return yaml_text.Script(" \\\n  ".join([_apart(words).rstrip("\n"), *raw]) + "\n")


def _apart(quoted: str) -> str:
    """Return the shell's words with each dollar sign parted from what follows, for dstack reads `${{` and `$$`, quoted or not.

    A word with a dollar sign stands in single quotes, so that ending and beginning them again changes nothing for the shell.
    """
    return quoted.replace("$", "$''")


EXPORT = DstackConfiguration()
