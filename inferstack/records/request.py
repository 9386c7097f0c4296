"""Request: what a person asks for. The keys are those of the batch interface plus targets and limits."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any, ClassVar, Literal, Self

from pydantic import Field, field_validator, model_validator

from inferstack.records import engines
from inferstack.records.record import Part, Record

LOADS = ("concurrency", "request_rate", "tokens_per_s", "users", "tokens_per_day")
LoraModule = Literal["q_proj", "k_proj", "v_proj", "o_proj", "gate_proj", "up_proj", "down_proj"]
NEEDS = {
    "speculative_tokens": "speculative_method", "acceptance_rate": "speculative_method", "speculative_model": "speculative_method",
    "lora_rank": "lora_slots", "lora_modules": "lora_slots", "image_pixels": "images_per_request", "image_tokens": "images_per_request",
}  # fmt: skip
"""Keys that say nothing without another."""
WITHOUT_DRAFT = ("mtp", "ngram")
SPECIAL = frozenset(NEEDS) | frozenset(NEEDS.values())
"""Keys of speculation, adapters and images."""


class GpuOverride(Part):
    """Facts of a GPU that replace the catalogue's for this question."""

    memory_gib: float | None = Field(None, ge=1, le=1e5)
    bandwidth_gb_s: float | None = Field(None, ge=1, le=1e6)
    tflops_bf16: float | None = Field(None, ge=0.1, le=1e6)
    tflops_fp8: float | None = Field(None, ge=0.1, le=1e6)
    tflops_fp4: float | None = Field(None, ge=0.1, le=1e6)
    link_gb_s: float | None = Field(None, ge=0.01, le=1e6)


class Request(Record):
    """`request.yaml`. One model (by id or config), one load, targets, limits. Tokens are mean values of a request."""

    file_name: ClassVar[str] = "request.yaml"

    id: str | None = None
    model: str | None = Field(None, min_length=1, max_length=200)
    config: dict[str, Any] | None = None
    weight_quant: str | None = None
    any_quant: Literal[4, 8] | None = Field(
        None,
        description="without weight_quant, formats down to so many bits may be chosen; null: none below the checkpoint's own",
    )
    kv_quant: Literal["auto", "bf16", "fp8"] = "auto"
    gpu: str | None = None
    instance_type: str | None = None
    gpu_override: GpuOverride | None = None
    tp: int | None = Field(None, ge=1, le=1024)
    pp: int | None = Field(None, ge=1, le=1024)
    ep: int | None = Field(None, ge=1, le=1024)
    dp: int | None = Field(None, ge=1, le=1024)
    engine: engines.EngineName | None = None
    engine_version: str | None = None
    isl: float = Field(1024, ge=1, le=2e7)
    osl: float = Field(256, ge=1, le=2e7)
    concurrency: int | None = Field(None, ge=1, le=10_000_000)
    request_rate: float | None = Field(None, ge=1e-6, le=1e7)
    burstiness: float | None = Field(None, ge=0.001, le=1000)
    num_requests: int | None = Field(None, ge=1, le=1_000_000_000)
    prefix_hit_rate: float = Field(0.0, ge=0, le=1)
    max_model_len: int | None = Field(None, ge=1, le=1_000_000_000)
    max_num_seqs: int | None = Field(None, ge=1, le=1_000_000_000)
    max_num_batched_tokens: int | None = Field(None, ge=1, le=1_000_000_000)
    gpu_memory_utilization: float | None = Field(None, ge=0.01, le=1)
    memory_only: bool = False
    trust_remote_code: bool = Field(False, description="consent: code of the model's repository runs on the nodes")

    users: int | None = Field(None, ge=1, le=100_000_000)
    tokens_per_day: float | None = Field(None, ge=1, le=1e15)
    tokens_per_s: float | None = Field(None, ge=1e-6, le=1e10, description="output tokens a second, over all replicas")
    ttft_ms: float | None = Field(None, gt=0, le=1e9)
    itl_ms: float | None = Field(None, gt=0, le=1e9)
    e2e_ms: float | None = Field(None, gt=0, le=1e9)
    ttft_p99_ms: float | None = Field(None, gt=0, le=1e9)
    itl_p99_ms: float | None = Field(None, gt=0, le=1e9)
    e2e_p99_ms: float | None = Field(None, gt=0, le=1e9)
    region: str | None = None
    instance_types: tuple[str, ...] | None = None
    max_usd_per_hour: float | None = Field(None, gt=0)
    domicile: Literal["eu", "elsewhere"] | None = Field(None, description="of whoever serves the model; some licences exclude the EU")
    guards: tuple[str, ...] | None = Field(None, description="safety models that check each request")
    headroom: float | None = Field(None, gt=0, le=1, description="no replica is loaded above this share of what it can serve")
    n_plus_1: bool = Field(False, description="the load is still served within all targets when one node, or one replica, is lost")

    speculative_method: Literal["eagle3", "mtp", "ngram", "draft"] | None = None
    speculative_tokens: int | None = Field(None, ge=1, le=16, description="proposed a step; without it a fact of the method")
    acceptance_rate: float | None = Field(None, ge=0, le=1, description="of one proposed token, all before it accepted; without it a fact")
    speculative_model: str | None = Field(None, min_length=1, max_length=200, description="the draft, for eagle3 and draft")
    lora_slots: int | None = Field(None, ge=1, le=1000, description="adapters loaded on the GPU at once")
    lora_rank: int | None = Field(None, ge=1, le=512, description="the largest; without it 16")
    lora_modules: tuple[LoraModule, ...] | None = Field(None, min_length=1, description="without it all that the sizing knows of the model")
    images_per_request: float | None = Field(None, gt=0, le=1000, description="the mean")
    image_pixels: str | None = Field(None, description="width x height: 1024x768")
    image_tokens: int | None = Field(None, ge=1, le=1_000_000, description="of one image, in place of image_pixels")
    split: bool = Field(False, description="prefill and decode on fleets of their own are sized beside the plan, to compare")

    @field_validator("engine", mode="before")
    @classmethod
    def _known_engine(cls, value: object) -> object:
        return engines.named(value) if isinstance(value, str) else value

    @model_validator(mode="after")
    def _whole_special_loads(self) -> Self:
        refuse_half_special_loads({name: getattr(self, name) for name in SPECIAL})
        return self

    @model_validator(mode="after")
    def _one_model_and_one_load(self) -> Self:
        if (self.model is None) == (self.config is None):
            raise ValueError("give exactly one of model and config")
        if self.weight_quant is not None and self.any_quant is not None:
            raise ValueError(f"give one of weight_quant and any_quant: {self.weight_quant} fixes the format, any_quant leaves it open")
        given = [name for name in LOADS if getattr(self, name) is not None]
        if len(given) > 1:
            raise ValueError(f"give one load, not {len(given)}: {', '.join(given)}")
        return self

    def to_json(self) -> str:
        """YAML with every key, so that the file shows what could be asked; null is a key that was left out."""
        import yaml

        return yaml.safe_dump(self.model_dump(mode="json"), sort_keys=False)


def refuse_half_special_loads(given: Mapping[str, Any]) -> None:
    """Raises ValueError for a key of `SPECIAL` that lacks another, or that contradicts one."""
    get = given.get
    for name, other in NEEDS.items():
        if get(name) is not None and get(other) is None:
            raise ValueError(f"{name} says nothing without {other}")
    if get("speculative_model") is not None and get("speculative_method") in WITHOUT_DRAFT:
        raise ValueError(f"speculative_model: {get('speculative_method')} runs no draft model, leave it out")
    if get("images_per_request") is not None and (get("image_pixels") is None) == (get("image_tokens") is None):
        raise ValueError("images_per_request needs exactly one of image_pixels and image_tokens")
    pixels = get("image_pixels")
    if pixels is not None and not re.fullmatch(r"[1-9]\d{0,4}x[1-9]\d{0,4}", pixels):
        raise ValueError(f"image_pixels: must be width x height like 1024x768, each below 100000, not {pixels!r:.40}")
