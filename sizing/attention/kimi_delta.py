"""Kimi delta attention (Kimi Linear): a delta net of square matrices, with a decay and a gate of low rank."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from sizing.attention.kind import Matrix, MatrixNames, Record
from sizing.attention.states import RecurrentState
from sizing.models.shape import LayerGroup, ModelShape


@dataclass(frozen=True, slots=True)
class KimiDeltaWidths:
    """Keys and values have as many heads of the same width. `conv`: inputs that each of three short convolutions sees."""

    heads: int
    dim: int
    conv: int

    @property
    def inner(self) -> int:
        return self.heads * self.dim


class KimiDelta(RecurrentState):
    name = "kda"
    fields = ("kda_num_heads", "kda_head_dim", "kda_conv_kernel")

    def widths(self, record: Record) -> KimiDeltaWidths:
        return KimiDeltaWidths(heads=record["kda_num_heads"], dim=record["kda_head_dim"], conv=record["kda_conv_kernel"])

    def params(self, shape: ModelShape, group: LayerGroup) -> int:
        w, hidden = _widths(group), shape.hidden
        low_rank = 2 * w.dim * (hidden + w.inner)
        return 4 * hidden * w.inner + low_rank + hidden * w.heads + 3 * w.inner * w.conv + w.heads + w.inner + w.dim

    def state_elements(self, group: LayerGroup) -> tuple[int, int]:
        w = _widths(group)
        return w.heads * w.dim * w.dim, 3 * w.inner * (w.conv - 1)

    def matrices(self, shape: ModelShape, group: LayerGroup, names: MatrixNames) -> Iterator[Matrix]:
        w, hidden = _widths(group), shape.hidden
        sizes = {
            **dict.fromkeys(("q_proj", "k_proj", "v_proj", "o_proj"), hidden * w.inner),
            **dict.fromkeys(("f_a_proj", "g_a_proj"), hidden * w.dim),
            **dict.fromkeys(("f_b_proj", "g_b_proj"), w.inner * w.dim),
            "b_proj": hidden * w.heads,
        }
        yield from (Matrix(weights, ("self_attn",), (name,)) for name, weights in sizes.items())


KIND = KimiDelta()


def _widths(group: LayerGroup) -> KimiDeltaWidths:
    assert isinstance(group.widths, KimiDeltaWidths)
    return group.widths
