"""vLLM production-stack: values of its chart vllm-stack 0.1 (one model behind its router)."""

from __future__ import annotations

from typing import Any

from inferstack.exports import pods, yaml_text
from inferstack.exports.deployment import Deployment
from inferstack.exports.target import Content

FIELDS = {
    "max-model-len": "maxModelLen", "dtype": "dtype", "tensor-parallel-size": "tensorParallelSize", "max-num-seqs": "maxNumSeqs",
    "gpu-memory-utilization": "gpuMemoryUtilization", "max-loras": "maxLoras",
}  # fmt: skip
"""Options that have a key of their own in vllmConfig; all others go into extraArgs."""
LORA = "enable-lora"
SWITCHES = {"enable-prefix-caching": True, "no-enable-prefix-caching": False}


class ProductionStackValues:
    name = "production-stack"
    spellings = ("vllm-production-stack", "vllm-stack")
    file_name = "production-stack-values.yaml"
    engines = ("vllm",)
    across_nodes = ()

    def content(self, deployment: Deployment, file: str) -> Content:
        body = {"servingEngineSpec": {"runtimeClassName": "", "modelSpec": [_model(deployment)]}}
        use = (
            "helm repo add vllm https://vllm-project.github.io/production-stack",
            f"helm install {deployment.name} vllm/vllm-stack --version 0.1.12 -f {file}",
        )
        return Content(
            yaml_text.documents(body), use, pods.needs(deployment), ("the purchase of the nodes", "the router: the chart's own defaults")
        )


def _model(deployment: Deployment) -> dict[str, Any]:
    plan = deployment.plan
    made: dict[str, Any] = {
        "name": deployment.name,
        "repository": deployment.container["image"],
        "tag": deployment.tag,
        "modelURL": deployment.model,
    }
    if deployment.revision:
        made["modelRevision"] = deployment.revision
    made |= {
        "replicaCount": deployment.processes,
        "requestCPU": deployment.cpus,
        "requestMemory": f"{deployment.memory_gib}Gi",
        "requestGPU": deployment.gpus,
        "shmSize": f"{deployment.shared_memory_gib}Gi",
        "nodeSelectorTerms": [{"matchExpressions": [
            {"key": key, "operator": "In", "values": [value]} for key, value in pods.placement(deployment)["nodeSelector"].items()
        ]}],
        "tolerations": pods.placement(deployment)["tolerations"],
        "vllmConfig": _config(deployment),
    }  # fmt: skip
    if plan.engine_flags.get(LORA) is True:
        made["enableLoRA"] = True
    if deployment.repository is None:
        made |= {
            "extraVolumes": [volume for volume in pods.volumes(deployment) if volume["name"] == "models"],
            "extraVolumeMounts": [{"name": "models", "mountPath": "/models", "readOnly": True}],
        }
    elif deployment.gated:
        made["hf_token"] = {"secretName": pods.TOKEN_SECRET, "secretKey": pods.TOKEN_KEY}
    return made


def _config(deployment: Deployment) -> dict[str, Any]:
    # The chart switches the prefix cache off where this key is missing; vLLM and the plan have it on.
    made: dict[str, Any] = {"enablePrefixCaching": True}
    flags = deployment.plan.engine_flags
    for flag, switched_on in SWITCHES.items():
        if flag in flags:
            made["enablePrefixCaching"] = flags[flag] is switched_on
    made |= {key: flags[flag] for flag, key in FIELDS.items() if flag in flags}
    if rest := deployment.words_without(*FIELDS, *SWITCHES, LORA):
        made["extraArgs"] = pods.escaped(rest)
    return made


EXPORT = ProductionStackValues()
