"""The batch interface, key by key: what a question may hold, what lies beyond it, and what an answer holds."""

from __future__ import annotations

from inferstack.records.files import keys
from inferstack.records.files.facts import load
from inferstack.records.request import Request

QUESTION = dict(keys.estimated(Request))
"""What a question may hold: those keys of a request that are marked so. A value means, and may be, what it may be there."""

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
