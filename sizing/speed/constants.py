"""The fitted constants: efficiencies and overheads for a GPU class, an engine group and a weight format."""

from __future__ import annotations

import functools
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from inferstack.records.files.facts import load
from sizing.speed.iteration_work import Features

# Soft limit of the factor by which GEMMs of a wide expert are more efficient than those of one 2,000 wide. The
# exponent (`wx`) is the best single term for an unseen family: without it MoE throughput with the family left out
# errs by 24.1 % in place of 19.0, Mixtral by 23.5 in place of 13.5 (ablation of 2026-11-21).
WIDEST_EXPERT_GAIN = 3.0


@dataclass(slots=True, eq=False, repr=False)
class Efficiency:
    """Shares of peak (dimensionless) and fixed times in seconds; the names in comments are those of the calibration file."""

    compute: float  # e
    read: float  # eb
    prefill: float  # ep
    kv: float  # ekv
    link: float  # al
    link_one_shot: float  # al1
    link_prefill: float  # alp
    collective_s: float  # lat
    ring_s: float  # lat2
    corner: float  # p
    padding_tokens: float  # pad
    expert: float  # em
    expert_prefill: float  # emp
    expert_read: float  # ebm
    imbalance: float  # imb_ep
    latent: float  # emla
    attention: float  # ea
    layer_s: float  # tl
    moe_layer_s: float  # tlm
    recurrent_layer_s: float  # tlg
    sparse_layer_s: float  # tld
    latent_layer_s: float  # tla
    shared_layer_s: float  # tsh
    step_s: float  # ts or tso
    sequence_s: float  # tb or tbo
    request_s: float  # tr
    hidden_pass: float  # ca
    ffn_pass: float  # caf
    stage_s: float  # tpp
    bubble: float  # bub
    drain: float  # drain
    prefill_share: float  # eta
    coverage: float  # kap
    tail: float  # tail
    fixed_s: float = 0.0  # of a decode step, whatever the batch
    pass_s: float = 0.0  # elementwise passes over one token
    prompt_token_s: float = 0.0  # of a token of a prompt, attention left out


@dataclass(slots=True, eq=False, repr=False)
class FirstToken:
    """Constants of the time to first token, seconds where the name says so: of requests released together, and of one that arrives."""

    fixed_s: float  # t0
    steps: float  # kd
    own: float  # k0
    others: float  # k1
    others_power: float  # g
    sequence_s: float  # thb
    stream_steps: float  # sim
    arrival_s: float  # a0
    arrival_steps: float  # as
    arrival_prompts: float  # ap


class _Table:
    """One constant by GPU class and engine group: the base times what the groups multiply."""

    def __init__(self, bases: str, factors: str, gpu_class: str, group: str) -> None:
        facts = calibration_facts()
        base: dict[str, float] = facts[bases]
        by_class: dict[str, float] = facts[factors].get(gpu_class, {})
        by_group: dict[str, float] = facts[factors].get(group, {})
        self.values = {name: value * by_class.get(name, 1.0) * by_group.get(name, 1.0) for name, value in base.items()}

    def __call__(self, name: str) -> float:
        return self.values[name]


@functools.cache
def _table(bases: str, factors: str, gpu_class: str, group: str) -> _Table:
    return _Table(bases, factors, gpu_class, group)


def calibration_facts() -> dict[str, Any]:
    facts: dict[str, Any] = load("sizing")["calibration"]["serving"]
    return facts


def noise(figure: str) -> float:
    """Return (p99 - mean) / mean of `ttft` or `itl` with one request in flight: the variation without any queue."""
    return float(load("sizing")["calibration"]["planning"]["p99_of_one"]["value"][figure])


def efficiency(f: Features, gpu_class: str, group: str, *, offline: bool, expert_parallel: bool) -> Efficiency:
    """Return the fitted efficiencies for this GPU class, engine group and format."""
    return combined(f, _table("constants", "by_group", gpu_class, group), offline=offline, expert_parallel=expert_parallel)


def combined(f: Features, table: Callable[[str], Any], *, offline: Any, expert_parallel: Any) -> Efficiency:
    """Combine the constants of any table; flags may be arrays of 0 and 1, as in a fit."""
    k = _raw(table, offline=offline)
    k.imbalance = _if(expert_parallel, table("imb_ep"))
    _apply_format(k, f, table)
    _apply_expert_width(k, f, table)
    _apply_link(k, f, table)
    _apply_host(k, f, table)
    _cap(k)
    _sum_up(k, f)
    return k


def first_token(group: str) -> FirstToken:
    """Return the fitted first-token constants; a group that was only measured offline borrows the nearest one of its engine."""
    borrowed = calibration_facts()["ttft_borrows"].get(group, group)
    return first_token_of(_table("ttft", "ttft_by_group", "", borrowed))


def first_token_of(table: Callable[[str], Any]) -> FirstToken:
    """Return the first-token constants of any table."""
    return FirstToken(
        fixed_s=table("t0"), steps=table("kd"), own=table("k0"), others=table("k1"), others_power=table("g"), sequence_s=table("thb"),
        stream_steps=table("sim"), arrival_s=table("a0"), arrival_steps=table("as"), arrival_prompts=table("ap"),
    )  # fmt: skip


def _if(flag: Any, factor: Any) -> Any:
    """The factor where the flag is set, else 1."""
    return 1 + flag * (factor - 1)


def _raw(table: Callable[[str], Any], *, offline: Any) -> Efficiency:
    return Efficiency(
        compute=table("e"), read=table("eb"), prefill=table("ep"), kv=table("ekv"), link=table("al"), link_one_shot=table("al1"),
        link_prefill=table("alp"), collective_s=table("lat"), ring_s=table("lat2"), corner=table("p"), padding_tokens=table("pad"),
        expert=table("em"), expert_prefill=table("emp"), expert_read=table("ebm"), imbalance=1.0, latent=table("emla"),
        attention=table("ea"), layer_s=table("tl"), moe_layer_s=table("tlm"), recurrent_layer_s=table("tlg"),
        sparse_layer_s=table("tld"), latent_layer_s=table("tla"), shared_layer_s=table("tsh"),
        step_s=_choose(offline, table("ts"), table("tso")), sequence_s=_choose(offline, table("tb"), table("tbo")),
        request_s=table("tr"), hidden_pass=table("ca"), ffn_pass=table("caf"), stage_s=table("tpp"), bubble=table("bub"),
        drain=table("drain"), prefill_share=table("eta"), coverage=table("kap"), tail=table("tail"),
    )  # fmt: skip


def _choose(flag: Any, yes: Any, no: Any) -> Any:
    return flag * yes + (1 - flag) * no


def _apply_format(k: Efficiency, f: Features, table: Callable[[str], Any]) -> None:
    """Weight-only 4 bit is unpacked and multiplied in 16 bit, on GPUs with FP4 units as well."""
    wide = (1 - f.fp4) * (1 - f.fp8) * (1 - f.weight_only_4bit)
    dense = _if(f.fp4, table("fp4e")) * _if(wide, table("b16e")) * _if(f.weight_only_4bit, table("w4e"))
    experts = dense * _if(f.mxfp4, table("mxe")) * _if(f.emulated_fp4, table("emul"))
    # A prompt shares the factors of GPU class and format with decoding. 0.6 and 0.5 only bring `e` and `em` to about
    # 1, so that the fitted `ep` and `emp` read as shares of the peak.
    k.prefill = k.prefill * k.compute / 0.6 * dense
    k.compute = k.compute * dense
    k.expert_prefill = k.expert_prefill * k.expert / 0.5 * experts
    k.expert = k.expert * experts
    # At batch 1 dense NVFP4 reaches 0.67 of the bandwidth that FP8 does (`d4b`): four bits do not halve the time
    # between tokens. `fp4b` is above 1, which is not physics: experts in FP4 are read faster than evenly spread
    # routing allows, so real routing must be narrower.
    packed = _if(f.weight_only_4bit, table("w4b"))
    k.read = k.read * _if(f.dense_fp4, table("d4b")) * packed
    k.expert_read = k.expert_read * _if(f.fp4, table("fp4b")) * packed
    # Where FP4 is unpacked in the kernel an expert layer has 2.4 times the fixed time, as gpt-oss by TensorRT-LLM on
    # Hopper (fit of 2026-11-27).
    k.moe_layer_s = k.moe_layer_s * _if(f.slow_experts, table("tle"))


def _apply_expert_width(k: Efficiency, f: Features, table: Callable[[str], Any]) -> None:
    """Narrow experts make small GEMMs: the exponent that an unseen MoE needs most. The base value is that of a width of 2,000."""
    factor = _soft_cap(table("wx") ** f.log_expert_width, WIDEST_EXPERT_GAIN)
    k.expert = k.expert * factor
    k.expert_prefill = k.expert_prefill * factor


def _apply_link(k: Efficiency, f: Features, table: Callable[[str], Any]) -> None:
    spread = _if(f.spread_attention, table("al_adp"))
    # Cards without NVLink need constants of their own: without them dense throughput errs by 9.2 % in place of 8.4
    # (ablation of 2026-11-21). All-reduces over more than four cards reach 0.69 of that rate (`pc8`).
    pcie = table("al_pcie") * _if(f.many_gpus, table("pc8"))
    k.link = _choose(f.pcie, pcie, k.link) * spread
    k.link_prefill = _choose(f.pcie, pcie, k.link_prefill) * spread
    k.link_one_shot = _choose(f.pcie, table("al1_pcie"), k.link_one_shot)
    k.collective_s = _choose(f.pcie, table("lat_pcie_small"), k.collective_s)
    k.ring_s = _choose(f.pcie, table("lat_pcie"), k.ring_s)


def _apply_host(k: Efficiency, f: Features, table: Callable[[str], Any]) -> None:
    # Grace hosts (GH200, GB200, GB300) take 1.45 times as long per sequence, step and request. One factor is not
    # enough: Qwen3-30B on GB200 runs at 0.61 of B200 with 128/128 tokens, and as fast with long prompts or answers.
    slow = _if(f.grace, table("grace"))
    k.sequence_s, k.step_s, k.request_s = k.sequence_s * slow, k.step_s * slow, k.request_s * slow


def _cap(k: Efficiency) -> None:
    for name, limit in _LIMITS.items():
        setattr(k, name, _soft_cap(getattr(k, name), limit))


def _sum_up(k: Efficiency, f: Features) -> None:
    """Add up what every step and every token of a prompt costs with these features."""
    # Fixed times of layers are what lets the sum go to a GPU that nobody measured: without them the time between
    # tokens of dense models, GPU left out, errs by 15.4 % in place of 11.7 (ablation of 2026-11-21).
    k.fixed_s = (
        f.layers * k.layer_s
        + f.moe_layers * k.moe_layer_s
        + f.recurrent_layers * k.recurrent_layer_s
        + f.sparse_layers * k.sparse_layer_s
        + f.latent_layers * k.latent_layer_s
        + f.shared_layers * k.shared_layer_s
        + k.step_s
    )
    k.pass_s = f.hidden_pass * k.hidden_pass + f.ffn_pass * k.ffn_pass
    experts = 2 * f.experts_per_token * f.expert_compute / k.expert_prefill * k.imbalance
    hops = (f.stages - 1) / f.stages * f.hop
    k.prompt_token_s = (2 * f.dense_compute / k.prefill + k.pass_s) / f.attention_dp + experts + (f.collective + hops) / k.link_prefill


def _soft_cap(value: Any, limit: float) -> Any:
    # Smooth, so that a fit has a slope at the limit. The sixth power leaves a value of 0.7 of the limit 2 % lower.
    return value / (1 + (value / limit) ** 6) ** (1 / 6)


# Soft limits, as shares of the datasheet's peak. 0.93 of the memory's peak since 2026-11-27; one H200 was measured to
# copy at 4.3 of its 4.8 TB/s and to multiply in bf16 at 0.8 of its peak (sizing/facts/gpus/hopper.yaml). KV cache and
# experts may reach 1, as the bytes that they read are estimates themselves.
_LIMITS = {"compute": 0.95, "prefill": 0.95, "expert": 0.9, "expert_prefill": 0.9, "read": 0.93, "kv": 1.0, "expert_read": 1.0}
