"""Kubernetes: a Deployment and a Service; a LeaderWorkerSet where a replica takes several nodes (sigs.k8s.io/lws)."""

from __future__ import annotations

from typing import Any

from inferstack.exports import pods, yaml_text
from inferstack.exports.deployment import PORT, Deployment
from inferstack.exports.target import Content

RANK, FIRST_NODE = "$(LWS_WORKER_INDEX)", "$(LWS_LEADER_ADDRESS)"
"""What the controller of LeaderWorkerSet puts into each container's environment."""


class KubernetesManifests:
    name = "kubernetes"
    spellings = ("k8s", "kubectl", "eks", "lws")
    file_name = "kubernetes.yaml"
    engines = ("vllm", "tensorrt-llm", "llama.cpp")
    across_nodes = ("vllm",)

    def content(self, deployment: Deployment, file: str) -> Content:
        across = deployment.nodes > 1
        needs = pods.needs(deployment) + (("the LeaderWorkerSet controller",) if across else ())
        workload = _leader_worker_set(deployment) if across else _deployment(deployment)
        return Content(
            yaml_text.documents(workload, _service(deployment)),
            (f"kubectl apply -f {file}",),
            needs,
            ("the purchase of the nodes",),
        )


def _labels(deployment: Deployment) -> dict[str, str]:
    return {"app.kubernetes.io/name": deployment.name}


def _metadata(deployment: Deployment) -> dict[str, Any]:
    return {"name": deployment.name, "labels": _labels(deployment)}


def _pod(deployment: Deployment, container: dict[str, Any], **labels: str) -> dict[str, Any]:
    return {
        "metadata": {"labels": {**_labels(deployment), **labels}},
        "spec": {**pods.placement(deployment), "containers": [container], "volumes": pods.volumes(deployment)},
    }


def _deployment(deployment: Deployment) -> dict[str, Any]:
    # Recreate: a rolling update wants GPUs for one pod more than the plan has nodes for.
    return {
        "apiVersion": "apps/v1",
        "kind": "Deployment",
        "metadata": _metadata(deployment),
        "spec": {
            "replicas": deployment.processes,
            "strategy": {"type": "Recreate"},
            "selector": {"matchLabels": _labels(deployment)},
            "template": _pod(deployment, pods.container(deployment, "engine", pods.escaped(deployment.command))),
        },
    }


def _leader_worker_set(deployment: Deployment) -> dict[str, Any]:
    node = deployment.node_words(RANK, FIRST_NODE)
    leader = pods.escaped(deployment.command) + node
    return {
        "apiVersion": "leaderworkerset.x-k8s.io/v1",
        "kind": "LeaderWorkerSet",
        "metadata": _metadata(deployment),
        "spec": {
            "replicas": deployment.processes,
            "leaderWorkerTemplate": {
                "size": deployment.nodes,
                "restartPolicy": "RecreateGroupOnPodRestart",
                "leaderTemplate": _pod(deployment, pods.container(deployment, "engine", leader), role="leader"),
                "workerTemplate": _pod(
                    deployment, pods.container(deployment, "engine", [*leader, *deployment.other_node_words], probed=False), role="worker"
                ),
            },
        },
    }


def _service(deployment: Deployment) -> dict[str, Any]:
    only = {"role": "leader"} if deployment.nodes > 1 else {}
    return {
        "apiVersion": "v1",
        "kind": "Service",
        "metadata": _metadata(deployment),
        "spec": {
            "selector": {**_labels(deployment), **only},
            "ports": [{"name": "http", "port": PORT, "targetPort": PORT, "protocol": "TCP"}],
        },
    }


EXPORT = KubernetesManifests()
