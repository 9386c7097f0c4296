"""Memory of LoRA adapters on a replica: a slot for each adapter that may be loaded at once, taken from the KV."""

from __future__ import annotations

import dataclasses

from records.errors import InputError
from sizing.catalog import GIB
from sizing.model import LayerGroup, ModelShape
from sizing.replica import Replica

MODULES = ("q_proj", "k_proj", "v_proj", "o_proj", "gate_proj", "up_proj", "down_proj")
BYTES = 2


def with_adapters(r: Replica, *, slots: int, rank: int, modules: tuple[str, ...] = MODULES) -> Replica:
    """The same replica with less KV; speed is left as it is. Raises InputError as `slot_bytes` does."""
    if slots < 1:
        raise InputError(f"slots: must be at least 1, not {slots}")
    held = slots * slot_bytes(r.shape, rank=rank, modules=modules, tp=r.layout.tp) / GIB
    left = dataclasses.replace(r.budget, weights_gib=r.budget.weights_gib + held, kv_gib=r.budget.kv_gib - held)
    why = r.why_not or (f"{slots} adapters of rank {rank} need {held:.1f} GiB, more than is left" if left.kv_gib <= 0 else None)
    return dataclasses.replace(r, budget=left, why_not=why)


def slot_bytes(shape: ModelShape, *, rank: int, modules: tuple[str, ...] = MODULES, tp: int = 1) -> float:
    """Of one adapter in 16 bit on one GPU, all layers: rank x (inputs + outputs) a module. Assumed: of each pair the factor on the uncut
    side lies whole on every GPU. Raises InputError for unknown modules and for models with experts, latent or recurrent attention."""
    unknown = sorted(set(modules) - set(MODULES))
    if unknown or rank < 1:
        raise InputError(
            f"modules: unknown {', '.join(unknown)}; allowed: {', '.join(MODULES)}" if unknown else f"rank: at least 1, not {rank}"
        )
    if shape.is_moe or shape.mla or shape.recurrent:
        raise InputError(f"{shape.id}: adapters are sized for dense models with grouped-query attention only")
    return float(sum(group.n * _layer(shape, group, modules, tp) for group in shape.layers) * rank * BYTES)


def _layer(shape: ModelShape, group: LayerGroup, modules: tuple[str, ...], tp: int) -> float:
    hidden, q, kv, wide = shape.hidden, group.heads * shape.head_dim, group.kv_heads * shape.head_dim, shape.intermediate
    outputs = {"q_proj": q, "k_proj": kv, "v_proj": kv, "o_proj": q, "gate_proj": wide, "up_proj": wide, "down_proj": wide}
    return sum(hidden + outputs[name] / tp for name in modules)
