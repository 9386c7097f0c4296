"""Names as the sources write them -> ids of the facts: GPUs, models, weight formats. A name that is not known comes back with a `?`
before it."""

from __future__ import annotations

import re
from typing import Any

from inferstack.records.errors import InputError
from sizing.catalog import find_gpu, find_model

GPUS = (
    ("GB200", "GB200"), ("GB300", "GB300"), ("GH200", "GH200-96"), ("B200", "B200-HGX-180"), ("B300", "B300-HGX-288"),
    ("RTX-PRO-6000", "RTX-PRO-6000-SE"),
    ("H20-3e", "H20-3e-141"), ("H200", "H200-SXM-141"), ("H100-SXM", "H100-SXM-80"), ("H100-80GB-SXM", "H100-SXM-80"), ("H100 PCIe",
    "H100-PCIE-80"),
    ("A800-SXM4-80", "A800-SXM-80"), ("A100-SXM4-80", "A100-SXM-80"), ("A100-SXM-80", "A100-SXM-80"), ("A100-80GB-SXM", "A100-SXM-80"),
    ("A100 SXM 80", "A100-SXM-80"), ("A100-SXM4-40", "A100-SXM-40"), ("A100-PCIE", "A100-PCIE-80"), ("A100-PCIe-80", "A100-PCIE-80"),
    ("A100 PCIe 80", "A100-PCIE-80"), ("A10G", "A10G"), ("A40", "A40"), ("L40S", "L40S"), ("L4-", "L4"),
    ("Tesla V100S", "V100S-PCIE-32"), ("Tesla V100-PCIE", "V100-PCIE-32"), ("RTX A6000", "RTX-A6000"),
    ("GeForce RTX 4090 D", "RTX-4090-D"), ("GeForce RTX 4090", "RTX-4090"), ("GeForce RTX 5090", "RTX-5090"), ("GeForce RTX 3090",
    "RTX-3090"),
    ("RTX 6000 Ada", "RTX-6000-Ada"), ("RTX 5000 Ada", "RTX-5000-Ada"), ("RTX 4000 Ada", "RTX-4000-Ada"), ("RTX-4090", "RTX-4090"),
    ("RTX-3090", "RTX-3090"), ("4070 Ti", "RTX-4070-Ti"), ("4080", "RTX-4080"), ("4090", "RTX-4090"), ("3080 Ti", "RTX-3080-Ti"), ("3080",
    "RTX-3080"),
    ("3070", "RTX-3070"), ("3090", "RTX-3090"),
)  # fmt: skip
"""The first that the source's name begins with. "120GB" and "480GB" of a GH200 are the memory of its CPU; the card has 96."""
MODELS = {
    "llama-3-8b": "meta-llama/Meta-Llama-3-8B-Instruct",
    "llama-3-70b": "meta-llama/Meta-Llama-3-70B-Instruct",
    "codellama-7b (llama-2 architecture)": "codellama/CodeLlama-7b-hf",
    "llama-3.1-405b-fp8 (meta)": "meta-llama/Llama-3.1-405B-Instruct-FP8",
    "llama-3.1-405b-fp8": "meta-llama/Llama-3.1-405B-Instruct-FP8",
    "hermes-3-llama-3.1-405b-fp8": "meta-llama/Llama-3.1-405B-Instruct-FP8",
    "nemotron-nano-30b (as labelled)": "nvidia/NVIDIA-Nemotron-3-Nano-30B-A3B-BF16",
    "meta-llama-3.1-8b-instruct-quantized.w8a8": "meta-llama/Llama-3.1-8B-Instruct",
    "meta-llama-3.1-8b-instruct-quantized.w4a16": "meta-llama/Llama-3.1-8B-Instruct",
    "meta-llama-3.1-8b-instruct-quantized.w8a16": "meta-llama/Llama-3.1-8B-Instruct",
    "meta-llama-3.1-8b-instruct-fp8": "meta-llama/Llama-3.1-8B-Instruct",
    "llama-3.3-nemotron-super-49b": "nvidia/Llama-3_3-Nemotron-Super-49B-v1",
    "qwen3-14b-fp8": "Qwen/Qwen3-14B",
    "glm-4.5-air-fp8": "zai-org/GLM-4.5-Air",
    "glm-4.6-fp8": "zai-org/GLM-4.6",
    "qwen3-235b-a22b-instruct-2507-fp8": "Qwen/Qwen3-235B-A22B-Instruct-2507",
}
QUANTS = {
    "fp8": "fp8", "fp4": "nvfp4", "bf16": "bf16", "fp16": "bf16", "int4": "int4-gptq", "int8": "int8", "mxfp4": "mxfp4",
    "fp8 (w8a8 static)": "fp8",
    "int8 (w8a8)": "int8", "int8 (w8a16)": "int8", "int4 (w4a16)": "int4-gptq", "gguf-f16": "bf16",
}  # fmt: skip


def number(text: str) -> float | None:
    """`~547` is the mean of a data set; None where nothing is said."""
    found = re.fullmatch(r"~?([\d.]+)", text.strip())
    return float(found.group(1)) if found else None


def gpu_facts(name: str) -> tuple[str, dict[str, Any] | None]:
    """The id, and what differs from its facts (none does so far)."""
    for start, known in GPUS:
        if name.startswith(start):
            return find_gpu(known).id, None
    return f"?{name}", None


def model_of(row: dict[str, str]) -> tuple[str, str | None]:
    """Id and weight format; a file name that says its format wins over the column."""
    name = row["model"].strip()
    known = MODELS.get(name.lower(), name)
    try:
        model = find_model(known).id
    except InputError:
        return f"?{name}", None
    return model, _quant(row, name)


def _quant(row: dict[str, str], name: str) -> str | None:
    if "gpt-oss" in name:
        return "mxfp4"
    if "NVFP4" in name:
        return "nvfp4"
    said = row["weight_quant"].strip()
    if name.upper().endswith("-FP8") or said.startswith("fp8"):
        return "fp8"
    if said.startswith("gguf-"):
        return QUANTS.get(said, said)
    return QUANTS.get(said.split(" (repo")[0]) if said and said != "not stated" else None if said == "not stated" else "bf16"
