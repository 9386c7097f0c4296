"""Request: what a person asks for. The keys are those of the batch interface plus targets and limits."""

from __future__ import annotations

from typing import Any, ClassVar, Literal, Self

from pydantic import Field, model_validator

from records.record import Part, Record

Engine = Literal["vllm", "tensorrt-llm", "sglang", "llama.cpp"]
LOADS = ("concurrency", "request_rate", "users", "tokens_per_day")


class GpuOverride(Part):
    """Facts of a GPU that replace the catalogue's for this question."""

    memory_gib: float | None = Field(None, gt=0)
    bandwidth_gb_s: float | None = Field(None, gt=0)
    tflops_bf16: float | None = Field(None, gt=0)
    tflops_fp8: float | None = Field(None, gt=0)
    tflops_fp4: float | None = Field(None, gt=0)
    link_gb_s: float | None = Field(None, gt=0)


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
    engine: Engine | None = None
    engine_version: str | None = None
    isl: float = Field(1024, gt=0, le=2e7)
    osl: float = Field(256, gt=0, le=2e7)
    concurrency: int | None = Field(None, ge=1, le=10_000_000)
    request_rate: float | None = Field(None, gt=0, le=1e7)
    burstiness: float | None = Field(None, gt=0)
    num_requests: int | None = Field(None, ge=1)
    prefix_hit_rate: float = Field(0.0, ge=0, le=1)
    max_model_len: int | None = Field(None, ge=1)
    max_num_seqs: int | None = Field(None, ge=1)
    max_num_batched_tokens: int | None = Field(None, ge=1)
    gpu_memory_utilization: float | None = Field(None, gt=0, le=1)
    memory_only: bool = False

    users: int | None = Field(None, ge=1, le=100_000_000)
    tokens_per_day: float | None = Field(None, gt=0, le=1e15)
    ttft_ms: float | None = Field(None, gt=0)
    itl_ms: float | None = Field(None, gt=0)
    e2e_ms: float | None = Field(None, gt=0)
    ttft_p99_ms: float | None = Field(None, gt=0)
    itl_p99_ms: float | None = Field(None, gt=0)
    e2e_p99_ms: float | None = Field(None, gt=0)
    region: str | None = None
    instance_types: tuple[str, ...] | None = None
    max_usd_per_hour: float | None = Field(None, gt=0)
    domicile: Literal["eu", "elsewhere"] | None = Field(None, description="of whoever serves the model; some licences exclude the EU")
    guards: tuple[str, ...] | None = Field(None, description="safety models that check each request")
    headroom: float | None = Field(None, gt=0, le=1, description="no replica is loaded above this share of what it can serve")
    n_plus_1: bool = Field(False, description="the load is still served within all targets when one node, or one replica, is lost")

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
