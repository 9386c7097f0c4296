"""Cross-attention to images (Llama 3.2 Vision): grouped queries of the text over keys and values of the image."""

from __future__ import annotations

from sizing.attention.heads import HeadedAttention, projections
from sizing.attention.kind import MatrixNames
from sizing.models.shape import LayerGroup, ModelShape


class CrossAttention(HeadedAttention):
    name = "cross"
    reads_images = True

    def beside_projections(self, shape: ModelShape, group: LayerGroup) -> int:
        """Norms of q and k, whatever the text layers have, and a gate each for attention and FFN (MllamaTextCrossAttention)."""
        return 2 * shape.head_dim + group.heads * shape.attention_sinks + 2

    def matrix_module(self, names: MatrixNames) -> tuple[str, ...]:
        return ("cross_attn",)

    def image_weights(self, shape: ModelShape, group: LayerGroup) -> int:
        return projections(shape, group)[1]

    def image_flop(self, shape: ModelShape, group: LayerGroup) -> int:
        return 4 * group.heads * shape.head_dim


KIND = CrossAttention()
