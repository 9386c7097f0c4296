"""Ollama: a Modelfile for the GGUF file of the plan. Ollama runs llama.cpp's engine and sets most options itself."""

from __future__ import annotations

from collections.abc import Iterator

from inferstack.exports.deployment import Deployment
from inferstack.exports.target import Content
from inferstack.records.errors import InputError

PARAMETERS = {"gpu-layers": "num_gpu", "n-gpu-layers": "num_gpu", "batch-size": "num_batch"}
"""Option of llama-server -> parameter of a Modelfile, where the two mean the same."""
DIVIDED = ("ctx-size", "parallel", "kv-unified", "alias")
"""Options that are carried otherwise: length and number of slots, and the name."""


class OllamaModelfile:
    name = "ollama"
    spellings = ("modelfile",)
    file_name = "Modelfile"
    engines = ("llama.cpp",)
    across_nodes = ()

    def content(self, deployment: Deployment, file: str) -> Content:
        plan = deployment.plan
        if deployment.gguf_type is None:
            raise InputError(
                f"--to {self.name}: it loads GGUF files, and the plan is in {plan.model.weight_quant}",
                hint="plan with --weight-quant gguf-q4_k_m",
            )
        slots = int(plan.engine_flags.get("parallel", 1))
        at_hub = deployment.repository is not None
        lines = [f"FROM {_from(deployment)}", *(f"PARAMETER {name} {value}" for name, value in _parameters(deployment, slots))]
        use = (f"ollama create {deployment.name} -f {file}", f"OLLAMA_NUM_PARALLEL={slots} OLLAMA_HOST=0.0.0.0 ollama serve")
        needs = () if at_hub else (f"the weights ({plan.model.weight_quant}) as {_from(deployment)}",)
        return Content("\n".join([*lines, ""]), use, needs, tuple(_lacks(deployment, slots)))


def _from(deployment: Deployment) -> str:
    if deployment.repository is None:
        return f"./{deployment.name}.gguf"
    return f"hf.co/{deployment.repository}:{deployment.gguf_type}"


def _parameters(deployment: Deployment, slots: int) -> Iterator[tuple[str, int]]:
    flags = deployment.plan.engine_flags
    if "ctx-size" in flags:
        yield "num_ctx", int(flags["ctx-size"]) // slots
    for option, parameter in PARAMETERS.items():
        if option in flags:
            yield parameter, int(flags[option])


def _lacks(deployment: Deployment, slots: int) -> Iterator[str]:
    plan = deployment.plan
    yield f"the hardware: {plan.instance_type} in {plan.region}; start {deployment.processes} of them yourself"
    if slots > 1 and "ctx-size" in plan.engine_flags:
        each = int(plan.engine_flags["ctx-size"]) // slots
        yield f"one buffer of {plan.engine_flags['ctx-size']:,} tokens for {slots} requests: here each has {each:,} of its own"
    yield f"the name {plan.model.id}: clients ask for {deployment.name}"
    yield f"version {plan.engine_version} of {plan.engine}: Ollama brings its own"
    rest = [f"--{name} {value}" for name, value in plan.engine_flags.items() if name not in (*PARAMETERS, *DIVIDED)]
    if rest:
        yield f"engine flags that a Modelfile has no parameter for: {', '.join(rest)}"


EXPORT = OllamaModelfile()
