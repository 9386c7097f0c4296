"""From GGUF headers to a config: the class that the architecture is, its keys, and the exact bits of each part of this file."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

from inferstack.records import model_ids
from inferstack.records.errors import InputError
from inferstack.records.files.facts import load
from sizing.attention.kind import AttentionKind
from sizing.attention.table import attention_of, kinds
from sizing.models.exact_sizes import KEY
from sizing.models.gguf import header as gguf_header
from sizing.models.gguf.header import GgufHeader, GgufTensor
from sizing.models.hf_config import from_config
from sizing.models.hf_layers import ATTENTION, MOST_LAYERS
from sizing.models.parameters import count
from sizing.models.shape import ModelShape

# Beyond 1 % a file holds something that the rule of its architecture does not know, and the plan says so.
NEAR = 0.01

# our name -> key of the header, below the architecture's name, beside those of the kinds of attention
COMMON = {
    "num_hidden_layers": "block_count", "hidden_size": "embedding_length", "num_attention_heads": "attention.head_count",
    "intermediate_size": "feed_forward_length", "max_position_embeddings": "context_length", "num_experts": "expert_count",
    "num_experts_per_tok": "expert_used_count",
    "moe_intermediate_size": "expert_feed_forward_length", "shared_expert_size": "expert_shared_feed_forward_length",
    "n_shared_experts": "expert_shared_count", "first_k_dense_replace": "leading_dense_block_count",
    "sliding_window": "attention.sliding_window", "mtp_layers": "nextn_predict_layers",
    "interleave_moe_layer_step": "interleave_moe_layer_step", "attention_chunk_size": "attention.chunk_size",
    "full_attention_interval": "full_attention_interval",
}  # fmt: skip
PARTS = {
    "experts": r"ffn_(up|gate|down|gate_up)_exps\.weight",
    "attn": r"attn_(?!norm).*\.weight",
    "ffn": r"ffn_(?!norm|gate_inp).*\.weight",
}
SPLIT = re.compile(r"(.*)-(\d{5})-of-(\d{5})\.gguf")


def config_of(path: Path) -> dict[str, Any]:
    """Return a config with the exact sizes under `inferstack`. Raises InputError for an unknown architecture, and says what is missing."""
    headers = [gguf_header.read(one) for one in _files(path)]
    first, tensors = headers[0], [tensor for header in headers for tensor in header.tensors]
    architecture = first.keys.get("general.architecture")
    known = load("sizing")["architectures"]["gguf"]["architectures"]
    if not isinstance(architecture, str) or architecture not in known:
        raise InputError(
            f"{path}: general.architecture {architecture!r:.60} is not known, so its layers cannot be computed",
            hint=f"known: {', '.join(known)}",
        )
    if not tensors:
        raise InputError(f"{path}: contains no tensors, only a vocabulary")
    named = _class(known[architecture], architecture, first, tensors)
    text = _text(first.keys, architecture, tensors, named)
    mix, notes = _mix(first, tensors)
    split = SPLIT.fullmatch(path.name)
    own_id, renamed = model_ids.named(first.keys.get("general.name"), otherwise=split[1] if split else path.stem)
    notes = [*notes, *renamed]
    exact = {
        "id": own_id,
        "source": f"GGUF header of {path.name}",
        "checkpoint_bytes": sum(header.file_bytes for header in headers),
        "gguf": mix,
        "bits": _bits(tensors),
        "license": first.keys.get("general.license"),
        "notes": notes,
    }
    rule = load("sizing")["architectures"]["known"]["records"][named]
    inside = {rule["inside"]: text} if "inside" in rule else text
    config = {"architectures": [named], **inside, KEY: {key: value for key, value in exact.items() if value is not None}}
    config[KEY]["notes"] = [*notes, *_held_against_the_rule(config, tensors, where=path, architecture=architecture)]
    return config


def shape_of(config: Mapping[str, Any], *, where: Path, architecture: str) -> ModelShape:
    """Raises InputError that names the key of the header where a key of the class is missing."""
    try:
        return from_config(config)
    except InputError as error:
        found = re.fullmatch(r"config: (\w+) is missing.*", error.message)
        if found is None:
            raise
        named = load("sizing")["architectures"]["known"]["records"][config["architectures"][0]].get("rename", {})
        ours = named.get(found[1], found[1])
        keys = COMMON | {"vocab_size": "vocab_size"} | {name: key for kind in kinds() for name, key in kind.gguf_keys.items()}
        key = keys.get(ours)
        said = f"GGUF key {architecture}.{key}" if key else f"what a GGUF header says of {found[1]}"
        raise InputError(f"{where}: {said} is missing, and no shape is computed from a guess") from None


def _held_against_the_rule(config: Mapping[str, Any], tensors: Iterable[GgufTensor], *, where: Path, architecture: str) -> list[str]:
    """Return a note where the tensors hold over 1 % more or fewer weights than the rule of the class gives."""
    shape, weights = shape_of(config, where=where, architecture=architecture), sum(tensor.weights for tensor in tensors)
    off = weights / count(shape).total - 1
    said = f"the GGUF file holds {weights / 1e9:.2f} B weights, the rule of {shape.architecture} gives {count(shape).total / 1e9:.2f} B"
    return [f"{said} ({off:+.1%})"] if abs(off) > NEAR else []


def _files(path: Path) -> list[Path]:
    """Return all pieces of a split file, the first one first. Raises InputError for a missing piece."""
    split = SPLIT.fullmatch(path.name)
    if split is None:
        return [path]
    stem, _, count = split.groups()
    if not 1 <= int(count) <= 1000:
        raise InputError(f"{path}: {int(count)} pieces are more than the limit of 1000")
    pieces = [path.with_name(f"{stem}-{number:05d}-of-{count}.gguf") for number in range(1, int(count) + 1)]
    for piece in pieces:
        if not piece.is_file():
            raise InputError(f"{path}: one of its pieces is missing: {piece.name}")
    return pieces


def _class(known: Mapping[str, Any], architecture: str, header: GgufHeader, tensors: Iterable[GgufTensor]) -> str:
    for sign, other in known.get("with", {}).items():
        if header.keys.get(f"{architecture}.{sign}") or any(f".{sign}" in tensor.name for tensor in tensors):
            return str(other)
    return str(known["class"])


def _text(keys: Mapping[str, Any], architecture: str, tensors: list[GgufTensor], named: str) -> dict[str, Any]:
    """The config's keys under the names that the class gives them."""
    rule = load("sizing")["architectures"]["known"]["records"][named]

    def read(key: str) -> int | None:
        return _one(keys, f"{architecture}.{key}")

    told = {name: read(key) for name, key in COMMON.items()}
    ours = {name: value for name, value in told.items() if value is not None} | _vocabulary(keys, architecture, tensors)
    of_attention = {kind.name: kind.gguf_fields(ours, read) for kind in kinds().attention}
    ours |= of_attention[attention_of({name: value for fields in of_attention.values() for name, value in fields.items()}).name]
    for kind in _named_kinds(rule):
        ours |= kind.gguf_fields(ours, read)
    # block_count includes the prediction layers, num_hidden_layers of a config.json does not.
    if ours.get("mtp_layers"):
        ours["num_hidden_layers"] = ours.get("num_hidden_layers", 0) - ours["mtp_layers"]
    if "moe_intermediate_size" in rule.get("needs", ()) and "moe_intermediate_size" not in ours and "intermediate_size" in ours:
        ours["moe_intermediate_size"] = ours["intermediate_size"]
    theirs = {our: their for their, our in rule.get("rename", {}).items()}
    text = {theirs.get(name, name): value for name, value in ours.items()}
    names = {tensor.name for tensor in tensors}
    return {**text, **_signs(names, ours), **_kinds(names, ours.get("num_hidden_layers") or 0, rule)}


def _named_kinds(rule: Mapping[str, Any]) -> list[AttentionKind]:
    """Return the kinds beside attention that layers of this class are."""
    named = {*rule.get("needs", ()), *rule.get("rename", {}).values(), *rule.get("default", {})}
    return [kind for kind in kinds().others if rule.get("else") == kind.name or named.intersection(kind.gguf_keys)]


def _kinds(names: set[str], layers: int, rule: Mapping[str, Any]) -> dict[str, Any]:
    """Tell which layer is what, by its tensors, for classes whose config lists it."""
    own = next((kind for kind in _named_kinds(rule) if kind.letters), None)
    if own is None or not 0 < layers <= MOST_LAYERS:
        return {}
    letter, tensor = next((letter, meaning.tensor) for letter, meaning in own.letters.items())
    if rule.get("pattern"):
        return {rule["pattern"]: "".join(_letter(names, f"blk.{layer}.", otherwise=letter) for layer in range(layers))}
    if "layers_block_type" in rule.get("alias", {}):
        entry = next(iter(own.layer_types))
        return {"layer_types": [entry if f"blk.{layer}.{tensor}" in names else ATTENTION for layer in range(layers)]}
    return {}


def _letter(names: set[str], layer: str, *, otherwise: str) -> str:
    """Return the letter of NemotronH's pattern."""
    return next((letter for letter, (_, meaning) in kinds().letters.items() if layer + meaning.tensor in names), otherwise)


def _signs(names: set[str], ours: Mapping[str, Any]) -> dict[str, Any]:
    """Return what the tensors imply and a config states: tied head, biases, norms of q and k."""
    # Most of these have no key in a GGUF header: llama.cpp itself goes by which tensors are there.
    q_bias = bool({"blk.0.attn_q.bias", "blk.0.attn_qkv.bias"} & names)
    return {
        "tie_word_embeddings": "output.weight" not in names,
        **dict.fromkeys(("attention_bias", "bias", "qkv_bias", "add_qkv_bias", "use_qkv_bias", "use_bias"), q_bias),
        "mlp_bias": "blk.0.ffn_up.bias" in names,
        "use_qk_norm": "blk.0.attn_q_norm.weight" in names,
        "multi_query": ours.get("num_key_value_heads") == 1,
        "num_kv_heads": ours.get("num_key_value_heads"),
        "new_decoder_architecture": "blk.0.attn_norm_2.weight" in names,
        "parallel_attn": True,
        "use_parallel_residual": "blk.0.ffn_norm.weight" not in names,
    }


def _one(keys: Mapping[str, Any], name: str) -> int | None:
    """Return a whole number. A list with one for each layer counts where all its non-zero entries are equal; raises InputError where
    layers differ."""
    value = keys.get(name)
    if isinstance(value, list) and value:
        kinds = {one for one in value if one}
        if len(kinds) > 1:
            raise InputError(f"GGUF key {name}: differs between layers, which is not supported for this architecture")
        value = kinds.pop() if kinds else 0
    if value is None or isinstance(value, bool) or not isinstance(value, int):
        return None
    return value


def _vocabulary(keys: Mapping[str, Any], architecture: str, tensors: Iterable[GgufTensor]) -> dict[str, int]:
    """Rows of the embedding: that is what is stored and loaded."""
    rows = next((tensor.shape[1] for tensor in tensors if tensor.name == "token_embd.weight" and len(tensor.shape) == 2), None)
    rows = rows or _one(keys, f"{architecture}.vocab_size")
    return {"vocab_size": rows} if rows else {}


def _bits(tensors: Iterable[GgufTensor]) -> dict[str, float]:
    """Return the effective bits a weight of each part, over its matrices."""
    weights, held = dict.fromkeys(PARTS, 0), dict.fromkeys(PARTS, 0)
    for tensor in tensors:
        part = next((part for part, pattern in PARTS.items() if re.search(rf"^blk\.\d+\.{pattern}$", tensor.name)), None)
        if part and len(tensor.shape) > 1:
            weights[part] += tensor.weights
            held[part] += tensor.bytes
    return {part: round(8 * held[part] / weights[part], 6) for part in PARTS if weights[part]}


def _mix(header: GgufHeader, tensors: list[GgufTensor]) -> tuple[str, list[str]]:
    """The mix that the file says it is; of one that the facts do not hold, the nearest by bits, and a line that says so."""
    facts, names = load("sizing")["engines"]["gguf"], load("sizing")["architectures"]["gguf"]["file_types"]
    told = names.get(str(header.keys.get("general.file_type")))
    if told in facts["mixes"]:
        return told, []
    weights = sum(tensor.weights for tensor in tensors)
    mean = 8 * sum(tensor.bytes for tensor in tensors) / weights
    nearest = min(facts["mixes"], key=lambda mix: abs(float(facts["types"][facts["mixes"][mix]["base"]]) - mean))
    name = told or "a mix without a name"
    return nearest, [f"GGUF: the file is {name}, {mean:.2f} bits a weight; its tables of embedding and head are taken as {nearest}"]
