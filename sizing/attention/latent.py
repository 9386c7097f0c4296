"""Multi-head latent attention (DeepSeek): the cache holds one compressed latent a token, and optionally an indexer picks what is read."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from sizing.attention.heads import refuse_query_heads
from sizing.attention.kind import AttentionKind, Matrix, MatrixNames, ReadNumber, Record, TokenWork
from sizing.models.shape import LayerGroup, ModelShape

# vLLM's fp8_ds_mla: 512 bytes of the latent in FP8, a 32-bit scale for each 128 of them (16 bytes), and 64 rotary
# elements in 16 bit (128 bytes): 656 a token, where plain FP8 takes 576.
SCALE_BYTES = 4
SCALED_ELEMENTS = 128
# Decoding multiplies by the absorbed matrices in 16 bit, also where the file is FP8 or FP4.
COPY_BYTES = 2.0


@dataclass(frozen=True, slots=True)
class LatentWidths:
    """`q_lora_rank` is 0 where queries are not compressed. `index_*` are of DeepSeek's sparse attention, 0 without it."""

    q_lora_rank: int
    kv_lora_rank: int
    nope_dim: int
    rope_dim: int
    v_dim: int
    index_head_dim: int = 0
    index_heads: int = 0


class Latent(AttentionKind):
    name = "mla"
    family = "latent"
    label = "latent attention"
    caches_heads = False
    fields = ("q_lora_rank", "kv_lora_rank", "qk_nope_head_dim", "qk_rope_head_dim", "v_head_dim")
    optional_fields = ("index_head_dim", "index_n_heads")
    may_be_zero = ("q_lora_rank",)
    attention_key = "kv_lora_rank"
    gguf_keys = {
        "kv_lora_rank": "attention.kv_lora_rank", "q_lora_rank": "attention.q_lora_rank", "v_head_dim": "attention.value_length",
        "qk_rope_head_dim": "rope.dimension_count",
    }  # fmt: skip

    def widths(self, record: Record) -> LatentWidths:
        return LatentWidths(
            q_lora_rank=record["q_lora_rank"],
            kv_lora_rank=record["kv_lora_rank"],
            nope_dim=record["qk_nope_head_dim"],
            rope_dim=record["qk_rope_head_dim"],
            v_dim=record["v_head_dim"],
            index_head_dim=record.get("index_head_dim") or 0,
            index_heads=record.get("index_n_heads") or 0,
        )

    def rotary_width(self, record: Record) -> int:
        return record.get("qk_rope_head_dim") or 0

    def params(self, shape: ModelShape, group: LayerGroup) -> int:
        w, hidden, heads = _widths(group), shape.hidden, group.heads
        qk = w.nope_dim + w.rope_dim
        n = hidden * w.q_lora_rank + w.q_lora_rank + w.q_lora_rank * heads * qk if w.q_lora_rank else hidden * heads * qk
        n += hidden * (w.kv_lora_rank + w.rope_dim) + w.kv_lora_rank
        n += w.kv_lora_rank * heads * (w.nope_dim + w.v_dim) + heads * w.v_dim * hidden
        return n + _indexer_params(shape, group)

    def params_per_gpu(self, shape: ModelShape, group: LayerGroup, shards: int) -> float:
        whole, uncut = self.params(shape, group), uncut_params(shape, group)
        return (whole - uncut) / shards + uncut

    def decode_copy_bytes(self, shape: ModelShape, group: LayerGroup) -> float:
        """Return the bytes of the 16-bit copy that decoding uses of the matrices from the latent to keys and values (vLLM's and SGLang's
        MLA layers)."""
        w = _widths(group)
        return COPY_BYTES * w.kv_lora_rank * group.heads * (w.nope_dim + w.v_dim)

    def token_bytes(self, shape: ModelShape, group: LayerGroup, shards: int, *, element_bytes: float) -> float:
        """The latent is whole on every GPU. Sparse attention keeps a key of its indexer in FP8 with a scale beside it, and in FP8 its
        latent with scales and the rotary part in 16 bit (656 bytes: vLLM's fp8_ds_mla)."""
        w = _widths(group)
        # All heads read the one latent, so tensor parallelism does not divide the cache: on eight GPUs eight copies
        # of it.
        latent = (w.kv_lora_rank + w.rope_dim) * element_bytes
        if not w.index_head_dim:
            return latent
        scaled = w.kv_lora_rank * (1 + SCALE_BYTES / SCALED_ELEMENTS) + w.rope_dim * 2.0
        return (scaled if element_bytes == 1 else latent) + w.index_head_dim + SCALE_BYTES

    def work(self, shape: ModelShape, group: LayerGroup) -> TokenWork:
        """A prompt is attended in full width, decoding works on the latents themselves."""
        w, per_key = _widths(group), 2 * group.heads
        return TokenWork(
            projections=self.params(shape, group),
            # Sparse attention is counted as if it read the whole context: the fit was made so, index_topk is not in
            # it.
            attended=per_key * (w.nope_dim + w.rope_dim + w.v_dim),
            attended_latents=per_key * (2 * w.kv_lora_rank + w.rope_dim),
            overheads=("latent_layers", "sparse_layers") if w.index_head_dim else ("latent_layers",),
        )

    def refuse_tp(self, group: LayerGroup, tp: int) -> str | None:
        return refuse_query_heads(group, tp)

    def complete(self, values: dict[str, Any], names: Mapping[str, str], *, kv_heads_are_heads: bool) -> None:
        if values.get("num_key_value_heads") is None:
            values["num_key_value_heads"] = int(values["num_attention_heads"])

    def gguf_fields(self, fields: Record, read: ReadNumber) -> dict[str, Any]:
        """Newer files give the compressed widths as key and value length, and the real ones under their own names."""
        found = super().gguf_fields(fields, read)
        # Older conversions wrote the real widths to key_length; newer ones write the compressed ones there, as
        # llama.cpp runs the model as multi-query attention.
        key = read("attention.key_length_mla") or read("attention.key_length") or 0
        found["v_head_dim"] = read("attention.value_length_mla") or found.get("v_head_dim") or 0
        found["qk_nope_head_dim"] = int(key) - int(found.get("qk_rope_head_dim") or 0)
        found["num_key_value_heads"] = fields.get("num_attention_heads")
        return found

    def matrices(self, shape: ModelShape, group: LayerGroup, names: MatrixNames) -> Iterator[Matrix]:
        w, heads = _widths(group), group.heads
        qk, wide = w.nope_dim + w.rope_dim, w.q_lora_rank or shape.hidden
        sizes = {
            "q_a_proj": shape.hidden * w.q_lora_rank,
            "q_b_proj" if w.q_lora_rank else "q_proj": wide * heads * qk,
            "kv_a_proj_with_mqa": shape.hidden * (w.kv_lora_rank + w.rope_dim),
            "kv_b_proj": w.kv_lora_rank * heads * (w.nope_dim + w.v_dim),
            "o_proj": heads * w.v_dim * shape.hidden,
            "indexer.wq_b": w.q_lora_rank * w.index_heads * w.index_head_dim,
            "indexer.wk": shape.hidden * w.index_head_dim,
        }
        yield from (Matrix(weights, ("self_attn",), (name,)) for name, weights in sizes.items() if weights)


KIND = Latent()


def uncut_params(shape: ModelShape, group: LayerGroup) -> int:
    """Count what no tensor parallelism cuts of one layer: the projections down to the latents, and the indexer."""
    w, hidden = _widths(group), shape.hidden
    n = hidden * w.q_lora_rank + w.q_lora_rank + hidden * (w.kv_lora_rank + w.rope_dim) + w.kv_lora_rank
    return n + _indexer_params(shape, group)


def _indexer_params(shape: ModelShape, group: LayerGroup) -> int:
    w = _widths(group)
    if not w.index_head_dim:
        return 0
    return (w.q_lora_rank * w.index_heads + shape.hidden + 2) * w.index_head_dim + shape.hidden * w.index_heads


def _widths(group: LayerGroup) -> LatentWidths:
    assert isinstance(group.widths, LatentWidths)
    return group.widths
