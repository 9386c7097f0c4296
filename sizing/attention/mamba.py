"""Mamba 2 (NemotronH, Granite 4, and Mamba 1 of Jamba as one head): a state space layer with a state for each channel."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass

from sizing.attention.kind import LayerLetter, LayerType, Matrix, MatrixNames, Record
from sizing.attention.states import RecurrentState, refuse_unequal_groups
from sizing.models.shape import LayerGroup, ModelShape


@dataclass(frozen=True, slots=True)
class MambaWidths:
    """`state`: width of the state of one channel; `groups` of heads share what goes in and out of it. `conv`: inputs of the convolution."""

    heads: int
    head_dim: int
    conv: int
    groups: int
    state: int

    @property
    def inner(self) -> int:
        return self.heads * self.head_dim

    @property
    def shared(self) -> int:
        return self.groups * self.state


class Mamba(RecurrentState):
    name = "mamba2"
    fields = ("mamba_num_heads", "mamba_head_dim", "mamba_state_size", "mamba_n_groups", "mamba_conv_kernel")
    may_be_zero = ("mamba_n_groups",)
    layer_types = {"mamba": LayerType()}
    letters = {"M": LayerLetter("none", tensor="ssm_in.weight")}
    gguf_keys = {
        "mamba_conv_kernel": "ssm.conv_kernel", "mamba_state_size": "ssm.state_size", "mamba_n_groups": "ssm.group_count",
        "mamba_num_heads": "ssm.time_step_rank", "mamba_head_dim": "ssm.inner_size",
    }  # fmt: skip
    gguf_head_width = ("mamba_head_dim", "mamba_num_heads")

    def widths(self, record: Record) -> MambaWidths:
        return MambaWidths(
            heads=record["mamba_num_heads"],
            head_dim=record["mamba_head_dim"],
            conv=record["mamba_conv_kernel"],
            groups=record["mamba_n_groups"],
            state=record["mamba_state_size"],
        )

    def params(self, shape: ModelShape, group: LayerGroup) -> int:
        w, hidden = _widths(group), shape.hidden
        projections = hidden * (2 * w.inner + 2 * w.shared + w.heads) + w.inner * hidden
        return projections + (w.inner + 2 * w.shared) * (w.conv + 1) + 3 * w.heads + w.inner

    def state_elements(self, group: LayerGroup) -> tuple[int, int]:
        w = _widths(group)
        return w.inner * w.state, (w.inner + 2 * w.shared) * (w.conv - 1)

    def refuse(self, values: Record, names: Mapping[str, str]) -> None:
        refuse_unequal_groups(values, names, "mamba_num_heads", "mamba_n_groups")

    def matrices(self, shape: ModelShape, group: LayerGroup, names: MatrixNames) -> Iterator[Matrix]:
        w, module = _widths(group), ("mixer", "mamba")
        yield Matrix((2 * w.inner + 2 * w.shared + w.heads) * shape.hidden, module, ("in_proj",))
        yield Matrix(w.inner * shape.hidden, module, ("out_proj",))


KIND = Mamba()


def _widths(group: LayerGroup) -> MambaWidths:
    assert isinstance(group.widths, MambaWidths)
    return group.widths
