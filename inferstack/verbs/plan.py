"""`inferstack plan`: which cluster holds this load, what it costs, and why the others lost."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Any

import typer

from inferstack.chain import planning
from inferstack.cli import limits, options, request_flags
from inferstack.cli.command import Command, begin
from inferstack.cli.options import DEFAULT_STACK, ExpiresIn, Json, MaxUsd, MaxUsdInAll, Region, Rehearse, Stack, Verbose, Yes
from inferstack.records import engines
from inferstack.records.errors import InputError
from inferstack.records.plan import Plan
from inferstack.records.request import Request

NOT_OF_THE_REQUEST = (
    "file",
    "rehearse",
    "stack",
    "as_json",
    "yes",
    "verbose",
    "config",
    "instance_type",
    "guard",
    "lora_module",
    "max_usd",
    "expires_in",
)
LIMITS = ("region", "max_usd_per_hour", "max_usd", "expires_in")
NO = {"show_default": False}
File = Annotated[Path | None, typer.Argument(metavar="[REQUEST.yaml]", help="A request; flags win over what it says.", **NO)]
Model = Annotated[
    str | None, typer.Option("--model", metavar="ID", help="An id or its last part, a folder, a config.json or a .gguf file.", **NO)
]
Config = Annotated[Path | None, typer.Option("--config", metavar="FILE", help="Instead of --model: a config.json.", **NO)]
WeightQuant = Annotated[str | None, typer.Option("--weight-quant", metavar="NAME", help="bf16, fp8, int4-awq, gguf-q4_k_m ...", **NO)]
AnyQuant = Annotated[int | None, typer.Option("--any-quant", metavar="4|8", help="Without --weight-quant: may choose so few bits.", **NO)]
KvQuant = Annotated[str | None, typer.Option("--kv-quant", metavar="NAME", help="auto, bf16 or fp8.", **NO)]
Engine = Annotated[str | None, typer.Option("--engine", metavar="NAME", help=f"{engines.listed(engines.deployed())}.", **NO)]
EngineVersion = Annotated[str | None, typer.Option("--engine-version", metavar="X.Y.Z", help="As the engine prints it.", **NO)]
TrustCode = Annotated[
    bool | None, typer.Option("--trust-remote-code", help="Consent: Python code of the model's repository runs on the nodes.", **NO)
]
Isl = Annotated[float | None, typer.Option("--isl", metavar="TOKENS", help="Mean prompt length.", **NO)]
Osl = Annotated[float | None, typer.Option("--osl", metavar="TOKENS", help="Mean answer length.", **NO)]
Concurrency = Annotated[int | None, typer.Option("--concurrency", metavar="N", help="Load: N requests always in flight.", **NO)]
Rate = Annotated[float | None, typer.Option("--request-rate", metavar="PER_S", help="Load: requests a second.", **NO)]
Users = Annotated[int | None, typer.Option("--users", metavar="N", help="Load: concurrent users.", **NO)]
TokensPerDay = Annotated[float | None, typer.Option("--tokens-per-day", metavar="N", help="Load: tokens a day.", **NO)]
TokensPerS = Annotated[float | None, typer.Option("--tokens-per-s", metavar="N", help="Load: output tokens a second, in all.", **NO)]
NumRequests = Annotated[int | None, typer.Option("--num-requests", metavar="N", help="How many requests a run has.", **NO)]
Ttft = Annotated[float | None, typer.Option("--ttft-ms", metavar="MS", help="Wish: first token within.", **NO)]
Itl = Annotated[float | None, typer.Option("--itl-ms", metavar="MS", help="Wish: between two tokens.", **NO)]
E2e = Annotated[float | None, typer.Option("--e2e-ms", metavar="MS", help="Wish: a whole answer within.", **NO)]
TtftP99 = Annotated[float | None, typer.Option("--ttft-p99-ms", metavar="MS", help="Wish: 99 of 100 within.", **NO)]
ItlP99 = Annotated[float | None, typer.Option("--itl-p99-ms", metavar="MS", help="Wish: 99 of 100 within.", **NO)]
E2eP99 = Annotated[float | None, typer.Option("--e2e-p99-ms", metavar="MS", help="Wish: 99 of 100 within.", **NO)]
PrefixHit = Annotated[float | None, typer.Option("--prefix-hit-rate", metavar="0..1", help="Share of prompt tokens in the cache.", **NO)]
MaxModelLen = Annotated[int | None, typer.Option("--max-model-len", metavar="TOKENS", help="Longest prompt plus answer.", **NO)]
Tp = Annotated[int | None, typer.Option("--tp", metavar="N", help="Tensor parallel degree.", **NO)]
Pp = Annotated[int | None, typer.Option("--pp", metavar="N", help="Pipeline parallel degree.", **NO)]
Ep = Annotated[int | None, typer.Option("--ep", metavar="N", help="Expert parallel degree.", **NO)]
Dp = Annotated[int | None, typer.Option("--dp", metavar="N", help="Replicas.", **NO)]
Gpu = Annotated[str | None, typer.Option("--gpu", metavar="NAME", help="Only instances with this GPU.", **NO)]
Types = Annotated[list[str] | None, typer.Option("--instance-type", metavar="TYPE", help="Only this type. May be repeated.", **NO)]

Guards = Annotated[list[str] | None, typer.Option("--guard", metavar="ID", help="A safety model beside it. May be repeated.", **NO)]

Domicile = Annotated[str | None, typer.Option("--domicile", metavar="WHERE", help="Of who serves it: eu or elsewhere.", **NO)]
Headroom = Annotated[float | None, typer.Option("--headroom", metavar="0..1", help="Load no replica above this share.", **NO)]
NPlus1 = Annotated[bool | None, typer.Option("--n-plus-1", help="Hold the load with one node lost.", **NO)]

SpecMethod = Annotated[str | None, typer.Option("--speculative-method", metavar="NAME", help="eagle3, mtp, ngram or draft.", **NO)]
SpecTokens = Annotated[int | None, typer.Option("--speculative-tokens", metavar="N", help="Proposed a step.", **NO)]
Acceptance = Annotated[float | None, typer.Option("--acceptance-rate", metavar="0..1", help="Of one proposed token.", **NO)]
SpecModel = Annotated[str | None, typer.Option("--speculative-model", metavar="ID", help="The draft, for eagle3 and draft.", **NO)]
LoraSlots = Annotated[int | None, typer.Option("--lora-slots", metavar="N", help="LoRA adapters loaded at once.", **NO)]
LoraRank = Annotated[int | None, typer.Option("--lora-rank", metavar="N", help="Their largest rank.", **NO)]
LoraModules = Annotated[
    list[str] | None, typer.Option("--lora-module", metavar="NAME", help="q_proj ... down_proj. May be repeated.", **NO)
]
ImageCount = Annotated[float | None, typer.Option("--images-per-request", metavar="N", help="Mean number of images.", **NO)]
ImagePixels = Annotated[str | None, typer.Option("--image-pixels", metavar="WxH", help="Width x height of an image.", **NO)]
ImageTokens = Annotated[int | None, typer.Option("--image-tokens", metavar="N", help="Instead: tokens of an image.", **NO)]
Split = Annotated[bool | None, typer.Option("--split", help="Size prefill and decode apart, to compare.", **NO)]


def app() -> typer.Typer:
    return options.one(plan)


def plan(
    context: typer.Context,
    file: File = None,
    model: Model = None,
    config: Config = None,
    weight_quant: WeightQuant = None,
    any_quant: AnyQuant = None,
    kv_quant: KvQuant = None,
    engine: Engine = None,
    engine_version: EngineVersion = None,
    trust_remote_code: TrustCode = None,
    isl: Isl = None,
    osl: Osl = None,
    concurrency: Concurrency = None,
    request_rate: Rate = None,
    tokens_per_s: TokensPerS = None,
    users: Users = None,
    tokens_per_day: TokensPerDay = None,
    num_requests: NumRequests = None,
    ttft_ms: Ttft = None,
    itl_ms: Itl = None,
    e2e_ms: E2e = None,
    ttft_p99_ms: TtftP99 = None,
    itl_p99_ms: ItlP99 = None,
    e2e_p99_ms: E2eP99 = None,
    prefix_hit_rate: PrefixHit = None,
    max_model_len: MaxModelLen = None,
    tp: Tp = None,
    pp: Pp = None,
    ep: Ep = None,
    dp: Dp = None,
    gpu: Gpu = None,
    instance_type: Types = None,
    guard: Guards = None,
    domicile: Domicile = None,
    headroom: Headroom = None,
    n_plus_1: NPlus1 = None,
    speculative_method: SpecMethod = None,
    speculative_tokens: SpecTokens = None,
    acceptance_rate: Acceptance = None,
    speculative_model: SpecModel = None,
    lora_slots: LoraSlots = None,
    lora_rank: LoraRank = None,
    lora_module: LoraModules = None,
    images_per_request: ImageCount = None,
    image_pixels: ImagePixels = None,
    image_tokens: ImageTokens = None,
    split: Split = None,
    region: Region = None,
    max_usd_per_hour: MaxUsd = None,
    max_usd: MaxUsdInAll = None,
    expires_in: ExpiresIn = None,
    rehearse: Rehearse = None,
    stack: Stack = DEFAULT_STACK,
    as_json: Json = False,
    yes: Yes = False,
    verbose: Verbose = False,
) -> int:
    """Choose the cheapest cluster that holds a load; write request.yaml and plan.json."""
    return _plan(context.params)


def _plan(params: dict[str, Any]) -> int:
    """Exit code 0; raises Finding when nothing holds the load."""
    spoken = {name: params[name] for name in ("as_json", "yes", "verbose")}
    flags = {name: params[name] for name in LIMITS}
    at = begin("plan", params["stack"], **spoken, **flags)
    request = request_of(at, params)
    if at.loaded.settings.max_usd is not None:
        at.screen.say(limits.told(at.loaded.settings))
    run, planned = planning.plan(at, request, rehearse=params["rehearse"])
    if at.screen.as_json:
        at.screen.answer(planned)
        at.screen.say(f"{planned.instance_count} x {planned.instance_type}, ${planned.usd_per_hour:,.2f} an hour; written: {run.folder}")
        return 0
    from inferstack.show import plan as render_plan

    render_plan.show(at.screen, planned, folder=run.folder, following=f"inferstack preview --stack {at.name}")
    _say_unservable(at, planned)
    return 0


def _say_unservable(at: Command, planned: Plan) -> None:
    """A plan that only prices or compares stands; whoever wants to build it is told before the first dollar."""
    try:
        planning.refuse_unservable(at, planned)
    except InputError as error:
        at.screen.say(f"up cannot build this plan: {error.message}")


def request_of(at: Command, params: dict[str, Any]) -> Request:
    """Of the flags of `plan`, and the file if there is one."""
    stated = {name: value for name, value in params.items() if name not in NOT_OF_THE_REQUEST}
    stated["config"] = request_flags.model_config(params["config"])
    stated["instance_types"] = tuple(params["instance_type"]) if params["instance_type"] else None
    stated["guards"] = tuple(params["guard"]) if params["guard"] else None
    stated["lora_modules"] = tuple(params["lora_module"]) if params["lora_module"] else None
    return limits.within(request_flags.build(params["file"], stated, region=at.loaded.settings.region), at.loaded.settings)
