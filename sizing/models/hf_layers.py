"""The layers of a config.json in groups of equal ones: what mixes the tokens, what the FFN is, how far back the layer reaches."""

from __future__ import annotations

import itertools
from collections.abc import Iterator, Mapping
from typing import Any

from inferstack.records.errors import InputError
from sizing.attention.kind import AttentionKind
from sizing.attention.table import attention_of, kinds

Config = Mapping[str, Any]
MOST_LAYERS = 10_000
ATTENTION = "attention"
"""The mixer of a layer that a config calls just attention: which kind it is, the config's keys say for all such layers at once."""


def groups(text: Config, values: Config, rule: Config) -> list[dict[str, Any]]:
    """Raises InputError for a kind of layer that is not known, or an order that does not fit the number of layers."""
    n = values["num_hidden_layers"]
    if n > MOST_LAYERS:
        raise InputError(f"config: num_hidden_layers {n} is more than the limit of {MOST_LAYERS}")
    attention = attention_of(values).name
    found = []
    for (mixer, ffn, reach), same in itertools.groupby(sorted(_each(text, values, rule), key=_order)):
        group = {"n": len(list(same)), "attn": attention if mixer == ATTENTION else mixer, "ffn": ffn}
        found.append(group | ({"span": reach} if reach and mixer == ATTENTION else {}))
    return found


def in_order(text: Config, values: Config, rule: Config) -> list[tuple[str, str]]:
    """Kind of token mixer and of FFN of every layer, as the groups name them, in the order of the layers. Raises InputError as `groups`."""
    attention = attention_of(values).name
    return [(attention if mixer == ATTENTION else mixer, ffn) for mixer, ffn, _ in _each(text, values, rule)]


def _order(layer: tuple[str, str, str | None]) -> tuple[bool, str]:
    """Attention last: a multi-token prediction layer is built like the last group."""
    return layer[0] == ATTENTION, str(layer)


def _each(text: Config, values: Config, rule: Config) -> Iterator[tuple[str, str, str | None]]:
    n = values["num_hidden_layers"]
    if rule.get("pattern"):
        yield from _lettered(text, rule["pattern"], n)
        return
    for (mixer, reach), ffn in zip(_mixers(text, n, rule), _ffns(text, values, rule), strict=True):
        yield mixer, ffn, reach


def _lettered(text: Config, key: str, n: int) -> Iterator[tuple[str, str, str | None]]:
    pattern = text.get(key)
    if not isinstance(pattern, str) or len(pattern) != n:
        raise InputError(f"config: {key} must be a string of {n} letters, one per layer")
    letters = kinds().letters
    for letter in pattern:
        if letter not in letters:
            raise InputError(f"config: {key} holds {letter!r}; known: {' '.join(letters)}")
        kind, meaning = letters[letter]
        yield _mixer(kind), meaning.ffn, None


def _mixers(text: Config, n: int, rule: Config) -> list[tuple[str, str | None]]:
    listed = text.get(rule.get("types", "layer_types"))
    if isinstance(listed, list) and len(listed) == n and rule.get("layers") != "interleaved":
        return [_of_type(str(entry)) for entry in listed]
    if rule.get("full_layers"):
        return _listed(text, n, rule)
    if rule.get("full_every"):
        every = _whole(text, rule, rule["full_every"], least=1)
        return [(ATTENTION, None) if (layer + 1) % every == 0 else (rule["else"], None) for layer in range(n)]
    if rule.get("attention_at"):
        period, offset = (_whole(text, rule, key, least=0) for key in rule["attention_at"])
        if offset >= max(period, 1):
            raise InputError(f"config: {rule['attention_at'][1]} {offset} is not below {rule['attention_at'][0]} {period}")
        return [(ATTENTION, None) if layer % max(period, 1) == offset else (rule["else"], None) for layer in range(n)]
    return [(ATTENTION, None)] * n


def _listed(text: Config, n: int, rule: Config) -> list[tuple[str, str | None]]:
    """The layers of full attention by their numbers, counted from one."""
    full = text.get(rule["full_layers"])
    if not isinstance(full, list) or not all(isinstance(one, int) and 1 <= one <= n for one in full):
        raise InputError(f"config: {rule['full_layers']} must be a list of layers from 1 to {n}")
    return [(ATTENTION, None) if layer in full else (rule["else"], None) for layer in range(1, n + 1)]


def _of_type(entry: str) -> tuple[str, str | None]:
    known = kinds().layer_types
    if entry not in known:
        raise InputError(f"config: layer_types holds {entry!r}; known: {', '.join(name for name in known if name != 'None')}")
    kind, layer_type = known[entry]
    return _mixer(kind), layer_type.reach


def _mixer(kind: AttentionKind) -> str:
    return kind.name if kind.attention_key is None else ATTENTION


def _ffns(text: Config, values: Config, rule: Config) -> list[str]:
    order, n = rule.get("layers", "dense"), values["num_hidden_layers"]
    if order == "first_k_dense":
        first = _whole(text, rule, "first_k_dense_replace", least=0, missing=0)
        if first > n:
            raise InputError(f"config: first_k_dense_replace {first} is more than the {n} layers")
        return ["dense"] * first + ["moe"] * (n - first)
    if order == "interleaved":
        step = _whole(text, rule, "interleave_moe_layer_step", least=1, missing=1)
        return ["moe" if (layer + 1) % step == 0 else "dense" for layer in range(n)]
    if order == "sparse_step":
        return _sparse(text, n, rule)
    if order == "experts_at":
        period, offset = (_whole(text, rule, key, least=0) for key in rule["experts_at"])
        return ["moe" if layer % max(period, 1) == offset else "dense" for layer in range(n)]
    if order == "moe" and rule.get("dense_without_experts") and not values.get("num_experts"):
        return ["dense"] * n
    if order == "moe" and text.get("mlp_only_layers"):
        raise InputError("config: mlp_only_layers: dense layers among MoE layers are not supported for this architecture")
    return [order] * n


def _sparse(text: Config, n: int, rule: Config) -> list[str]:
    """Every step-th layer has experts, but for those that are listed as dense."""
    step = _whole(text, rule, "decoder_sparse_step", least=1, missing=1)
    dense = text.get("mlp_only_layers") or []
    if not isinstance(dense, list) or not all(isinstance(one, int) for one in dense):
        raise InputError("config: mlp_only_layers must be a list of whole numbers")
    return ["moe" if (layer + 1) % step == 0 and layer not in dense else "dense" for layer in range(n)]


def _whole(text: Config, rule: Config, key: str, *, least: int, missing: int | None = None) -> int:
    value = text.get(key)
    value = rule.get("default", {}).get(key, missing) if value is None else value
    if isinstance(value, bool) or not isinstance(value, int) or value < least:
        raise InputError(f"config: {key} must be a whole number from {least}, not {value!r}")
    return value
