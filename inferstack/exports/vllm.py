"""vLLM: the file of `vllm serve --config`, whose keys are the options of its command line."""

from __future__ import annotations

from inferstack.exports import yaml_text
from inferstack.exports.deployment import PORT, Deployment
from inferstack.exports.target import Content


class VllmConfig:
    name = "vllm"
    spellings = ("vllm-serve", "vllm-config")
    file_name = "vllm.yaml"
    engines = ("vllm",)
    across_nodes = ("vllm",)

    def content(self, deployment: Deployment, file: str) -> Content:
        plan = deployment.plan
        keys = {"model": deployment.model} | ({"revision": deployment.revision} if deployment.revision else {})
        body = {**keys, "host": "0.0.0.0", "port": PORT, **deployment.settings}
        return Content(yaml_text.documents(body), self._use(deployment, file), lacks=(
            f"the hardware: {plan.instance_type} in {plan.region}; start {deployment.processes * deployment.nodes} of them yourself",
            *(("what spreads requests over the processes",) if deployment.processes > 1 else ()),
        ))  # fmt: skip

    def _use(self, deployment: Deployment, file: str) -> tuple[str, ...]:
        version = deployment.plan.engine_version
        install = f"pip install vllm=={version}"
        if deployment.nodes == 1:
            return install, f"vllm serve --config {file}   (one process on each of {deployment.processes} nodes)"
        node, others = (" ".join(words) for words in (deployment.node_words("N", "ADDRESS"), deployment.other_node_words))
        return (
            install,
            f"first node of a replica: vllm serve --config {file} {node}, with N 0 and its own ADDRESS",
            f"its other nodes: the same with N 1 to {deployment.nodes - 1}, the first one's ADDRESS and {others}",
        )


EXPORT = VllmConfig()
