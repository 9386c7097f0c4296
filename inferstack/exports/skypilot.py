"""SkyPilot: a task for `sky serve up`; over several nodes one for `sky launch`, since a service's replica is one node."""

from __future__ import annotations

from typing import Any

from inferstack.exports import yaml_text
from inferstack.exports.deployment import PORT, Deployment
from inferstack.exports.target import Content

RANK, FIRST_NODE = '"$SKYPILOT_NODE_RANK"', '"$(echo "$SKYPILOT_NODE_IPS" | head -n1)"'


class SkypilotTask:
    name = "skypilot"
    spellings = ("sky", "skyserve", "sky-serve")
    file_name = "skypilot.yaml"
    engines = ("vllm", "tensorrt-llm", "llama.cpp")
    across_nodes = ("vllm",)

    def content(self, deployment: Deployment, file: str) -> Content:
        across = deployment.nodes > 1
        token = " --secret HF_TOKEN" if _needs_token(deployment) else ""
        launch = f"sky launch -c {deployment.name}{token} {file}"
        use = launch if across else f"sky serve up -n {deployment.name}{token} {file}"
        lacks = []
        if across and deployment.processes > 1:
            lacks.append(f"{deployment.processes} replicas and what spreads requests over them: launch {deployment.processes} clusters")
        needs = ["AWS credentials that `sky check` accepts"]
        if deployment.repository is None:
            needs.append(f"the weights ({deployment.plan.model.weight_quant}) as .{deployment.model}, which are copied to each node")
        elif _needs_token(deployment):
            needs.append("HF_TOKEN in the environment, of an account that accepted the model's licence")
        return Content(yaml_text.documents(_task(deployment)), (use,), tuple(needs), tuple(lacks))


def _task(deployment: Deployment) -> dict[str, Any]:
    plan = deployment.plan
    made: dict[str, Any] = {
        "name": deployment.name,
        "resources": {
            "infra": f"aws/{plan.region}",
            "instance_type": plan.instance_type,
            "image_id": f"docker:{deployment.image}",
            "disk_size": deployment.disk_gib,
            "ports": PORT,
            "use_spot": False,
        },
    }
    if deployment.nodes > 1:
        made["num_nodes"] = deployment.nodes
    else:
        made["service"] = {
            "readiness_probe": {"path": deployment.container["health"], "initial_delay_seconds": deployment.ready_s},
            "replicas": deployment.processes,
        }
    if _needs_token(deployment):
        # A secret without a value has to be given: only a gated model asks for it.
        made["secrets"] = {"HF_TOKEN": None}
    if deployment.repository is None:
        made["file_mounts"] = {deployment.model: f".{deployment.model}"}
    made["run"] = _run(deployment)
    return made


def _needs_token(deployment: Deployment) -> bool:
    return deployment.repository is not None and deployment.gated


def _run(deployment: Deployment) -> str:
    if deployment.nodes == 1:
        return yaml_text.shell(deployment.command)
    others = " ".join(deployment.other_node_words)
    node = deployment.node_words(RANK, FIRST_NODE)
    return yaml_text.shell(deployment.command, " ".join(node), f'$([ "$SKYPILOT_NODE_RANK" = 0 ] || echo {others})')


EXPORT = SkypilotTask()
