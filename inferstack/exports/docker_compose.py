"""Docker Compose: one service on one host (compose-spec). A dollar sign in a value is written twice, else Compose would expand it."""

from __future__ import annotations

from typing import Any

from inferstack.exports import yaml_text
from inferstack.exports.deployment import CACHE_FOLDER, CACHE_VARIABLE, MODELS_FOLDER, PORT, Deployment
from inferstack.exports.target import Content


class DockerCompose:
    name = "docker-compose"
    spellings = ("compose", "docker", "podman-compose", "podman")
    file_name = "compose.yaml"
    engines = ("vllm", "tensorrt-llm", "llama.cpp")
    across_nodes = ()

    def content(self, deployment: Deployment, file: str) -> Content:
        plan = deployment.plan
        body: dict[str, Any] = {"name": deployment.name, "services": {"engine": self._service(deployment)}}
        if deployment.repository is not None:
            body["volumes"] = {"cache": {}}
        each = f"on each of {deployment.processes} x {plan.instance_type}" if deployment.processes > 1 else f"on a {plan.instance_type}"
        needs = ["the NVIDIA container toolkit"]
        if deployment.repository is None:
            needs.append(f"the weights ({plan.model.weight_quant}) as .{deployment.model}")
        elif deployment.gated:
            needs.append("HF_TOKEN in the environment, of an account that accepted the model's licence")
        lacks = [f"the hardware: {plan.instance_type} in {plan.region}"]
        if deployment.processes > 1:
            lacks.append(f"what spreads requests over the {deployment.processes} hosts: one file is one host")
        return Content(yaml_text.documents(body), (f"docker compose -f {file} up   ({each})",), tuple(needs), tuple(lacks))

    def _service(self, deployment: Deployment) -> dict[str, Any]:
        program, *words = deployment.command
        at_hub = deployment.repository is not None
        made: dict[str, Any] = {
            "image": deployment.image,
            "entrypoint": [escaped(program)],
            "command": [escaped(word) for word in words],
            "ports": [f"{PORT}:{PORT}"],
            "ipc": "host",
            "ulimits": {"memlock": -1, "stack": 67108864},
            "volumes": [f"cache:{CACHE_FOLDER}" if at_hub else f".{MODELS_FOLDER}:{MODELS_FOLDER}:ro"],
            "healthcheck": {
                "test": ["CMD", "curl", "-fs", f"http://localhost:{PORT}{deployment.container['health']}"],
                "interval": "10s", "retries": 3, "start_period": f"{deployment.ready_s}s",
            },
            "restart": "unless-stopped",
            "deploy": {"resources": {"reservations": {"devices": [
                {"driver": "nvidia", "count": deployment.gpus, "capabilities": ["gpu"]},
            ]}}},
        }  # fmt: skip
        if at_hub:
            made["environment"] = {"HF_TOKEN": "${HF_TOKEN:-}", CACHE_VARIABLE: CACHE_FOLDER}
        return made


def escaped(word: str) -> str:
    """Return the word as Compose reads it back: `$$` is one dollar sign, whatever follows."""
    return word.replace("$", "$$")


EXPORT = DockerCompose()
