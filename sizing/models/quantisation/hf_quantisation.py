"""What a config.json says of the checkpoint's own quantisation: the effective bits of each part, over every module that it names."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable, Mapping
from typing import Any

from inferstack.records.errors import InputError
from sizing.models.quantisation import weight_schemes
from sizing.models.quantisation.module_patterns import Patterns, expression, patterns
from sizing.models.quantisation.quantised_modules import Module, modules
from sizing.models.quantisation.weight_schemes import MXFP4, WIDE, Scheme, refused
from sizing.models.shape import ModelShape

Assign = Callable[[Module], Scheme]
WHERE = "config.quantization_config"
SKIPPED = ("ignore", "ignored_layers", "exclude_modules", "modules_to_not_convert", "llm_int8_skip_modules", "exclude")


def quantization(config: Any, shape: ModelShape, kinds: list[tuple[str, str]]) -> dict[str, Any] | None:
    """A record's `quantization`; `kinds` are token mixer and FFN of each layer. Raises InputError for a method whose bits are not known."""
    if not config:
        return None
    if not isinstance(config, Mapping):
        raise refused("what is no object")
    inner = config.get("quantization")
    told: Mapping[str, Any] = inner if isinstance(inner, Mapping) else config
    method = _method(told, legacy=inner is told)
    assign = METHODS[method](told, shape)
    weights: Counter[tuple[str, Scheme]] = Counter()
    for module in modules(shape, kinds):
        weights[module.part, assign(module)] += module.weights
    return {**_by_part(weights), "method": method, "kv_cache": _kv_cache(told)}


def _method(config: Mapping[str, Any], *, legacy: bool) -> str:
    named = str(config.get("quant_method") or ("modelopt" if legacy or config.get("quant_algo") else "")).lower()
    plain = ALIASES.get(named, named)
    if plain not in METHODS:
        raise refused(f"method {named[:60] or 'unnamed'}")
    return plain


def _by_part(weights: Mapping[tuple[str, Scheme], int]) -> dict[str, Any]:
    """Return the mean bits over the weights of each part; the format is that of most weights that are not wide."""
    bits: dict[str, float] = {}
    for part in {part for part, _ in weights}:
        of = {scheme: n for (one, scheme), n in weights.items() if one == part}
        bits[part] = round(sum(n * scheme.bits for scheme, n in of.items()) / max(sum(of.values()), 1), 6)
    narrow: Counter[Scheme] = Counter()
    for (part, scheme), n in weights.items():
        if scheme.bits < WIDE.bits and part != "mtp":
            narrow[scheme] += n
    main = narrow.most_common(1)[0][0] if narrow else WIDE
    return {"bits": bits, "format": main.format, "scheme": main.says, "group": main.group, "block": main.block}


def _kv_cache(config: Mapping[str, Any]) -> str | None:
    """Return FP8 where the file has scales for the cache; each method has its own key for that."""
    scheme = config.get("kv_cache_scheme")
    if isinstance(scheme, Mapping):
        return "fp8" if scheme.get("type") == "float" and scheme.get("num_bits") == 8 else None
    named = str(config.get("kv_cache_quant_algo") or config.get("kv_cache_quant_method") or "").lower()
    return "fp8" if named.startswith("fp8") else None


def _left_wide(config: Mapping[str, Any], way: Any) -> Patterns:
    """Return all names that stay wide; files of different age use different keys for the list."""
    entries: list[Any] = []
    for key in SKIPPED:
        given = config.get(key)
        patterns(given, where=f"{WHERE}.{key}", way=way)
        entries += given or []
    return patterns(entries, where=WHERE, way=way)


def _uniform(scheme: Scheme, kept: Patterns) -> Assign:
    return lambda module: WIDE if kept.match(module.names) else scheme


def _awq(config: Mapping[str, Any], _: ModelShape) -> Assign:
    bits, group = config.get("bits", config.get("w_bit", 4)), config.get("group_size", config.get("q_group_size", 128))
    scheme = weight_schemes.grouped_int(bits, group, format_="int4-awq", zero_points=config.get("zero_point", True) is not False)
    return _uniform(scheme, _left_wide(config, "anywhere"))


def _gptq(config: Mapping[str, Any], _: ModelShape) -> Assign:
    """`dynamic`: `-:` leaves what an expression names wide, `+:` or nothing gives it other bits; the first that matches holds."""
    bits, group = config.get("bits", 4), config.get("group_size", 128)
    main, kept = weight_schemes.grouped_int(bits, group, format_="int4-gptq"), _left_wide(config, "part")
    dynamic = config.get("dynamic") or config.get("extra_config") or {}
    rules = []
    for name, other in dynamic.items() if isinstance(dynamic, Mapping) else ():
        change = other if isinstance(other, Mapping) else {}
        narrow = weight_schemes.grouped_int(change.get("bits", bits), change.get("group_size", group), format_="int4-gptq",
                                            known=(2, 3, 4, 8, 16))  # fmt: skip
        wide = str(name).startswith("-:") or narrow.bits >= WIDE.bits
        rules.append((expression(str(name).removeprefix("-:").removeprefix("+:"), where=f"{WHERE}.dynamic"), WIDE if wide else narrow))

    def assign(module: Module) -> Scheme:
        if kept.match(module.names):
            return WIDE
        return next((scheme for one, scheme in rules if any(one.match(name) for name in module.names)), main)

    return assign


def _fp8(config: Mapping[str, Any], _: ModelShape) -> Assign:
    block = config.get("weight_block_size")
    return _uniform(weight_schemes.fp8_block(block) if block else weight_schemes.FP8, _left_wide(config, "part"))


def _mxfp4(config: Mapping[str, Any], shape: ModelShape) -> Assign:
    """Quantises experts alone, in transformers as in vLLM."""
    if not shape.is_moe:
        raise InputError(f"{WHERE}: mxfp4 packs experts alone, and {shape.architecture} is dense: no engine loads such a file")
    kept = _left_wide(config, "part")
    return lambda module: MXFP4 if module.part == "experts" and not kept.match(module.names) else WIDE


def _compressed(config: Mapping[str, Any], _: ModelShape) -> Assign:
    """The first group with a target that names the module, then the first whose target is its class."""
    groups = config.get("config_groups")
    if not isinstance(groups, Mapping) or not groups or not all(isinstance(one, Mapping) for one in groups.values()):
        raise refused("compressed-tensors with no group of weights")
    kept = _left_wide(config, "exact")
    read = [(_targets(one), weight_schemes.compressed(one.get("weights"))) for one in groups.values()]

    def assign(module: Module) -> Scheme:
        if "Linear" in kept.names or kept.match(module.names):
            return WIDE
        named = next((scheme for targets, scheme in read if targets.match(module.names)), None)
        return named or next((scheme for targets, scheme in read if "Linear" in targets.names), WIDE)

    return assign


def _targets(group: Mapping[str, Any]) -> Patterns:
    return patterns(group.get("targets", ["Linear"]), where=f"{WHERE}.config_groups.targets", way="exact")


def _modelopt(config: Mapping[str, Any], shape: ModelShape) -> Assign:
    """One algorithm for all, or one for each layer that is named."""
    kept, algo = _left_wide(config, "anywhere"), config.get("quant_algo")
    if str(algo).upper() != "MIXED_PRECISION":
        if not algo and isinstance(config.get("config_groups"), Mapping):
            return _compressed(config, shape)
        return _uniform(weight_schemes.modelopt(algo, config.get("group_size")), kept)
    layers = config.get("quantized_layers")
    if not isinstance(layers, Mapping) or not layers:
        raise refused("modelopt of MIXED_PRECISION without quantized_layers")
    by_scheme: dict[Scheme, list[str]] = {}
    for name, one in layers.items():
        told = one if isinstance(one, Mapping) else {}
        by_scheme.setdefault(weight_schemes.modelopt(told.get("quant_algo"), told.get("group_size")), []).append(str(name))
    return _named(kept, [(patterns(names, where=f"{WHERE}.quantized_layers", way="part"), one) for one, names in by_scheme.items()], WIDE)


def _quark(config: Mapping[str, Any], _: ModelShape) -> Assign:
    """Assign a layer's own entry, else that of all."""
    whole, layers = config.get("global_quant_config"), config.get("layer_quant_config")
    if not isinstance(whole, Mapping):
        raise refused("quark without global_quant_config")
    own = [
        (patterns([str(name)], where=f"{WHERE}.layer_quant_config", way="part"), weight_schemes.quark(_weight(one)))
        for name, one in (layers.items() if isinstance(layers, Mapping) else ())
    ]
    return _named(_left_wide(config, "part"), own, weight_schemes.quark(_weight(whole)))


def _named(kept: Patterns, own: Iterable[tuple[Patterns, Scheme]], other: Scheme) -> Assign:
    def assign(module: Module) -> Scheme:
        if kept.match(module.names):
            return WIDE
        return next((scheme for names, scheme in own if names.match(module.names)), other)

    return assign


def _weight(entry: Any) -> Any:
    return entry.get("weight") if isinstance(entry, Mapping) else None


def _bitsandbytes(config: Mapping[str, Any], _: ModelShape) -> Assign:
    return _uniform(weight_schemes.bitsandbytes(config), _left_wide(config, "part"))


def _torchao(config: Mapping[str, Any], _: ModelShape) -> Assign:
    """One type for all under `default`, or by the names of modules beside it."""
    given = config.get("quant_type")
    by_name = given.get("default") if isinstance(given, Mapping) else given
    names = by_name.get("_data") if isinstance(by_name, Mapping) and "fqn" in str(by_name.get("_type")).lower() else None
    inside = names.get("module_fqn_to_config", names.get("fqn_to_config")) if isinstance(names, Mapping) else None
    if isinstance(inside, Mapping):
        own = [
            (patterns([str(name)], where=f"{WHERE}.quant_type", way="part"), weight_schemes.torchao(one) or WIDE)
            for name, one in inside.items() if name != "_default"
        ]  # fmt: skip
        return _named(_left_wide(config, "part"), own, weight_schemes.torchao(inside.get("_default")) or WIDE)
    return _uniform(weight_schemes.torchao(by_name) or WIDE, _left_wide(config, "part"))


ALIASES = {
    "awq_marlin": "awq", "gptq_marlin": "gptq", "gptqmodel": "gptq",
    "auto_round": "auto-round", "autoround": "auto-round", "inc": "auto-round",
    "intel/auto-round": "auto-round", "modelopt_fp4": "modelopt", "modelopt_mxfp8": "modelopt", "modelopt_mixed": "modelopt",
    "gpt_oss_mxfp4": "mxfp4", "compressed_tensors": "compressed-tensors", "bnb": "bitsandbytes",
}  # fmt: skip
METHODS: dict[str, Callable[[Mapping[str, Any], ModelShape], Assign]] = {
    "awq": _awq, "gptq": _gptq, "auto-round": _gptq, "fp8": _fp8, "fbgemm_fp8": _fp8, "mxfp4": _mxfp4, "compressed-tensors": _compressed,
    "modelopt": _modelopt, "quark": _quark, "bitsandbytes": _bitsandbytes, "torchao": _torchao,
}  # fmt: skip
"""By the `quant_method` that transformers and vLLM know."""
