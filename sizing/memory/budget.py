"""The memory of one GPU: weights, activations, graphs, the rest, and what is left for KV. Each engine's file divides it by its own rule."""

from __future__ import annotations

from dataclasses import dataclass

from sizing.models.shape import ModelShape
from sizing.models.weights import Shards

# Engines compute in 16 bit whatever the format of the weights.
ACTIVATION_BYTES = 2


@dataclass(frozen=True, slots=True)
class Budget:
    """The memory budget of the fullest GPU, GiB. `kv_gib` may be negative: then the engine does not start. `states_gib`: a pool of its
    own for recurrent states, which holds `states` of them."""

    total_gib: float
    usable_gib: float
    weights_gib: float
    activation_gib: float
    graph_gib: float
    non_torch_gib: float
    kv_gib: float
    states_gib: float = 0.0
    states: int = 0


def dense_forward_bytes(shape: ModelShape, shards: Shards, *, tokens: int, copies: float) -> float:
    """Return the activations of a forward pass without experts: `copies` of the hidden state, and the widest FFN three times."""
    # Gate, up and their product stand beside each other; `copies` of the hidden state is 4 with torch.compile (vLLM
    # from 0.8.0) and 3 without it, fitted to 40 start-up logs (2026-11-21). Logged activations are met to 0.5 % in
    # the median (8 logs).
    widest = max((group.intermediate for group in shape.layers if group.ffn == "dense"), default=0)
    return float(tokens * ACTIVATION_BYTES * (3 * widest / shards.gpus + copies * shape.hidden))
