"""Keys and values by head, which grouped-query and cross-attention share: projections, cache, tensor parallelism."""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Iterator

from sizing.attention.kind import AttentionKind, Matrix, MatrixNames, Record, TokenWork
from sizing.models.shape import LayerGroup, ModelShape


def projections(shape: ModelShape, group: LayerGroup) -> tuple[int, int, int]:
    """Count the weights of q (with its gate), of k and v together, and of the output projection of one layer."""
    q = shape.hidden * group.heads * shape.head_dim * (2 if shape.attention_gate else 1)
    return q, 2 * shape.hidden * group.kv_heads * shape.head_dim, group.heads * shape.head_dim * shape.hidden


def refuse_query_heads(group: LayerGroup, tp: int) -> str | None:
    """Say that query heads are not cut; None where each GPU gets as many."""
    return f"{group.heads} query heads do not divide by tp={tp}" if group.heads % tp else None


class HeadedAttention(AttentionKind):
    """Attention whose cache holds a key and a value for each KV head."""

    family = "grouped-query"
    sized_with_adapters = True
    fields = ("head_dim",)

    @abstractmethod
    def beside_projections(self, shape: ModelShape, group: LayerGroup) -> int:
        """Count the parameters of one layer beside projections and biases: norms, sinks, gates."""

    def matrix_module(self, names: MatrixNames) -> tuple[str, ...]:
        """Return the names of the module that holds the matrices."""
        return names.module

    def params(self, shape: ModelShape, group: LayerGroup) -> int:
        biases = (group.heads + 2 * group.kv_heads) * shape.head_dim * shape.attention_bias + shape.hidden * shape.attention_out_bias
        return sum(projections(shape, group)) + biases + self.beside_projections(shape, group)

    def params_per_gpu(self, shape: ModelShape, group: LayerGroup, shards: int) -> float:
        """Key and value heads are copied where they are fewer than the GPUs."""
        whole = self.params(shape, group)
        if shards <= group.kv_heads:
            return whole / shards
        kv = projections(shape, group)[1]
        return (whole - kv) / shards + kv / group.kv_heads

    def work(self, shape: ModelShape, group: LayerGroup) -> TokenWork:
        """The norms inside attention are left out: GEMMs do not read them."""
        weights, flop = sum(projections(shape, group)), 4 * group.heads * shape.head_dim
        return TokenWork(weights, attended=flop) if group.span == "full" else TokenWork(weights, attended_in_span=flop)

    def token_bytes(self, shape: ModelShape, group: LayerGroup, shards: int, *, element_bytes: float) -> float:
        # With more GPUs than KV heads each head is copied: Llama 3.1 70B (8 heads) has on 16 GPUs as much cache a GPU
        # as on 8.
        return 2.0 * max(1.0, group.kv_heads / shards) * shape.head_dim * element_bytes

    def refuse_tp(self, group: LayerGroup, tp: int) -> str | None:
        if why := refuse_query_heads(group, tp):
            return why
        # Asserted in the model files of vLLM (models/llama.py).
        if group.kv_heads % tp and tp % group.kv_heads:
            divides = f" ({group.heads} query heads do, but the KV heads decide)" if tp > 1 else ""
            return f"{group.kv_heads} KV heads and tp={tp}: neither divides the other{divides}"
        return None

    def rotary_width(self, record: Record) -> int:
        return record.get("head_dim") or 0

    def gguf_projections(self, shape: ModelShape, group: LayerGroup) -> tuple[int, int, int, int]:
        """GGUF keeps biases and norms of q and k apart, in 32 bit."""
        q, kv, output = projections(shape, group)
        return q, kv, 0, output

    def matrices(self, shape: ModelShape, group: LayerGroup, names: MatrixNames) -> Iterator[Matrix]:
        module, (q, kv, output) = self.matrix_module(names), projections(shape, group)
        yield Matrix(q, module, ("q_proj", *names.fused))
        yield Matrix(kv // 2, module, ("k_proj", *names.fused))
        yield Matrix(kv // 2, module, ("v_proj", *names.fused))
        yield Matrix(output, module, names.output)
