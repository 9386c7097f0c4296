"""Memory of LoRA adapters on a replica: a slot for each adapter that may be loaded at once, taken from the KV."""

from __future__ import annotations

from dataclasses import dataclass

from inferstack.records.errors import InputError
from sizing.attention.table import kind_of, kinds
from sizing.catalog import GIB
from sizing.engines.engine import EngineVersion
from sizing.models.shape import LayerGroup, ModelShape
from sizing.speed.replica import Replica

ATTENTION_MODULES = ("q_proj", "k_proj", "v_proj", "o_proj")
MODULES = (*ATTENTION_MODULES, "gate_proj", "up_proj", "down_proj")
BYTES = 2
# vLLM's own default of --max-lora-rank.
DEFAULT_RANK = 16


@dataclass(frozen=True, slots=True)
class Adapters:
    """`held_rank`: what the engine sets aside for adapters of `rank`. `given` names the modules that the request limits them to."""

    slots: int
    rank: int
    held_rank: int
    modules: tuple[str, ...]
    given: bool

    @property
    def basis(self) -> str:
        return "times do not include the arithmetic of adapters, and no band was measured with them"


def adapters(
    shape: ModelShape, engine: EngineVersion, *, slots: int, rank: int | None = None, modules: tuple[str, ...] | None = None
) -> Adapters:
    """Return the adapters; without `modules` all of a dense model, and the attention of one with experts. Raises InputError for a figure
    out of range, a rank that the engine does not take, and what `slot_bytes` refuses."""
    if slots < 1:
        raise InputError(f"lora_slots: must be at least 1, not {slots}")
    asked = DEFAULT_RANK if rank is None else rank
    taken = modules or (ATTENTION_MODULES if shape.is_moe else MODULES)
    found = Adapters(slots, asked, _held_rank(engine, asked), tuple(sorted(set(taken), key=_position)), modules is not None)
    slot_bytes(shape, rank=found.held_rank, modules=found.modules)
    return found


def adapters_gib(r: Replica, a: Adapters) -> float:
    """Return the memory of adapters on one GPU; over several stages on the fullest of them."""
    layers = -(-r.shape.num_layers // r.layout.pp) / r.shape.num_layers
    return a.slots * slot_bytes(r.shape, rank=a.held_rank, modules=a.modules, tp=r.layout.tp) * layers / GIB


def slot_bytes(shape: ModelShape, *, rank: int, modules: tuple[str, ...] = MODULES, tp: int = 1) -> float:
    """Return the bytes of one adapter in 16 bit on one GPU, all layers: rank x (inputs + outputs) a module. Assumed: of each pair the
    factor on the uncut side lies whole on every GPU. Raises InputError for unknown modules, for experts, and for attention of which no
    size of adapters is known."""
    unknown = [name for name in modules if name not in MODULES]
    if unknown:
        raise InputError(f"lora_modules: unknown {', '.join(unknown)}; allowed: {', '.join(MODULES)}")
    if rank < 1:
        raise InputError(f"lora_rank: must be at least 1, not {rank}")
    _refuse_kinds(shape)
    if shape.is_moe and set(modules) - set(ATTENTION_MODULES):
        raise InputError(f"lora_modules: {shape.id} has experts; adapters of it are sized for {', '.join(ATTENTION_MODULES)} only")
    return float(sum(group.n * _layer(shape, group, modules, tp) for group in shape.layers) * rank * BYTES)


def _refuse_kinds(shape: ModelShape) -> None:
    if not all(kind_of(group).sized_with_adapters for group in shape.layers):
        unsized = " or ".join(sorted({kind.family for kind in kinds() if kind.family and not kind.sized_with_adapters}))
        sized = " or ".join(sorted({kind.family for kind in kinds() if kind.family and kind.sized_with_adapters}))
        raise InputError(f"lora_slots: {shape.id} has {unsized} attention; adapters are sized for {sized} attention only")


def _layer(shape: ModelShape, group: LayerGroup, modules: tuple[str, ...], tp: int) -> float:
    hidden, q, kv = shape.hidden, group.heads * shape.head_dim, max(group.kv_heads, tp) * shape.head_dim
    outputs = {"q_proj": q, "k_proj": kv, "v_proj": kv, "o_proj": q}
    outputs |= dict.fromkeys(("gate_proj", "up_proj", "down_proj"), group.intermediate)
    return sum(hidden + outputs[name] / tp for name in modules)


def _held_rank(engine: EngineVersion, rank: int) -> int:
    """Return the rank of the slots that the engine sets aside. vLLM takes only some ranks as --max-lora-rank."""
    ranks: list[int] = engine.facts["special"].get("lora_ranks", [])
    if not ranks:
        return rank
    held = next((one for one in ranks if one >= rank), None)
    if held is None:
        raise InputError(f"lora_rank: {engine.name} supports ranks up to {ranks[-1]}, not {rank}")
    return held


def _position(module: str) -> int:
    return MODULES.index(module) if module in MODULES else len(MODULES)
