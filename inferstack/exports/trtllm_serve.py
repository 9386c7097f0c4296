"""trtllm-serve: the file of its --extra_llm_api_options, whose keys are the fields of LlmArgs and stand above the command line."""

from __future__ import annotations

from typing import Any

from inferstack.exports import yaml_text
from inferstack.exports.deployment import PORT, Deployment
from inferstack.exports.target import Content
from inferstack.records.errors import InputError

FIELDS: dict[str, tuple[str, ...]] = {
    "tp_size": ("tensor_parallel_size",),
    "pp_size": ("pipeline_parallel_size",),
    "ep_size": ("moe_expert_parallel_size",),
    "max_seq_len": ("max_seq_len",),
    "max_batch_size": ("max_batch_size",),
    "max_num_tokens": ("max_num_tokens",),
    "max_beam_width": ("max_beam_width",),
    "kv_cache_free_gpu_memory_fraction": ("kv_cache_config", "free_gpu_memory_fraction"),
    "kv_cache_dtype": ("kv_cache_config", "dtype"),
    "trust_remote_code": ("trust_remote_code",),
    "tokenizer": ("tokenizer",),
    "gpus_per_node": ("gpus_per_node",),
    "enable_chunked_prefill": ("enable_chunked_prefill",),
}
"""Option of the command line -> field of LlmArgs (get_llm_args of tensorrt_llm/commands/serve.py, tensorrt_llm/llmapi/llm_args.py)."""


class TrtllmServeOptions:
    name = "trtllm-serve"
    spellings = ("trtllm", "trt-llm", "tensorrt-llm")
    file_name = "trtllm-serve.yaml"
    engines = ("tensorrt-llm",)
    across_nodes = ()

    def content(self, deployment: Deployment, file: str) -> Content:
        plan = deployment.plan
        run = f"docker run --gpus all --ipc host --network host -v .:/config -e HF_TOKEN {deployment.image}"
        command = f"trtllm-serve {deployment.model} --host 0.0.0.0 --port {PORT} --extra_llm_api_options"
        use = (f"{command} {file}", f"in its container: {run} {command} /config/{file}")
        lacks = [f"the hardware: {plan.instance_type} in {plan.region}; start {deployment.processes} of them yourself"]
        if deployment.processes > 1:
            lacks.append("what spreads requests over the processes")
        return Content(yaml_text.documents(_options(deployment)), use, (), tuple(lacks), carries_revision=True)


def _options(deployment: Deployment) -> dict[str, Any]:
    """Raises InputError for a flag whose field is not known: a file with another key ends the server at its start."""
    made: dict[str, Any] = {"revision": deployment.revision} if deployment.revision else {}
    for name, value in deployment.plan.engine_flags.items():
        if name not in FIELDS:
            raise InputError(f"engine flag --{name}: the field of LlmArgs that it sets is not known", hint="export it to docker-compose")
        *above, last = FIELDS[name]
        at = made
        for key in above:
            at = at.setdefault(key, {})
        at[last] = value
    return made


EXPORT = TrtllmServeOptions()
