"""The batch interface, key by key: what a question may hold, what lies beyond it, and what an answer holds."""

from __future__ import annotations

from inferstack.records.files import keys
from inferstack.records.files.facts import load
from inferstack.records.request import Request

QUESTION = dict(keys.estimated(Request))
"""What a question may hold: those keys of a request that are marked so. A value means, and may be, what it may be there."""

BEYOND: dict[str, str] = {
    "enforce_eager": "eager mode: every figure assumes captured CUDA graphs; a step without them takes longer "
    "({itl_ms} ms between tokens for {captured_itl_ms} in {source})".format(**load("sizing")["calibration"]["planning"]["eager_mode"]),
    "length_spread": "a spread of lengths: isl and osl are means, and the estimate assumes equal lengths. Answers of different "
    "lengths empty a batch unevenly; inferstack simulate --length-spread draws them",
    "decode_context_parallel_size": "decode context parallelism: the KV cache is split by tp and pp only",
    "data_parallel_size": "data-parallel attention, except for ep above tp: dp counts separate servers",
    "cpu_offload_gb": "weights or KV cache in host memory or on another node",
    "enable_sleep_mode": "several models that take turns in one process",
    "n": "several answers to one prompt, beam search and structured output: each request has one freely sampled answer",
    "priority": "priorities and per-user limits: requests are served in order of arrival",
    "max_loras_cpu": "adapters beyond those on the GPU, and the time to swap them",
    "draft_tensor_parallel_size": "a draft with another layout than its target, or two drafts",
    "mm_encoder_tp_mode": "the layout of a vision tower, and images cached from one request to the next",
    "task": "embeddings, ranking and classification: only models that generate text are estimated",
}
"""What no question can say, by the name under which engines and users know it."""

MEMORY: dict[str, tuple[str, str]] = {
    "fits": ("", "the engine starts in this layout with these settings"),
    "why_not": ("", "why it does not start, or why the engine refuses the layout"),
    "checkpoint_bytes": ("bytes", "of the weights' files"),
    "weights_gib": ("GiB of one GPU", "after loading"),
    "activation_gib": ("GiB of one GPU", "peak of a step"),
    "cuda_graph_gib": ("GiB of one GPU", "captured graphs"),
    "non_torch_gib": ("GiB of one GPU", "contexts and communication"),
    "kv_cache_gib": ("GiB of one GPU", "available for the KV cache"),
    "kv_cache_tokens": ("tokens", "capacity of one replica's KV cache"),
    "max_concurrency": ("requests", "at once in one replica, of isl + osl tokens; for memory_only of max_model_len"),
}
FIGURES: dict[str, tuple[str, str]] = {
    "output_tokens_per_s": ("tokens/s", "answers' tokens, all replicas"),
    "requests_per_s": ("1/s", "finished, all replicas"),
    "ttft_ms": ("ms", "mean time to the first token"),
    "itl_ms": ("ms", "mean time between tokens after the first; null where `osl` is 1"),
    "e2e_ms": ("ms", "mean time to the end of the answer"),
}
MORE: dict[str, tuple[str, str]] = {
    "bound": ("", "what limits the step or is full: `weights`, `kv`, `compute`, `bandwidth`, `network` or `overhead`"),
    "saturated": ("", "the load exceeds the capacity, so latencies are those of a growing queue"),
    "basis": ("", "the calibration behind the figures, and how close measured points are"),
    "error": ("", "why the question has no answer; the only other key is `id`"),
}
TIMES = tuple(name for name, (unit, _) in FIGURES.items() if unit == "ms")


def answer_keys() -> dict[str, tuple[str, str]]:
    """Every key of an answer -> its unit and what it says."""
    tails = {f"{name[:-3]}_p99_ms": ("ms", f"{name}, 99th percentile") for name in TIMES}
    bands = {f"{name}_{side}": (FIGURES[name][0], f"{side} end of the 90 % band of {name}") for name in FIGURES for side in ("low", "high")}
    return {"id": ("", "of the question")} | MEMORY | FIGURES | tails | bands | MORE
