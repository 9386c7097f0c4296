"""Request: what a person asks for. The keys are those of the batch interface plus targets and limits."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Annotated, Any, ClassVar, Literal, Self

from pydantic import Field, field_validator, model_validator

from inferstack.records import engines
from inferstack.records.files.keys import ESTIMATED, Flag, Form, Keys
from inferstack.records.files.keys import Section as S
from inferstack.records.load import LEAST_TOKENS
from inferstack.records.record import Record

LOADS = ("concurrency", "request_rate", "tokens_per_s", "users", "tokens_per_day")
LoraModule = Literal["q_proj", "k_proj", "v_proj", "o_proj", "gate_proj", "up_proj", "down_proj"]
NEEDS = {
    "speculative_tokens": "speculative_method", "acceptance_rate": "speculative_method", "speculative_model": "speculative_method",
    "lora_rank": "lora_slots", "lora_modules": "lora_slots", "image_pixels": "images_per_request", "image_tokens": "images_per_request",
}  # fmt: skip
"""Keys that say nothing without another."""
WITHOUT_DRAFT = ("mtp", "ngram")
REGION, REGION_FORM = r"^[a-z]{2}(-[a-z]+)+-[0-9]$", Form("an AWS region like us-east-1")
PIXELS, PIXELS_FORM = r"^[1-9][0-9]{0,4}x[1-9][0-9]{0,4}$", Form("width x height like 1024x768, each below 100,000")
SPECIAL = frozenset(NEEDS) | frozenset(NEEDS.values())
"""Keys of speculation, adapters and images."""


def _engines_of_plans() -> str:
    return f"inference engine: {engines.listed(engines.deployed())}; default: the plan chooses"


def _target(what: str) -> Any:
    return Field(None, gt=0, le=1e9, description=f"target: {what}, ms")


class GpuOverride(Keys):
    """Facts of a GPU that replace the catalogue's for this question."""

    memory_gib: float | None = Field(None, ge=1, le=1e5)
    bandwidth_gb_s: float | None = Field(None, ge=1, le=1e6)
    tflops_bf16: float | None = Field(None, ge=0.1, le=1e6)
    tflops_fp8: float | None = Field(None, ge=0.1, le=1e6)
    tflops_fp4: float | None = Field(None, ge=0.1, le=1e6)
    link_gb_s: float | None = Field(None, ge=0.01, le=1e6)


class Request(Keys, Record):
    """`request.yaml`. One model (by id or config), one load, targets, limits.

    The one table of keys: the flags of `plan`, the keys of `python -m sizing.estimate`, their bounds, help, reference and refusals are
    all made from these fields.
    """

    file_name: ClassVar[str] = "request.yaml"

    id: Annotated[str | None, ESTIMATED] = Field(
        None, min_length=1, description="your name for the question; the estimate's answer repeats it"
    )
    model: Annotated[
        str | None,
        ESTIMATED,
        Flag(S.MODEL, "ID", help="a Hugging Face id or its last part, a folder, a config.json or a .gguf file"),
    ] = Field(None, min_length=1, max_length=200, description="Hugging Face id of a known model, or its last part")
    config: Annotated[dict[str, Any] | None, ESTIMATED, Flag(S.MODEL, "FILE", help="instead of --model: a Hugging Face config.json")] = (
        Field(None, description="instead of model: the contents of a Hugging Face config.json")
    )
    weight_quant: Annotated[str | None, ESTIMATED, Flag(S.MODEL, "NAME")] = Field(
        None, min_length=1, description="weight format: bf16, fp8, int4-awq, gguf-q4_k_m and others; default: the checkpoint's own"
    )
    any_quant: Annotated[Literal[4, 8] | None, Flag(S.MODEL, "4|8")] = Field(
        None, description="without weight_quant: choose among formats of at least this many bits; default: at least the checkpoint's own"
    )
    kv_quant: Annotated[Literal["auto", "bf16", "fp16", "fp8"], ESTIMATED, Flag(S.MODEL, "NAME")] = Field(
        "auto", description="KV cache format: auto (the engine's choice), bf16 (fp16 means the same) or fp8"
    )
    gpu: Annotated[str | None, ESTIMATED, Flag(S.MACHINES, "NAME", help="only instances with this GPU")] = Field(
        None, min_length=1, description="a known GPU: H100, L40S, A100-80 and others"
    )
    instance_type: Annotated[str | None, ESTIMATED] = Field(None, min_length=1, description="an EC2 instance type with GPUs")
    gpu_override: Annotated[GpuOverride | None, ESTIMATED] = Field(None, description="values that override those of the GPU")
    tp: Annotated[int | None, ESTIMATED, Flag(S.LAYOUT, "N")] = Field(None, ge=1, le=1024, description="tensor-parallel degree")
    pp: Annotated[int | None, ESTIMATED, Flag(S.LAYOUT, "N")] = Field(None, ge=1, le=1024, description="pipeline-parallel degree")
    ep: Annotated[int | None, ESTIMATED, Flag(S.LAYOUT, "N")] = Field(None, ge=1, le=1024, description="expert-parallel degree")
    dp: Annotated[int | None, ESTIMATED, Flag(S.LAYOUT, "N")] = Field(
        None, ge=1, le=1024, description="number of replicas that share the load"
    )
    engine: Annotated[engines.EngineName | None, ESTIMATED, Flag(S.MODEL, "NAME", help=_engines_of_plans)] = Field(
        None, description="inference engine; without it a plan chooses one and the estimate takes the first"
    )
    engine_version: Annotated[str | None, ESTIMATED, Flag(S.MODEL, "X.Y.Z")] = Field(
        None, min_length=1, description="engine version as the engine prints it; default: the newest known one"
    )
    isl: Annotated[float, ESTIMATED, Flag(S.LENGTHS, "TOKENS")] = Field(
        1024, ge=LEAST_TOKENS, le=2e7, description="mean prompt length in tokens"
    )
    osl: Annotated[float, ESTIMATED, Flag(S.LENGTHS, "TOKENS")] = Field(
        256, ge=LEAST_TOKENS, le=2e7, description="mean answer length in tokens"
    )
    concurrency: Annotated[int | None, ESTIMATED, Flag(S.LOAD, "N")] = Field(
        None, ge=1, le=10_000_000, description="load: requests always in flight, over all replicas"
    )
    request_rate: Annotated[float | None, ESTIMATED, Flag(S.LOAD, "PER_S")] = Field(
        None, ge=1e-6, le=1e7, description="load: requests per second, over all replicas"
    )
    burstiness: Annotated[float | None, ESTIMATED] = Field(
        None, ge=0.001, le=1000, description="burstiness of arrivals (gamma-distributed gaps): below 1 is bursty; default: 1, Poisson"
    )
    num_requests: Annotated[int | None, ESTIMATED, Flag(S.RUN, "N")] = Field(
        None, ge=1, le=1_000_000_000, description="number of requests in the whole run, over all replicas"
    )
    prefix_hit_rate: Annotated[float, ESTIMATED, Flag(S.CONTEXT, "0..1")] = Field(
        0.0, ge=0, le=1, description="share of prompt tokens that the prefix cache serves"
    )
    max_model_len: Annotated[int | None, ESTIMATED, Flag(S.CONTEXT, "TOKENS")] = Field(
        None, ge=1, le=1_000_000_000, description="longest prompt plus answer in tokens; default: the engine's"
    )
    max_num_seqs: Annotated[int | None, ESTIMATED] = Field(
        None, ge=1, le=1_000_000_000, description="largest number of requests in a step; default: the engine's"
    )
    max_num_batched_tokens: Annotated[int | None, ESTIMATED] = Field(
        None, ge=1, le=1_000_000_000, description="largest number of tokens in a step; default: the engine's"
    )
    gpu_memory_utilization: Annotated[float | None, ESTIMATED] = Field(
        None, ge=0.01, le=1, description="share of the GPU's memory, or of its free memory, that the engine uses; default: the engine's"
    )
    memory_only: Annotated[bool, ESTIMATED] = Field(False, description="estimate the memory only; isl and osl are not needed")
    trust_remote_code: Annotated[bool, Flag(S.MODEL)] = Field(
        False, description="allow Python code of the model's repository to run on the nodes"
    )

    users: Annotated[int | None, Flag(S.PEOPLE, "N")] = Field(None, ge=1, le=100_000_000, description="load: concurrent users")
    tokens_per_day: Annotated[float | None, Flag(S.PEOPLE, "N")] = Field(
        None, ge=1, le=1e15, description="load: tokens per day, prompts and answers"
    )
    tokens_per_s: Annotated[float | None, ESTIMATED, Flag(S.LOAD, "N")] = Field(
        None, ge=1e-6, le=1e10, description="load: output tokens per second, over all replicas"
    )
    ttft_ms: Annotated[float | None, Flag(S.TARGETS, "MS")] = _target("mean time to first token")
    itl_ms: Annotated[float | None, Flag(S.TARGETS, "MS")] = _target("mean time between two tokens")
    e2e_ms: Annotated[float | None, Flag(S.TARGETS, "MS")] = _target("mean time of a whole answer")
    ttft_p99_ms: Annotated[float | None, Flag(S.TARGETS, "MS")] = _target("p99 time to first token")
    itl_p99_ms: Annotated[float | None, Flag(S.TARGETS, "MS")] = _target("p99 time between two tokens")
    e2e_p99_ms: Annotated[float | None, Flag(S.TARGETS, "MS")] = _target("p99 time of a whole answer")
    region: Annotated[str | None, Flag(S.LIMITS, "REGION"), REGION_FORM] = Field(None, pattern=REGION, description="AWS region")
    instance_types: Annotated[
        tuple[str, ...] | None, Flag(S.MACHINES, "TYPE", name="--instance-type", help="only this instance type; may be repeated")
    ] = Field(None, description="only these instance types")
    max_usd_per_hour: Annotated[float | None, Flag(S.LIMITS, "USD")] = Field(None, gt=0, description="limit on the cost per hour")
    domicile: Annotated[Literal["eu", "elsewhere"] | None, Flag(S.SERVICE, "WHERE")] = Field(
        None, description="domicile of whoever serves the model, eu or elsewhere; some licences exclude the EU"
    )
    guards: Annotated[
        tuple[str, ...] | None, Flag(S.MACHINES, "ID", name="--guard", help="a safety model that checks each request; may be repeated")
    ] = Field(None, description="safety models that check each request")
    headroom: Annotated[float | None, Flag(S.SERVICE, "0..1")] = Field(
        None, gt=0, le=1, description="keep each replica below this utilisation"
    )
    n_plus_1: Annotated[bool, Flag(S.SERVICE)] = Field(
        False, description="serve the load within all targets even when one node or replica is lost"
    )

    speculative_method: Annotated[Literal["eagle3", "mtp", "ngram", "draft"] | None, ESTIMATED, Flag(S.SPECIAL, "NAME")] = Field(
        None, description="speculative decoding: eagle3, mtp, ngram or draft"
    )
    speculative_tokens: Annotated[int | None, ESTIMATED, Flag(S.SPECIAL, "N")] = Field(
        None, ge=1, le=16, description="tokens proposed per step; default: depends on the method"
    )
    acceptance_rate: Annotated[float | None, ESTIMATED, Flag(S.SPECIAL, "0..1")] = Field(
        None, ge=0, le=1, description="chance that a proposed token is accepted if all before it were; default: depends on the method"
    )
    speculative_model: Annotated[str | None, ESTIMATED, Flag(S.SPECIAL, "ID")] = Field(
        None, min_length=1, max_length=200, description="the draft model, for eagle3 and draft"
    )
    lora_slots: Annotated[int | None, ESTIMATED, Flag(S.SPECIAL, "N")] = Field(
        None, ge=1, le=1000, description="LoRA adapters loaded on the GPU at once"
    )
    lora_rank: Annotated[int | None, ESTIMATED, Flag(S.SPECIAL, "N")] = Field(
        None, ge=1, le=512, description="largest rank of the adapters; default: 16"
    )
    lora_modules: Annotated[
        tuple[LoraModule, ...] | None,
        ESTIMATED,
        Flag(S.SPECIAL, "NAME", name="--lora-module", help="a module that the adapters change: q_proj to down_proj; may be repeated"),
    ] = Field(None, min_length=1, description="modules that the adapters change; default: all known modules of the model")
    images_per_request: Annotated[float | None, ESTIMATED, Flag(S.SPECIAL, "N")] = Field(
        None, ge=1e-6, le=1000, description="mean number of images per request"
    )
    image_pixels: Annotated[str | None, ESTIMATED, Flag(S.SPECIAL, "WxH"), PIXELS_FORM] = Field(
        None, pattern=PIXELS, description="width x height of an image: 1024x768"
    )
    image_tokens: Annotated[int | None, ESTIMATED, Flag(S.SPECIAL, "N")] = Field(
        None, ge=1, le=1_000_000, description="tokens per image, instead of image_pixels"
    )
    split: Annotated[bool, Flag(S.SPECIAL)] = Field(False, description="also size separate fleets for prefill and decode, for comparison")

    @field_validator("kv_quant")
    @classmethod
    def _sixteen_bits(cls, value: str) -> str:
        """Return bf16 for fp16: both are 16 bits, and the engine keeps them in the model's own type."""
        return {"fp16": "bf16"}.get(value, value)

    @field_validator("engine", mode="before")
    @classmethod
    def _known_engine(cls, value: object) -> object:
        return engines.named(value) if isinstance(value, str) else value

    @model_validator(mode="after")
    def _whole_special_loads(self) -> Self:
        if not SPECIAL.isdisjoint(self.model_fields_set):
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
        from inferstack.records.files import marked_yaml

        return marked_yaml.written(self.model_dump(mode="json"))


def refuse_half_special_loads(given: Mapping[str, Any]) -> None:
    """Raises ValueError for a key of `SPECIAL` that lacks another, or that contradicts one."""
    get = given.get
    for name, other in NEEDS.items():
        if get(name) is not None and get(other) is None:
            raise ValueError(f"{name} has no effect without {other}")
    if get("speculative_model") is not None and get("speculative_method") in WITHOUT_DRAFT:
        raise ValueError(f"speculative_model: {get('speculative_method')} uses no draft model; leave it out")
    if get("images_per_request") is not None and (get("image_pixels") is None) == (get("image_tokens") is None):
        raise ValueError("images_per_request needs exactly one of image_pixels and image_tokens")
