"""A tiny Llama made on the spot: one set of weights as GGUF (llama.cpp) and as a Hugging Face folder (vLLM). Same seed, same bytes.

The vocabulary has one token for every space-led word of one or two lower-case letters, so the length of a prompt is known. The rows of the
output matrix are zero for everything but words, so greedy output is always words and never the end of text.
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

from inferstack.sandbox.engine import huggingface, vocabulary
from inferstack.sandbox.engine.vocabulary import Sizes

NAME = "inferstack/tiny-llama"
Tensors = dict[str, Any]


SMALLEST = Sizes()
# Slow enough to measure on one thread: 40 MB, TTFT about 100 ms, 2 ms a token.
MEASURABLE = Sizes(hidden=512, layers=8, heads=8, kv_heads=2, feed_forward=1024)


def make(folder: Path, *, sizes: Sizes = SMALLEST, gguf_name: str = "tiny.gguf") -> tuple[Path, ...]:
    """Writes the whole model into `folder`, which holds nothing else then, and answers the files sorted by name."""
    folder.mkdir(parents=True, exist_ok=True)
    tensors = weights(sizes)
    _gguf(folder / gguf_name, tensors, sizes)
    huggingface.write(folder, tensors, sizes)
    return tuple(sorted(path for path in folder.iterdir() if path.is_file()))


def weights(sizes: Sizes) -> Tensors:
    """Names and shapes as in Hugging Face's LlamaForCausalLM, float32."""
    import numpy as np

    rng = np.random.default_rng(sizes.seed)
    tensors: Tensors = {}
    for name, shape in _shapes(sizes):
        tensors[name] = (
            np.ones(shape, np.float32) if len(shape) == 1 else (rng.standard_normal(shape) * shape[-1] ** -0.5).astype(np.float32)
        )
    head = tensors["lm_head.weight"]
    head *= 4
    head[: vocabulary.WORDS.start] = 0
    head[vocabulary.WORDS.stop :] = 0
    return tensors


def _shapes(sizes: Sizes) -> Iterator[tuple[str, tuple[int, ...]]]:
    hidden, kv, words = sizes.hidden, sizes.kv_heads * sizes.head_dim, vocabulary.SIZE
    yield "model.embed_tokens.weight", (words, hidden)
    yield "model.norm.weight", (hidden,)
    yield "lm_head.weight", (words, hidden)
    for layer in range(sizes.layers):
        at = f"model.layers.{layer}"
        yield f"{at}.input_layernorm.weight", (hidden,)
        yield f"{at}.post_attention_layernorm.weight", (hidden,)
        for name, rows in (("q", hidden), ("k", kv), ("v", kv), ("o", hidden)):
            yield f"{at}.self_attn.{name}_proj.weight", (rows, hidden)
        yield f"{at}.mlp.gate_proj.weight", (sizes.feed_forward, hidden)
        yield f"{at}.mlp.up_proj.weight", (sizes.feed_forward, hidden)
        yield f"{at}.mlp.down_proj.weight", (hidden, sizes.feed_forward)


def _gguf(path: Path, tensors: Tensors, sizes: Sizes) -> None:
    import gguf
    import numpy as np

    writer = gguf.GGUFWriter(str(path), "llama")
    _architecture(writer, sizes)
    _tokenizer(writer)
    for name, tensor in tensors.items():
        if "q_proj" in name or "k_proj" in name:
            tensor = _ggml_rope_order(tensor, sizes.heads if "q_proj" in name else sizes.kv_heads)
        writer.add_tensor(_ggml_name(name), tensor if tensor.ndim == 1 else tensor.astype(np.float16))
    writer.write_header_to_file()
    writer.write_kv_data_to_file()
    writer.write_tensors_to_file()
    writer.close()


def _architecture(writer: Any, sizes: Sizes) -> None:
    import gguf

    writer.add_name("tiny")
    writer.add_context_length(sizes.context)
    writer.add_embedding_length(sizes.hidden)
    writer.add_block_count(sizes.layers)
    writer.add_feed_forward_length(sizes.feed_forward)
    writer.add_head_count(sizes.heads)
    writer.add_head_count_kv(sizes.kv_heads)
    writer.add_layer_norm_rms_eps(huggingface.NORM_EPS)
    writer.add_rope_dimension_count(sizes.head_dim)
    writer.add_rope_freq_base(huggingface.ROPE_THETA)
    writer.add_vocab_size(vocabulary.SIZE)
    writer.add_file_type(gguf.LlamaFileType.MOSTLY_F16)


def _tokenizer(writer: Any) -> None:
    plain = vocabulary.SIZE - len(vocabulary.CONTROL)
    writer.add_tokenizer_model("gpt2")
    writer.add_tokenizer_pre("gpt-2")
    writer.add_token_list(list(vocabulary.tokens()))
    writer.add_token_types([1] * plain + [3] * len(vocabulary.CONTROL))
    writer.add_token_merges([" ".join(pair) for pair in vocabulary.merges()])
    writer.add_bos_token_id(vocabulary.BOS)
    writer.add_eos_token_id(vocabulary.EOS)
    writer.add_add_bos_token(True)
    writer.add_chat_template(vocabulary.CHAT_TEMPLATE)


GGML = {
    "self_attn.q_proj": "attn_q",
    "self_attn.k_proj": "attn_k",
    "self_attn.v_proj": "attn_v",
    "self_attn.o_proj": "attn_output",
    "mlp.gate_proj": "ffn_gate",
    "mlp.up_proj": "ffn_up",
    "mlp.down_proj": "ffn_down",
    "input_layernorm": "attn_norm",
    "post_attention_layernorm": "ffn_norm",
}
GGML_TOP = {"model.embed_tokens.weight": "token_embd.weight", "model.norm.weight": "output_norm.weight", "lm_head.weight": "output.weight"}


def _ggml_name(name: str) -> str:
    if name in GGML_TOP:
        return GGML_TOP[name]
    _, _, layer, part = name.removesuffix(".weight").split(".", 3)
    return f"blk.{layer}.{GGML[part]}.weight"


def _ggml_rope_order(tensor: Any, heads: int) -> Any:
    """Reorder rotary pairs: Hugging Face keeps the two halves of a pair apart, ggml side by side; without this the two engines disagree."""
    return tensor.reshape(heads, 2, tensor.shape[0] // heads // 2, -1).swapaxes(1, 2).reshape(tensor.shape)
