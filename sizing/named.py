"""Which model, GPU, instance type, weight format, count and length a sentence names. What it does not find it does not guess."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass

from records.errors import InputError
from records.facts import load
from sizing import licence, sums
from sizing.catalog import find_gpu, find_instance, find_model, records
from sizing.parameters import count
from sizing.quantisation import bits_of, normalised
from sizing.weights import checkpoint_bytes

NUMBERS = {"one": 1, "two": 2, "four": 4, "five": 5, "eight": 8, "single": 1}
INSTANCE = r"\b[a-z]+\d+[a-z]*(?:-[a-z0-9]+)?\.(?:\d*x?large|metal)\b"
QUANTS = ("fp8", "bf16", "fp16", "nvfp4", "mxfp4", "int8", "int4-awq", "int4-gptq")
SHORT_QUANTS = {"int4": "int4-awq", "awq": "int4-awq", "gptq": "int4-gptq", "q4": "gguf-q4_k_m", "q8": "gguf-q8_0"}
SHORT_MODELS = {"scout": "Llama-4-Scout-17B-16E-Instruct", "maverick": "Llama-4-Maverick-17B-128E-Instruct"}


@dataclass(frozen=True, slots=True)
class Named:
    """Ids of the facts; `gpus` is the count before the GPU, else that of the instance type, else 1."""

    model: str | None
    weight_quant: str | None
    gpu: str | None
    gpus: int
    instance_type: str | None
    tokens: int | None

    def says(self) -> str:
        parts = [
            self.model or "no model of the facts is named",
            f"in {self.weight_quant}" if self.weight_quant else None,
            f"on {self.gpus} x {self.gpu}" if self.gpu else None,
        ]
        parts += [self.instance_type, f"{self.tokens:,} tokens" if self.tokens else None]
        return ", ".join(part for part in parts if part)

    def sources(self) -> tuple[str, ...]:
        found = [find_model(self.model).source] if self.model else []
        return (*found, "facts of GPUs, instance types and prices; inferstack plan holds a load against them")


def in_words(text: str) -> Named:
    """Raises InputError for an instance type that does not exist."""
    words = text.lower()
    type_ = re.search(INSTANCE, words)
    instance = find_instance(type_.group()) if type_ else None
    model = model_in(words)
    gpu, gpus = _gpu(words)
    if gpu is None and instance and instance.gpu:
        gpu, gpus = instance.gpu, instance.gpu_count
    quant = _quant(words) if model else None
    return Named(model, quant, gpu, gpus, instance.instance_type if instance else None, _tokens(words))


def model_in(text: str) -> str | None:
    """Id of the longest name of the facts that the sentence holds; spaces and dashes are the same."""
    plain = _plain(text)
    found = [(len(name), id_) for name, id_ in _names() if re.search(rf"(?<![a-z0-9.]){re.escape(name)}(?![a-z0-9]|\.\d)", plain)]
    return max(found)[1] if found else None


def about_model(names: Named) -> Iterator[str]:
    """Size, KV and licence of the model, and the cheapest instance type that starts it."""
    assert names.model is not None
    shape = find_model(names.model)
    counts, bits = count(shape), bits_of(shape, names.weight_quant)
    yield (
        f"{shape.id}: {counts.total / 1e9:.1f} B parameters, {counts.active / 1e9:.1f} B used by a token, "
        f"{shape.max_positions:,} positions; {checkpoint_bytes(shape, bits) / 1e9:,.1f} GB in {bits.format}"
    )
    if shape.generates:
        yield from sums.computed("cheapest", model=shape.id, weight_quant=names.weight_quant, tokens=names.tokens or sums.ORDINARY_CONTEXT)
    yield from (line.strip() for line in licence.short(licence.of_model(shape)))


def _names() -> Iterator[tuple[str, str]]:
    """Also without what follows the size: `llama 3.3 70b` is the instruct model in its own format."""
    shortened: dict[str, str] = {}
    for record in records():
        last = record["id"].split("/")[-1]
        yield from ((_plain(record["id"]), record["id"]), (_plain(last), find_model(last).id))
        if "same_shape_as" in record:
            continue
        short = re.sub(r"^meta-|-(instruct|it|hf|chat).*$", "", _plain(record["id"].split("/")[-1]))
        if not record.get("quantization") or short not in shortened:
            shortened.setdefault(short, record["id"])
    yield from shortened.items()
    yield from ((short, find_model(id_).id) for short, id_ in SHORT_MODELS.items())


def _gpu(words: str) -> tuple[str | None, int]:
    """The longest name, and the number in front of it."""
    plain, counted = _plain(words, " "), rf"(?:\b(\d+|{'|'.join(NUMBERS)})\s*x?\s*(?:rtx |nvidia )?)?"
    for name in sorted(_gpu_names(), key=len, reverse=True):
        found = re.search(rf"{counted}(?<![a-z0-9.]){re.escape(name)}s?(?![a-z0-9])", plain)
        if found:
            number = found.group(1) or "one"
            return find_gpu(name.replace(" ", "-")).id, NUMBERS.get(number) or int(number)
    return None, 1


def _gpu_names() -> Iterator[str]:
    for group in load("sizing")["gpus"].values():
        for record in group["records"]:
            yield from (_plain(name, " ") for name in (record["id"], *record["short_names"]))


def _quant(words: str) -> str | None:
    for word in re.findall(r"[a-z0-9_-]+", words):
        name = SHORT_QUANTS.get(word) or (f"gguf-{word}" if re.fullmatch(r"q\d_[a-z0-9_]+", word) else word)
        if name in QUANTS or name.startswith("gguf-"):
            return _known_quant(name)
    return None


def _known_quant(name: str) -> str | None:
    try:
        return normalised(name)
    except InputError:
        return None


def _tokens(words: str) -> int | None:
    found = re.search(r"\b(\d+(?:\.\d+)?) ?(k|m|million)?[ -](?:tokens?|context)\b", words)
    if not found:
        return None
    return round(float(found.group(1)) * {"k": 1e3, "m": 1e6, "million": 1e6}.get(found.group(2) or "", 1))


def _plain(text: str, joint: str = "-") -> str:
    return re.sub(r"[\s_-]+", joint, text.strip().lower())
