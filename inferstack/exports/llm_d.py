"""llm-d: values of the chart llm-d-modelservice 0.4 (one decode role, no split of prefill; a LeaderWorkerSet over several nodes)."""

from __future__ import annotations

import shlex
from typing import Any

from inferstack.exports import pods, yaml_text
from inferstack.exports.deployment import PORT, Deployment
from inferstack.exports.target import Content

CHART = "llm-d-modelservice"
WRITTEN_BY_THE_CHART = ("served-model-name", "tensor-parallel-size", "data-parallel-size")
"""Options that the chart itself makes of modelArtifacts and parallelism."""
RANK, FIRST_NODE = '"$$LWS_WORKER_INDEX"', '"$$LWS_LEADER_ADDRESS"'
"""Of the shell, after the kubelet has read `$$` as one dollar sign."""
NAMED_BY = "llm-d.ai/model"


class LlmDValues:
    name = "llm-d"
    spellings = ("llmd", "modelservice", CHART)
    file_name = "llm-d-values.yaml"
    engines = ("vllm",)
    across_nodes = ("vllm",)

    def content(self, deployment: Deployment, file: str) -> Content:
        needs = pods.needs(deployment) + (("the LeaderWorkerSet controller",) if deployment.nodes > 1 else ())
        return Content(
            yaml_text.documents(_values(deployment)),
            (f"helm install {deployment.name} llm-d-modelservice/{CHART} --version v0.4.12 -f {file}",),
            (*needs, "the gateway, the InferencePool and the scheduler of llm-d, whose selector finds the pods by modelArtifacts.labels"),
            ("prefill on pods of its own: the plan serves both on the same GPUs", "the purchase of the nodes"),
        )


def _values(deployment: Deployment) -> dict[str, Any]:
    at_hub = deployment.repository is not None
    plan = deployment.plan
    served = str(plan.engine_flags.get("served-model-name", plan.model.id))
    local = f"pvc://{pods.MODELS_CLAIM}/{deployment.model.rpartition('/')[2]}"
    artifacts: dict[str, Any] = {
        "name": served,
        "uri": f"hf://{deployment.repository}" if at_hub else local,
        "size": f"{deployment.weights_gib + 10}Gi",
        "labels": {"llm-d.ai/inference-serving": "true", NAMED_BY: deployment.name},
    }
    if at_hub and deployment.gated:
        artifacts["authSecretName"] = pods.TOKEN_SECRET
    return {
        "fullnameOverride": deployment.name,
        "modelArtifacts": artifacts,
        "multinode": deployment.nodes > 1,
        "accelerator": {"type": "nvidia"},
        "routing": {"servicePort": PORT, "proxy": {"enabled": False}},
        "prefill": {"create": False},
        "decode": {
            "create": True,
            "replicas": deployment.processes,
            "parallelism": _parallelism(deployment),
            **pods.placement(deployment),
            "containers": [_container(deployment)],
            "volumes": [volume for volume in pods.volumes(deployment) if volume["name"] == "shm"],
        },
    }


def _parallelism(deployment: Deployment) -> dict[str, int]:
    replicas = deployment.plan.replicas_per_node
    return {"tensor": deployment.plan.layout.tp, "data": replicas, "dataLocal": replicas, "workers": deployment.nodes}


def _container(deployment: Deployment) -> dict[str, Any]:
    probe = {"httpGet": {"path": deployment.container["health"], "port": PORT}, "periodSeconds": pods.PROBE_PERIOD_S}
    made: dict[str, Any] = {"name": "vllm", "image": deployment.image, **_command(deployment)}
    made |= {
        "resources": pods.resources(deployment),
        "mountModelVolume": True,
        "volumeMounts": [{"name": "shm", "mountPath": "/dev/shm"}],
    }
    if deployment.nodes == 1:
        made["ports"] = [{"containerPort": PORT, "protocol": "TCP"}]
        made["extraConfig"] = {
            "startupProbe": {**probe, "failureThreshold": -(-deployment.ready_s // pods.PROBE_PERIOD_S)},
            "readinessProbe": {**probe, "failureThreshold": 3},
        }
    return made


def _command(deployment: Deployment) -> dict[str, Any]:
    """Return the container's command: the chart's own on one node; over several, where each node's number decides, one of a shell."""
    if deployment.nodes == 1:
        words = [*deployment.revision_words, *deployment.words_without(*WRITTEN_BY_THE_CHART)]
        return {"modelCommand": "vllmServe", "args": pods.escaped(words)}
    words = pods.escaped([shlex.quote(word) for word in deployment.command])
    others = " ".join(deployment.other_node_words)
    script = [*words, *deployment.node_words(RANK, FIRST_NODE), f'$$(test "$$LWS_WORKER_INDEX" = 0 || echo {others})']
    return {"modelCommand": "custom", "command": ["/bin/sh", "-c"], "args": [f"exec {' '.join(script)}"]}


EXPORT = LlmDValues()
