"""A recurrent state of fixed size in place of a KV cache, which delta nets and state space layers share."""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Mapping
from typing import Any

from inferstack.records.errors import InputError
from sizing.attention.kind import AttentionKind, ReadNumber, Record, TokenWork
from sizing.models.shape import LayerGroup, ModelShape

STATE_BYTES = 4
CONVOLUTION_BYTES = 2


class RecurrentState(AttentionKind):
    """Layers whose state is kept in 32 bit, and the last inputs of a convolution in 16; both are cut over the GPUs by head."""

    family = "recurrent"
    label = "recurrent state"
    gguf_head_width: tuple[str, str] | None = None
    """The field of a GGUF key that gives all heads together, and the field that counts them."""

    @abstractmethod
    def state_elements(self, group: LayerGroup) -> tuple[int, int]:
        """Count the elements of the state of one layer, and those of the inputs of its convolution that are kept."""

    def state_bytes(self, shape: ModelShape, group: LayerGroup, shards: int) -> float:
        state, inputs = self.state_elements(group)
        return (state * STATE_BYTES + inputs * CONVOLUTION_BYTES) / shards

    def work(self, shape: ModelShape, group: LayerGroup) -> TokenWork:
        return TokenWork(self.params(shape, group), overheads=("recurrent_layers",))

    def gguf_fields(self, fields: Record, read: ReadNumber) -> dict[str, Any]:
        found = super().gguf_fields(fields, read)
        if self.gguf_head_width:
            width, heads = self.gguf_head_width
            inner = found.pop(width, None)
            if inner and found.get(heads):
                found[width] = inner // found[heads]
        return found


def refuse_unequal_groups(values: Record, names: Mapping[str, str], many: str, few: str) -> None:
    """Raise InputError where the `many` do not divide into groups of the `few`."""
    if values.get(many) and values.get(few) and values[many] % values[few]:
        raise InputError(f"config: {names.get(many, many)} {values[many]} is not a multiple of {names.get(few, few)} {values[few]}")
