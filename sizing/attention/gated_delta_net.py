"""Gated delta net (Qwen3-Next, Qwen3.5): linear attention with a state of key width x value width for each value head."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass

from sizing.attention.kind import LayerType, Matrix, MatrixNames, Record
from sizing.attention.states import RecurrentState, refuse_unequal_groups
from sizing.models.shape import LayerGroup, ModelShape


@dataclass(frozen=True, slots=True)
class DeltaNetWidths:
    """`conv`: inputs that the short convolution sees."""

    key_heads: int
    key_dim: int
    value_heads: int
    value_dim: int
    conv: int

    @property
    def keys(self) -> int:
        return self.key_heads * self.key_dim

    @property
    def values(self) -> int:
        return self.value_heads * self.value_dim


class GatedDeltaNet(RecurrentState):
    name = "gated_deltanet"
    fields = ("linear_num_key_heads", "linear_key_head_dim", "linear_num_value_heads", "linear_value_head_dim", "linear_conv_kernel_dim")
    layer_types = {"linear_attention": LayerType()}
    # The same keys say another thing of a gated delta net than of Mamba 2 (convert_hf_to_gguf.py of llama.cpp).
    gguf_keys = {
        "linear_conv_kernel_dim": "ssm.conv_kernel", "linear_key_head_dim": "ssm.state_size", "linear_num_key_heads": "ssm.group_count",
        "linear_num_value_heads": "ssm.time_step_rank", "linear_value_head_dim": "ssm.inner_size",
    }  # fmt: skip
    gguf_head_width = ("linear_value_head_dim", "linear_num_value_heads")

    def widths(self, record: Record) -> DeltaNetWidths:
        return DeltaNetWidths(
            key_heads=record["linear_num_key_heads"],
            key_dim=record["linear_key_head_dim"],
            value_heads=record["linear_num_value_heads"],
            value_dim=record["linear_value_head_dim"],
            conv=record["linear_conv_kernel_dim"],
        )

    def params(self, shape: ModelShape, group: LayerGroup) -> int:
        w, hidden = _widths(group), shape.hidden
        projections = hidden * (2 * w.keys + w.values) + hidden * w.values + 2 * hidden * w.value_heads + w.values * hidden
        return projections + (2 * w.keys + w.values) * w.conv + 2 * w.value_heads + w.value_dim

    def state_elements(self, group: LayerGroup) -> tuple[int, int]:
        w = _widths(group)
        return w.value_heads * w.key_dim * w.value_dim, (w.values + 2 * w.keys) * (w.conv - 1)

    def refuse(self, values: Record, names: Mapping[str, str]) -> None:
        refuse_unequal_groups(values, names, "linear_num_value_heads", "linear_num_key_heads")

    def gguf_projections(self, shape: ModelShape, group: LayerGroup) -> tuple[int, int, int, int]:
        """GGUF keeps q, k and v in one tensor."""
        w = _widths(group)
        fused = shape.hidden * (2 * w.keys + w.values)
        return self.params(shape, group) - fused, 0, fused, 0

    def matrices(self, shape: ModelShape, group: LayerGroup, names: MatrixNames) -> Iterator[Matrix]:
        """The convolution is no matrix that anybody quantises."""
        w = _widths(group)
        sizes = (
            (2 * w.keys + w.values, ("in_proj_qkv", "in_proj_qkvz")), (w.values, ("in_proj_z", "in_proj_qkvz")),
            (w.value_heads, ("in_proj_b", "in_proj_ba")), (w.value_heads, ("in_proj_a", "in_proj_ba")), (w.values, ("out_proj",)),
        )  # fmt: skip
        yield from (Matrix(rows * shape.hidden, ("linear_attn",), leaves) for rows, leaves in sizes)


KIND = GatedDeltaNet()


def _widths(group: LayerGroup) -> DeltaNetWidths:
    assert isinstance(group.widths, DeltaNetWidths)
    return group.widths
