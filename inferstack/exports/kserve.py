"""KServe: an InferenceService with a predictor container of its own, in the Standard deployment mode (a plain Deployment, no Knative)."""

from __future__ import annotations

from inferstack.exports import pods, yaml_text
from inferstack.exports.deployment import Deployment
from inferstack.exports.target import Content


class KserveService:
    name = "kserve"
    spellings = ("inferenceservice", "kfserving")
    file_name = "kserve.yaml"
    engines = ("vllm", "tensorrt-llm", "llama.cpp")
    across_nodes = ()

    def content(self, deployment: Deployment, file: str) -> Content:
        body = {
            "apiVersion": "serving.kserve.io/v1beta1",
            "kind": "InferenceService",
            "metadata": {"name": deployment.name, "annotations": {"serving.kserve.io/deploymentMode": "Standard"}},
            "spec": {"predictor": {
                "minReplicas": deployment.processes,
                "maxReplicas": deployment.processes,
                **pods.placement(deployment),
                "containers": [pods.container(deployment, "kserve-container", pods.escaped(deployment.command))],
                "volumes": pods.volumes(deployment),
            }},
        }  # fmt: skip
        return Content(
            yaml_text.documents(body),
            (f"kubectl apply -f {file}",),
            (*pods.needs(deployment), "KServe 0.16 or later (before: RawDeployment in place of Standard)"),
            ("the purchase of the nodes", "autoscaling: the plan's number of replicas is the least and the most"),
        )


EXPORT = KserveService()
