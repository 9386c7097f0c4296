"""The batch interface, key by key: what a question may hold and what an answer holds. `sizing.batch.question` checks by it."""

from __future__ import annotations

from typing import NamedTuple

from inferstack.records import engines
from inferstack.records.files.facts import load

NUMBER, WHOLE, TEXT, TEXTS, OBJECT, TRUTH = "a number", "a whole number", "text", "a list of texts", "an object", "true or false"
TOKENS, SETTING, DEGREE = 2e7, 1e9, 1024


class Key(NamedTuple):
    """`least` and `most` are of numbers."""

    kind: str
    says: str
    least: float = 0.0
    most: float = 0.0

    @property
    def bounds(self) -> tuple[str, str]:
        """As they are written for people."""
        least, most = (f"{bound:,.0f}" if bound >= 1 else f"{bound:g}" for bound in (self.least, self.most))
        return least, most


QUESTION: dict[str, Key] = {
    "id": Key(TEXT, "comes back with the answer"),
    "model": Key(TEXT, "a Hugging Face id of the facts, or its last part"),
    "config": Key(OBJECT, "in place of model: the contents of a `config.json`"),
    "weight_quant": Key(TEXT, "format of the weights; without it the checkpoint's own"),
    "kv_quant": Key(TEXT, "`auto` (the engine's choice), `bf16`, `fp16` or `fp8`"),
    "gpu": Key(TEXT, "a GPU of the facts; this or instance_type"),
    "instance_type": Key(TEXT, "an EC2 type: its GPU, and how many of them a node has"),
    "gpu_override": Key(
        OBJECT, "in place of the GPU's own: `memory_gib`, `bandwidth_gb_s`, `tflops_bf16`, `tflops_fp8`, `tflops_fp4`, `link_gb_s`"
    ),
    "tp": Key(WHOLE, "tensor-parallel degree", 1, DEGREE),
    "pp": Key(WHOLE, "pipeline stages", 1, DEGREE),
    "ep": Key(WHOLE, "expert-parallel degree", 1, DEGREE),
    "dp": Key(WHOLE, "replicas, which share the load", 1, DEGREE),
    "engine": Key(TEXT, f"{engines.listed(engines.sized(), mark='`')}; without it {engines.default()}"),
    "engine_version": Key(TEXT, "as the engine prints it; without it the newest of the facts"),
    "isl": Key(NUMBER, "mean tokens of a prompt", 0.01, TOKENS),
    "osl": Key(NUMBER, "mean tokens of an answer", 0.01, TOKENS),
    "concurrency": Key(WHOLE, "a closed loop: so many requests are in flight, over all replicas", 1, 1e7),
    "request_rate": Key(NUMBER, "arrivals a second, over all replicas; without any load all is queued at once", 1e-6, 1e7),
    "tokens_per_s": Key(NUMBER, "or output tokens a second, over all replicas: tokens_per_s / osl arrivals", 1e-6, 1e10),
    "burstiness": Key(NUMBER, "shape of gamma-distributed gaps between arrivals: below 1 in bursts; without it 1, Poisson", 0.001, 1000),
    "num_requests": Key(WHOLE, "requests of the whole run, over all replicas", 1, 1e9),
    "prefix_hit_rate": Key(NUMBER, "share of the prompt's tokens in the prefix cache", 0, 1),
    "max_model_len": Key(WHOLE, "the engine's setting; this and the three below: without it the version's own default", 1, SETTING),
    "max_num_seqs": Key(WHOLE, "the engine's setting: requests in a step", 1, SETTING),
    "max_num_batched_tokens": Key(WHOLE, "the engine's setting: tokens in a step", 1, SETTING),
    "gpu_memory_utilization": Key(NUMBER, "the engine's setting: its share of the GPU's memory, or of what is free there", 0.01, 1),
    "memory_only": Key(TRUTH, "no load: isl and osl are not needed"),
    "speculative_method": Key(TEXT, "a method of speculative decoding, as in a request"),
    "speculative_tokens": Key(WHOLE, "proposed a step", 1, 16),
    "acceptance_rate": Key(NUMBER, "of one proposed token, all before it accepted", 0, 1),
    "speculative_model": Key(TEXT, "the draft"),
    "lora_slots": Key(WHOLE, "adapters on the GPU at once", 1, 1000),
    "lora_rank": Key(WHOLE, "the largest", 1, 512),
    "lora_modules": Key(TEXTS, "what adapters change"),
    "images_per_request": Key(NUMBER, "the mean", 1e-6, 1000),
    "image_pixels": Key(TEXT, "width x height: `1024x768`"),
    "image_tokens": Key(WHOLE, "of one image, in place of image_pixels", 1, 1e6),
}  # fmt: skip

BEYOND: dict[str, str] = {
    "enforce_eager": "eager mode: every figure is of captured CUDA graphs; a step without them takes longer "
    "({itl_ms} ms between tokens for {captured_itl_ms} in {source})".format(**load("sizing")["calibration"]["planning"]["eager_mode"]),
    "length_spread": "a spread of lengths: isl and osl are means, and the estimate takes all to be alike. Answers of unlike lengths empty "
    "a batch unevenly; inferstack simulate --length-spread draws them",
    "decode_context_parallel_size": "decode context parallelism: the KV cache is cut by tp and pp alone",
    "data_parallel_size": "attention that runs data-parallel, but for ep above tp: dp counts servers of their own",
    "cpu_offload_gb": "weights or KV cache in the memory of the host, or of another node",
    "enable_sleep_mode": "several models in one process by turns",
    "n": "several answers to one prompt, beam search and structured output: a request has one answer, freely sampled",
    "priority": "priorities and limits of single users: requests are served as they come",
    "max_loras_cpu": "adapters beyond those on the GPU, and what swapping them takes",
    "draft_tensor_parallel_size": "a draft that is cut otherwise than its target, or two drafts",
    "mm_encoder_tp_mode": "the layout of a vision tower, and images cached from one request to the next",
    "task": "embeddings, ranking and classification: only models that generate text",
}
"""What no question can say, by the name under which engines and users know it."""

MEMORY: dict[str, tuple[str, str]] = {
    "fits": ("", "the engine starts in this layout with these settings"),
    "why_not": ("", "where it does not, or where the layout is none that the engine takes"),
    "checkpoint_bytes": ("bytes", "of the weights' files"),
    "weights_gib": ("GiB of one GPU", "after loading"),
    "activation_gib": ("GiB of one GPU", "peak of a step"),
    "cuda_graph_gib": ("GiB of one GPU", "captured graphs"),
    "non_torch_gib": ("GiB of one GPU", "contexts and communication"),
    "kv_cache_gib": ("GiB of one GPU", "what is left for the KV cache"),
    "kv_cache_tokens": ("tokens", "that one replica's KV cache holds"),
    "max_concurrency": ("requests", "at once in one replica, of isl + osl tokens; for memory_only of max_model_len"),
}
FIGURES: dict[str, tuple[str, str]] = {
    "output_tokens_per_s": ("tokens/s", "answers' tokens, all replicas"),
    "requests_per_s": ("1/s", "finished, all replicas"),
    "ttft_ms": ("ms", "mean time to the first token"),
    "itl_ms": ("ms", "mean time between tokens after the first; null where `osl` is 1"),
    "e2e_ms": ("ms", "mean time of a whole answer"),
}
MORE: dict[str, tuple[str, str]] = {
    "bound": ("", "what takes the time, or is full: `weights`, `kv`, `compute`, `bandwidth`, `network` or `overhead`"),
    "saturated": ("", "the load is beyond what is served: latencies are those of a queue"),
    "basis": ("", "the calibration behind the figures, and how near measured points are"),
    "error": ("", "why the question has no answer; beside it there is `id` alone"),
}
TIMES = tuple(name for name, (unit, _) in FIGURES.items() if unit == "ms")


def answer_keys() -> dict[str, tuple[str, str]]:
    """Every key of an answer -> its unit and what it says."""
    tails = {f"{name[:-3]}_p99_ms": ("ms", f"{name}, the slowest of a hundred") for name in TIMES}
    bands = {f"{name}_{side}": (FIGURES[name][0], f"{side} end of the 90 % band of {name}") for name in FIGURES for side in ("low", "high")}
    return {"id": ("", "of the question")} | MEMORY | FIGURES | tails | bands | MORE
