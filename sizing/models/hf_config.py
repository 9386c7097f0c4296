"""A model's shape from a Hugging Face config.json. An architecture that is not known, or a key that is missing, is refused by name."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from inferstack.records import model_ids
from inferstack.records.errors import InputError
from inferstack.records.files.facts import load
from sizing.attention.table import attention_of, kinds
from sizing.models import exact_sizes, hf_layers, shape_fields, vision_towers
from sizing.models.facts_record import from_record
from sizing.models.quantisation import hf_quantisation
from sizing.models.shape import ModelShape

Config = Mapping[str, Any]
COMMON = (
    "hidden_size", "num_hidden_layers", "num_attention_heads", "num_key_value_heads", "intermediate_size", "vocab_size",
    "max_position_embeddings", "num_experts", "num_experts_per_tok", "moe_intermediate_size", "shared_expert_size", "sliding_window",
    "attention_chunk_size", "mtp_layers", "extra_params", "no_rope_layer_interval",
)  # fmt: skip
"""Whole numbers that are read of any config, beside those of the kinds of attention."""
TRUTHS = ("tie_word_embeddings", "attention_bias")
MAY_BE_ZERO = frozenset(("mtp_layers", "extra_params", "shared_expert_size", "num_experts", "num_experts_per_tok"))
EXPERT_NEEDS = ("num_experts_per_tok", "moe_intermediate_size")
LARGEST = 10**9
MOST_SHARED = 1000
LARGEST_PARAMS = 10**13
DENSE_NEEDS = ("intermediate_size",)
DEEPEST_WRAPPING = 2


def from_config(config: Config) -> ModelShape:
    """Raises InputError: not a decoder that is known, a missing or wrong key, or a structure that its architecture does not have."""
    architecture = architecture_of(config)
    outer = rule = rules()[architecture]
    text = _inside(config, rule)
    named = architecture
    for _ in range(DEEPEST_WRAPPING):
        if not rule.get("wraps"):
            break
        named = architecture_of(text)
        rule = rules()[named]
        text = _inside(text, rule)
    if rule.get("wraps"):
        raise InputError(f"config: {rule['inside']} is missing: the text model of {named}")
    text = _flat(text, rule)
    values = _values(text, rule, rule.get("same_as", named))
    _refuse_unread(text, rule, named)
    layers = hf_layers.groups(text, values, rule)
    _check_widths(layers, values, rule)
    exact, (tower, unread) = exact_sizes.told(config), _tower(config, outer, values["hidden_size"])
    own_id, renamed = model_ids.named(config.get("_name_or_path") or config.get("name"), otherwise=f"config of {architecture}")
    record = {
        **values,
        "id": exact.id or own_id,
        "architecture": architecture,
        "model_type": str(text.get("model_type") or config.get("model_type") or rule.get("model_type") or ""),
        "dtype": _dtype(text.get("torch_dtype") or text.get("dtype") or config.get("torch_dtype") or config.get("dtype")),
        "layers": layers,
        "vision_params": tower,
        "rope": _rope(text),
        "sliding_window": _window(text, values, rule),
        "sliding_window_pattern": str(rule["window"]) if rule.get("window") else None,
        "shared_expert_size": _shared(text, values, rule),
        "not_verified": [*_not_verified(config, outer, rule, exact, counted=tower is not None, why=unread), *(() if exact.id else renamed)],
        "sources": ["config.json of the request"],
        "as_of": "the request",
    }
    kinds = hf_layers.in_order(text, values, rule)
    record["quantization"] = hf_quantisation.quantization(_quantised(config, text), from_record(record), kinds)
    return from_record(exact_sizes.applied(record, exact))


def _quantised(config: Config, text: Config) -> Any:
    """Older files of compressed-tensors call the key otherwise."""
    named = (one.get(key) for one in (config, text) for key in ("quantization_config", "compression_config"))
    return next((one for one in named if one), None)


def architecture_of(config: Config) -> str:
    """The name of the model class; where the config has none, that of its model_type. Raises InputError for one that is not known."""
    if not isinstance(config, Mapping):
        raise InputError("config: must be the contents of a config.json")
    named, known = config.get("architectures"), rules()
    if isinstance(named, list) and named and isinstance(named[0], str):
        return _known(named[0])
    by_type = [name for name, rule in known.items() if rule.get("model_type") == config.get("model_type")]
    if config.get("model_type") and by_type:
        return by_type[0]
    raise InputError("config: architectures is missing: a list with the name of the model class", hint=f"known: {', '.join(known)}")


def rules() -> dict[str, dict[str, Any]]:
    """What is known of each architecture, by the name of its class."""
    records: dict[str, dict[str, Any]] = load("sizing")["architectures"]["known"]["records"]
    return records


def _known(name: str) -> str:
    facts = load("sizing")["architectures"]["known"]
    if name in facts["records"]:
        return name
    hint = f"known: {', '.join(facts['records'])}"
    if name in facts["not_modelled"]:
        raise InputError(f"config: architecture {name} is not modelled: {facts['not_modelled'][name]}", hint=hint)
    raise InputError(
        f"config: architecture {name} is not known, so its layers cannot be computed (attention kind, experts, norms)", hint=hint
    )


def _inside(config: Config, rule: Config) -> Config:
    text = config.get(rule.get("inside", ""), config)
    if not isinstance(text, Mapping):
        raise InputError(f"config.{rule['inside']}: must be an object")
    return text


def _flat(text: Config, rule: Config) -> dict[str, Any]:
    """Bring nested parts and second names of the same key to the top; a list of equal numbers is that number."""
    flat = dict(text)
    for part in rule.get("flatten", ()):
        inner = text.get(part)
        flat.update(inner if isinstance(inner, Mapping) else {})
    for theirs, key in rule.get("alias", {}).items():
        if flat.get(key) is None and flat.get(theirs) is not None:
            flat[key] = flat[theirs]
    for key in ("intermediate_size", "num_key_value_heads"):
        value = flat.get(key)
        if isinstance(value, list) and value and all(one == value[0] for one in value):
            flat[key] = value[0]
    return flat


def _values(text: Config, rule: Config, architecture: str) -> dict[str, Any]:
    """The record's plain fields: constants of the architecture, the config's own values under our names, then defaults."""
    rename = rule.get("rename", {})
    ours: dict[str, Any] = {}
    for key, value in text.items():
        if value is not None and (key in rename or key not in rename.values()):
            ours[rename.get(key, key)] = value
    defaults = rule.get("default", {})
    ours_by_default = {rename.get(key, key): value for key, value in defaults.items()}
    told = {key: ours[key] for key in (*COMMON, *kinds().fields, *TRUTHS) if key in ours}
    values = {**ours_by_default, **told, "norms_per_layer": 2, **rule.get("set", {})}
    for case in rule.get("when", ()):
        if all(text.get(key, defaults.get(key)) == wanted for key, wanted in case["if"].items()):
            values.update(case.get("set", {}))
            values.update({name: text[key] for name, key in case.get("take", {}).items() if text.get(key) is not None})
    _derive(values, text, rule)
    _check(values, rule)
    _add_other_layers(values, text, rule)
    names = {ours: key for key, ours in rename.items()}
    alike = load("sizing")["architectures"]["known"]["kv_heads_are_heads"]["classes"]
    attention_of(values).complete(values, names, kv_heads_are_heads=architecture in alike)
    shape_fields.refuse_impossible(values, text, names=names)
    return values


def _derive(values: dict[str, Any], text: Config, rule: Config) -> None:
    """Fields that are sums of products of others, where the config does not give them itself."""
    for name, terms in rule.get("derive", {}).items():
        if values.get(name) is None:
            values[name] = sum(_product(term, values, text, rule) for term in terms)


def _add_other_layers(values: dict[str, Any], text: Config, rule: Config) -> None:
    if rule.get("per_other_layer"):
        others = sum(group["n"] for group in hf_layers.groups(text, values, rule) if group["attn"] == rule["else"])
        each = sum(_product(term, values, text, rule) for term in rule["per_other_layer"])
        values["extra_params"] = (values.get("extra_params") or 0) + others * each


def _product(term: list[Any], values: Mapping[str, Any], text: Config, rule: Config) -> int:
    product = 1
    for factor in term:
        if isinstance(factor, int):
            product *= factor
            continue
        one = values.get(factor, text.get(factor, rule.get("default", {}).get(factor)))
        if isinstance(one, bool) or not isinstance(one, int) or not 0 <= one <= LARGEST:
            raise InputError(f"config: {factor} must be a whole number from 0 to {LARGEST}, not {one!r}")
        product *= one
    return product


def _check(values: dict[str, Any], rule: Config) -> None:
    needs = ["hidden_size", "num_hidden_layers", "num_attention_heads", "vocab_size", "max_position_embeddings", *rule.get("needs", ())]
    if rule.get("layers", "dense") in ("dense", "first_k_dense"):
        needs += DENSE_NEEDS
    if values.get("num_experts"):
        needs += EXPERT_NEEDS
    theirs = {ours: key for key, ours in rule.get("rename", {}).items()}
    for name in needs:
        if values.get(name) is None:
            raise InputError(f"config: {theirs.get(name, name)} is missing", hint="give the whole config.json of the model")
    known = kinds()
    for name in (*COMMON, *known.fields):
        value = values.get(name)
        if value is None:
            continue
        least, most = 0 if name in MAY_BE_ZERO or name in known.may_be_zero else 1, LARGEST_PARAMS if name == "extra_params" else LARGEST
        if isinstance(value, bool) or not isinstance(value, int) or not least <= value <= most:
            raise InputError(f"config: {theirs.get(name, name)} must be a whole number from {least} to {most}, not {value!r}")
    for name in TRUTHS:
        if values.get(name) not in (None, True, False):
            raise InputError(f"config: {theirs.get(name, name)} must be true or false, not {values[name]!r:.60}")
    if values.get("num_experts") and values.get("num_experts_per_tok", 1) > values["num_experts"]:
        raise InputError(f"config: num_experts_per_tok {values['num_experts_per_tok']} is more than the {values['num_experts']} experts")


def _check_widths(layers: list[dict[str, Any]], values: dict[str, Any], rule: Config) -> None:
    """A layer that is not attention needs all widths of its kind."""
    theirs = {ours: key for key, ours in rule.get("rename", {}).items()}
    for kind in kinds().others:
        if any(group["attn"] == kind.name for group in layers) or any(values.get(name) for name in kind.fields[:1]):
            for name in kind.fields:
                if values.get(name) is None:
                    raise InputError(f"config: {theirs.get(name, name)} is missing; it is the width of a {kind.name} layer")


def _refuse_unread(text: Config, rule: Config, architecture: str) -> None:
    """Keys that say the model is more than its architecture's code as we know it."""
    read = {*rule.get("rename", {}), *rule.get("needs", ()), *rule.get("default", {}), *rule.get("reads", ())}
    for key in load("sizing")["architectures"]["known"]["unmodelled"][0]:
        if text.get(key) and key not in read:
            raise InputError(f"config: {architecture} with {key}: this structure is not supported for this architecture")


def _window(text: Config, values: dict[str, Any], rule: Config) -> int | None:
    if not rule.get("window") or text.get("use_sliding_window") is False:
        return None
    window = values.get("sliding_window")
    return int(window) if window else None


def _shared(text: Config, values: dict[str, Any], rule: Config) -> int:
    """Width of the shared experts together: one of them, as many as a key says, or the width that a key gives."""
    how = rule.get("shared")
    if how == "one":
        return int(values["moe_intermediate_size"])
    if values.get("shared_expert_size"):
        return int(values["shared_expert_size"])
    if not how:
        return 0
    number = text.get(how) or 0
    if isinstance(number, bool) or not isinstance(number, int) or not 0 <= number <= MOST_SHARED:
        raise InputError(f"config: {how} must be a whole number from 0 to {MOST_SHARED}, not {number!r:.60}")
    return number * int(values["moe_intermediate_size"])


def _rope(text: Config) -> dict[str, Any]:
    parameters = text.get("rope_parameters")
    told = parameters if isinstance(parameters, Mapping) else {}
    factor = text.get("partial_rotary_factor") or text.get("rotary_pct") or told.get("partial_rotary_factor") or 1.0
    if isinstance(factor, bool) or not isinstance(factor, int | float) or not 0 < factor <= 1:
        raise InputError(f"config: partial_rotary_factor must be more than 0 and at most 1, not {factor!r}")
    return {"theta": text.get("rope_theta") or told.get("rope_theta"), "partial_rotary_factor": factor}


def _dtype(name: Any) -> str:
    return {"float16": "fp16", "float32": "fp32"}.get(str(name), "bf16")


def _tower(config: Config, outer: Config, text_hidden: int) -> tuple[int | None, str]:
    """Parameters of the vision tower with its projector, or None and why it is not counted."""
    if not outer.get("vision"):
        return None, ""
    try:
        return vision_towers.params(config, text_hidden=text_hidden), ""
    except vision_towers.Unknown as error:
        return None, f", config.vision_config.{error} is missing or not a width"


def _not_verified(config: Config, outer: Config, rule: Config, exact: exact_sizes.Exact, *, counted: bool, why: str) -> list[str]:
    vision = outer.get("vision") and any(config.get(key) for key in ("vision_config", "vision_tower", "audio_config"))
    unsized = [f"vision tower: its size is not counted{why}"] if vision and exact.vision_params is None and not counted else []
    return [*unsized, *rule.get("not_verified", ()), *exact.notes]
