"""What the Kubernetes tools share: a container of the engine, its volumes, and where its pods may lie. A dollar sign in an argument is
written twice, else the kubelet would expand `$(NAME)`."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from inferstack.exports.deployment import CACHE_FOLDER, CACHE_VARIABLE, MODELS_FOLDER, PORT, Deployment

GPU = "nvidia.com/gpu"
TYPE_LABEL, REGION_LABEL = "node.kubernetes.io/instance-type", "topology.kubernetes.io/region"
TOKEN_SECRET, TOKEN_KEY = "hf-token", "HF_TOKEN"
MODELS_CLAIM = "models"
PROBE_PERIOD_S = 10


def container(deployment: Deployment, name: str, command: Sequence[str], *, probed: bool = True) -> dict[str, Any]:
    """Return the container; `command` holds the program and its words, as Kubernetes is to read them."""
    made: dict[str, Any] = {"name": name, "image": deployment.image, "command": [command[0]], "args": list(command[1:])}
    if environment := environment_of(deployment):
        made["env"] = environment
    made["resources"] = resources(deployment)
    made["volumeMounts"] = [{"name": "shm", "mountPath": "/dev/shm"}, _model_mount(deployment)]
    if probed:
        probe = {"httpGet": {"path": deployment.container["health"], "port": PORT}, "periodSeconds": PROBE_PERIOD_S}
        made["ports"] = [{"containerPort": PORT, "protocol": "TCP"}]
        made["startupProbe"] = {**probe, "failureThreshold": -(-deployment.ready_s // PROBE_PERIOD_S)}
        made["readinessProbe"] = {**probe, "failureThreshold": 3}
    return made


def environment_of(deployment: Deployment) -> list[dict[str, Any]]:
    """Return the hub's token from a secret that need not be there, and where downloads are kept; nothing where no hub is asked."""
    if deployment.repository is None:
        return []
    key = {"name": TOKEN_SECRET, "key": TOKEN_KEY, "optional": True}
    return [{"name": "HF_TOKEN", "valueFrom": {"secretKeyRef": key}}, {"name": CACHE_VARIABLE, "value": CACHE_FOLDER}]


def resources(deployment: Deployment) -> dict[str, Any]:
    """Return what one process takes of a node."""
    gpus = {GPU: str(deployment.gpus)}
    return {"requests": {"cpu": str(deployment.cpus), "memory": f"{deployment.memory_gib}Gi", **gpus}, "limits": dict(gpus)}


def volumes(deployment: Deployment) -> list[dict[str, Any]]:
    """Return the shared memory, and where the weights lie."""
    shared = {"name": "shm", "emptyDir": {"medium": "Memory", "sizeLimit": f"{deployment.shared_memory_gib}Gi"}}
    if deployment.repository is None:
        return [shared, {"name": "models", "persistentVolumeClaim": {"claimName": MODELS_CLAIM, "readOnly": True}}]
    return [shared, {"name": "cache", "emptyDir": {"sizeLimit": f"{deployment.weights_gib + 10}Gi"}}]


def placement(deployment: Deployment) -> dict[str, Any]:
    """Return where pods may lie: the plan's type and region, on nodes that are kept for GPUs."""
    plan = deployment.plan
    return {
        "nodeSelector": {TYPE_LABEL: plan.instance_type, REGION_LABEL: plan.region},
        "tolerations": [{"key": GPU, "operator": "Exists", "effect": "NoSchedule"}],
    }


def needs(deployment: Deployment) -> tuple[str, ...]:
    """Name what the cluster must have."""
    plan = deployment.plan
    count = deployment.processes * deployment.nodes
    found = [f"{count} node{'s' if count > 1 else ''} of {plan.instance_type} in {plan.region} with NVIDIA's device plugin"]
    if deployment.repository is not None:
        found.append(f"{deployment.weights_gib + 10} GiB of ephemeral storage on each, for the weights")
    if deployment.repository is None:
        found.append(f"a PersistentVolumeClaim `{MODELS_CLAIM}` that holds {deployment.model.removeprefix(MODELS_FOLDER + '/')}")
    elif deployment.gated:
        found.append(f"kubectl create secret generic {TOKEN_SECRET} --from-literal={TOKEN_KEY}=...   (the model is gated)")
    return tuple(found)


def escaped(words: Sequence[str]) -> list[str]:
    """Return the words as the kubelet reads them back: `$$` is one dollar sign, whatever follows."""
    return [word.replace("$", "$$") for word in words]


def _model_mount(deployment: Deployment) -> dict[str, Any]:
    if deployment.repository is None:
        return {"name": "models", "mountPath": MODELS_FOLDER, "readOnly": True}
    return {"name": "cache", "mountPath": CACHE_FOLDER}
