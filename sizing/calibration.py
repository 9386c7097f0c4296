"""The fitted constants: efficiencies and overheads for a GPU class, an engine group and a weight format."""

from __future__ import annotations

import functools
import math
from dataclasses import dataclass
from typing import Any

from records.facts import load
from sizing.features import Features

V0_GROUP = "v0"
V0_STANDS_ON = "v10"


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
    mla_layer_s: float  # tla
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


@dataclass(frozen=True, slots=True)
class FirstToken:
    """Constants of the time to first token, seconds where the name says so."""

    fixed_s: float
    steps: float
    step_scale: float
    own: float
    others: float
    others_power: float
    sequence_s: float
    stream_steps: float


@dataclass(frozen=True, slots=True)
class Arrivals:
    """First token of a request that arrives alone: fixed seconds, steps of the batch in flight, and own prompts."""

    fixed_s: float
    steps: float
    prompts: float


class _Table:
    """One constant by GPU class and engine group: the base times what the groups multiply."""

    def __init__(self, gpu_class: str, group: str) -> None:
        facts = calibration_facts()
        self.base: dict[str, float] = facts["constants"]
        self.by_class: dict[str, float] = facts["by_group"].get(gpu_class, {})
        self.by_group: dict[str, float] = facts["by_group"].get(group, {})

    def __call__(self, name: str) -> float:
        return self.base[name] * self.by_class.get(name, 1.0) * self.by_group.get(name, 1.0)


def calibration_facts() -> dict[str, Any]:
    facts: dict[str, Any] = load("sizing")["calibration"]["serving"]
    return facts


def efficiency(f: Features, gpu_class: str, group: str, *, offline: bool, expert_parallel: bool) -> Efficiency:
    table = _Table(gpu_class, V0_STANDS_ON if group == V0_GROUP else group)
    k = _raw(table, offline=offline)
    k.imbalance = table("imb_ep") if f.moe_layers and expert_parallel else 1.0
    _apply_format(k, f, table)
    _apply_expert_width(k, f, table)
    _apply_link(k, f, table)
    _apply_host(k, f, table)
    _cap(k)
    if group == V0_GROUP:
        _apply_v0(k)
    return k


def first_token(group: str) -> FirstToken:
    """Offline groups borrow the newest online one of the engine."""
    facts = calibration_facts()
    name = {V0_GROUP: V0_STANDS_ON, "t13": "t10s", "t17": "t10s", "t19": "t10s", "t10": "t11s"}.get(group, group)
    base, mine = facts["ttft"], facts["ttft_by_group"][name]
    return FirstToken(
        fixed_s=mine["t0"],
        steps=base["kd"],
        step_scale=mine["kd"],
        own=base["k0"],
        others=mine["k1"],
        others_power=base["g"],
        sequence_s=base["thb"] * mine["th"],
        stream_steps=base["sim"] if name == "t11s" else 0.0,
    )


@functools.cache
def arrivals() -> Arrivals:
    facts = calibration_facts()["arrivals"]
    return Arrivals(facts["fixed_s"], facts["steps"], facts["prompts"])


def _raw(table: _Table, *, offline: bool) -> Efficiency:
    return Efficiency(
        compute=table("e"), read=table("eb"), prefill=table("ep"), kv=table("ekv"), link=table("al"), link_one_shot=table("al1"),
        link_prefill=table("alp"), collective_s=table("lat"), ring_s=table("lat2"), corner=table("p"), padding_tokens=table("pad"),
        expert=table("em"), expert_prefill=table("emp"), expert_read=table("ebm"), imbalance=1.0, latent=table("emla"),
        attention=table("ea"), layer_s=table("tl"), moe_layer_s=table("tlm"), recurrent_layer_s=table("tlg"),
        sparse_layer_s=table("tld"), mla_layer_s=table("tla"), shared_layer_s=table("tsh"),
        step_s=table("ts" if offline else "tso"), sequence_s=table("tb" if offline else "tbo"), request_s=table("tr"),
        hidden_pass=table("ca"), ffn_pass=table("caf"), stage_s=table("tpp"), bubble=table("bub"), drain=table("drain"),
        prefill_share=table("eta"), coverage=table("kap"),
    )  # fmt: skip


def _apply_format(k: Efficiency, f: Features, table: _Table) -> None:
    dense = (table("fp4e") if f.fp4 else 1.0) * (table("b16e") if not (f.fp4 or f.fp8) else 1.0)
    experts = dense * (table("mxe") if f.mxfp4 else 1.0) * (table("emul") if f.emulated_fp4 else 1.0)
    k.prefill *= k.compute / 0.6 * dense
    k.compute *= dense
    k.expert_prefill *= k.expert / 0.5 * experts
    k.expert *= experts
    if f.dense_fp4:
        k.read *= table("d4b")
    if f.fp4:
        k.expert_read *= table("fp4b")


def _apply_expert_width(k: Efficiency, f: Features, table: _Table) -> None:
    """Narrow experts make small GEMMs: the exponent that an unseen MoE needs most."""
    factor = _soft_cap((f.expert_width / 2000.0) ** math.log(table("wx")), 2.0)
    k.expert *= factor
    k.expert_prefill *= factor


def _apply_link(k: Efficiency, f: Features, table: _Table) -> None:
    spread = table("al_adp") if f.attention_dp > 1 else 1.0
    k.link *= spread
    k.link_prefill *= spread
    if f.pcie:
        k.link = k.link_prefill = table("al_pcie") * (table("pc8") if f.many_gpus else 1.0) * spread
        k.link_one_shot = table("al1_pcie")
        k.collective_s, k.ring_s = table("lat_pcie_small"), table("lat_pcie")


def _apply_host(k: Efficiency, f: Features, table: _Table) -> None:
    if f.grace:
        slow = table("grace")
        k.sequence_s, k.step_s, k.request_s = k.sequence_s * slow, k.step_s * slow, k.request_s * slow


def _apply_v0(k: Efficiency) -> None:
    """vLLM before 0.8: Python scheduling inside the GPU's loop. From three published points, not fitted."""
    k.layer_s *= 1.25
    k.step_s += 1.0e-3
    k.sequence_s += 1.5e-4


def _cap(k: Efficiency) -> None:
    for name, limit in _LIMITS.items():
        setattr(k, name, _soft_cap(getattr(k, name), limit))


def _soft_cap(value: float, limit: float) -> float:
    return float(value / (1 + (value / limit) ** 6) ** (1 / 6))


_LIMITS = {"compute": 0.95, "prefill": 0.95, "expert": 0.9, "expert_prefill": 0.9, "read": 1.0, "kv": 1.0, "expert_read": 1.0}
