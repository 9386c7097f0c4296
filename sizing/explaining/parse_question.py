"""What a sentence names: models, GPUs, instance types, formats, engines, regions and amounts. What it does not find it does not guess.

Everything is looked for in one form of the sentence (small letters, single blanks); what one reading takes no other takes again, and what
nobody takes is left over as unread.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from functools import lru_cache

from inferstack.pricing.rates.rates import regions
from inferstack.records.errors import InputError
from inferstack.records.files.facts import load
from sizing.catalog import find_gpu, find_instance, find_model, instances, records
from sizing.explaining import amounts, unread
from sizing.explaining.named import Named
from sizing.models.quantisation.formats import normalised

NUMBERS = {"one": 1, "a single": 1, "single": 1, "two": 2, "three": 3, "four": 4, "five": 5, "six": 6, "eight": 8, "sixteen": 16}
INSTANCE = re.compile(r"\b[a-z]+\d+[a-z]*(?:-[a-z0-9]+)?\.(?:\d*x?large|metal)\b")
REGION = re.compile(r"\b(?:af|ap|ca|cn|eu|il|me|mx|sa|us)(?:-gov)?(?:-[a-z]+)+-\d\b")
QUANTS = ("fp8", "bf16", "fp16", "nvfp4", "mxfp4", "int8", "int4 awq", "int4 gptq")
SHORT_QUANTS = {"int4": "int4-awq", "awq": "int4-awq", "gptq": "int4-gptq", "q4": "gguf-q4_k_m", "q8": "gguf-q8_0"}
QUANT = re.compile(rf"(?<![a-z0-9])(?:{'|'.join(QUANTS)}|{'|'.join(SHORT_QUANTS)}|q\d(?: [a-z0-9]{{1,2}}){{1,2}})(?![a-z0-9])")
SCOUT, MAVERICK = "Llama-4-Scout-17B-16E-Instruct", "Llama-4-Maverick-17B-128E-Instruct"
SHORT_MODELS = {"scout": SCOUT, "llama 4 scout": SCOUT, "maverick": MAVERICK, "llama 4 maverick": MAVERICK}
COUNT = rf"(?:(?<![a-z0-9.])(?P<count>\d+|{'|'.join(NUMBERS)}) ?(?:x )?(?:rtx |nvidia )?)?"
HOW_MANY = re.compile(r"how many (?!tokens|users|requests|people|concurrent)|number of (?:gpus|cards)|minimum (?:gpus|number)")
VERSION_OR_SIZE = re.compile(r"(?: ?v?\d+(?:\.\d+)*)?(?: [a-z]+){0,2}? ?\d+(?:\.\d+)?b(?![a-z0-9])|(?: ?v?\d+(?:\.\d+)*)")
SIZE = re.compile(r"(?<![a-z0-9.])\d+(?:\.\d+)? ?b(?![a-z0-9])")
TAKEN = "\0"


class _Sentence:
    """The sentence, less what was read."""

    def __init__(self, text: str) -> None:
        self.words = re.sub(r"(?<=\d) ?[x×] ?(?=[a-z])(?!large)", " x ", text.lower())

    def taken(self, pattern: str | re.Pattern[str]) -> re.Match[str] | None:
        found = re.search(pattern, self.words)
        if found:
            self.take(found.span())
        return found

    def take(self, span: tuple[int, int]) -> None:
        self.words = self.words[: span[0]] + TAKEN * (span[1] - span[0]) + self.words[span[1] :]

    def flatten(self) -> None:
        """Dashes, underscores and blanks are the same from here on."""
        self.words = re.sub(r"[\s_-]+", " ", self.words).strip()


def in_words(text: str) -> Named:
    """Raises InputError for an instance type, a model or a region that does not exist."""
    sentence = _Sentence(text)
    type_, region = sentence.taken(INSTANCE), sentence.taken(REGION)
    instance = find_instance(type_.group()) if type_ else None
    sentence.flatten()
    engines = tuple(_engines(sentence))
    models = tuple(_models(sentence))
    gpu, count, memory = _gpu(sentence)
    quant = _quant(sentence)
    found = amounts.find(sentence.words)
    for one in found:
        sentence.take(one.span)
    family = _family_of_licence(sentence) if not models else ()
    if not models and not family:
        _refuse_unknown_model(sentence.words)
    how_many = bool(HOW_MANY.search(sentence.words))
    if gpu is None and instance and instance.gpu:
        gpu, count = instance.gpu, instance.gpu_count
    if gpu is None and models:
        gpu = next((card for one in found if one.kind == "memory_gb" and (card := _card_of(one.value))), None)
        found = tuple(one for one in found if gpu is None or one.kind != "memory_gb")
    context = next((round(one.value) for one in found if one.kind == "context"), None)
    return Named(
        model=models[0] if models else None,
        weight_quant=quant if models else None,
        gpu=_of_memory(gpu, memory),
        gpus=count or 1,
        instance_type=instance.instance_type if instance else None,
        tokens=context,
        counted=count is not None or not how_many,
        region=_known_region(region.group()) if region else None,
        amounts=tuple(one for one in found if one.kind != "context"),
        engines=engines,
        others=models[1:],
        family=family,
        left=unread.phrases(sentence.words.replace(TAKEN, "|")),
    )


def model_in(text: str) -> str | None:
    """Id of the longest name of the facts that the sentence holds; spaces and dashes are the same."""
    sentence = _Sentence(text)
    sentence.flatten()
    return next(_models(sentence), None)


def _models(sentence: _Sentence) -> Iterator[str]:
    """Longest name first; a safety model beside another one is named after it."""
    found: list[str] = []
    while (one := _longest(sentence)) is not None:
        found.append(one)
    if not found and (one := _of_family(sentence)) is not None:
        found.append(one)
    yield from dict.fromkeys(sorted(found, key=lambda id_: "guard" in id_.lower()))


def _longest(sentence: _Sentence) -> str | None:
    matches = ((name, id_, re.search(rf"(?<![a-z0-9.]){re.escape(name)}(?![a-z0-9]|\.\d)", sentence.words)) for name, id_ in _names())
    best = max((one for one in matches if one[2]), key=lambda one: (len(one[0]), one[1]), default=None)
    if best is None or best[2] is None:
        return None
    sentence.take(best[2].span())
    return best[1]


def _of_family(sentence: _Sentence) -> str | None:
    """A family with its version that has one model alone (`llama guard 4`), unless another size is said after it."""
    for prefix, ids in sorted(_families().items(), key=lambda one: -len(one[0])):
        found = re.search(rf"(?<![a-z0-9.]){re.escape(prefix)}(?![a-z0-9]|\.\d| ?\d+(?:\.\d+)?b(?![a-z0-9]))", sentence.words)
        if found and len(ids) == 1:
            sentence.take(found.span())
            return next(iter(ids))
    return None


def _family_of_licence(sentence: _Sentence) -> tuple[str, ...]:
    """Models of a family that is named with its version and no size, where the question is about its licence."""
    if not re.search(r"licen[cs]", sentence.words):
        return ()
    for prefix, ids in sorted(_families().items(), key=lambda one: -len(one[0])):
        if sentence.taken(rf"(?<![a-z0-9.]){re.escape(prefix)}(?![a-z0-9]|\.\d| ?\d+(?:\.\d+)?b(?![a-z0-9]))"):
            return tuple(sorted(ids))
    return ()


@lru_cache(maxsize=1)
def _families() -> dict[str, frozenset[str]]:
    """Beginnings of names that end in a version: which models, less those that are the same in a narrower format."""
    found: dict[str, set[str]] = {}
    for record in records():
        if record.get("quantization") or "same_shape_as" in record:
            continue
        words = _plain(record["id"].split("/")[-1]).removeprefix("meta ").split(" ")
        for length in range(2, len(words)):
            if re.fullmatch(r"v?\d+(\.\d+)?", words[length - 1]):
                found.setdefault(" ".join(words[:length]), set()).add(find_model(record["id"]).id)
    return {prefix: frozenset(ids) for prefix, ids in found.items()}


@lru_cache(maxsize=1)
def _names() -> tuple[tuple[str, str], ...]:
    """Also without what follows the size: `llama 3.3 70b` is the instruct model in its own format."""
    return tuple(dict.fromkeys((name, id_) for plain, id_ in _written() for name in (plain, re.sub(r"^([a-z]+)(\d)", r"\1 \2", plain))))


def _written() -> Iterator[tuple[str, str]]:
    shortened: dict[str, str] = {}
    for record in records():
        last = record["id"].split("/")[-1]
        yield from ((_plain(record["id"]), record["id"]), (_plain(last), _by_name(last, record["id"])))
        if "same_shape_as" in record:
            continue
        short = re.sub(r"^meta | (instruct|it|hf|chat)( .*)?$", "", _plain(last))
        if not record.get("quantization") or short not in shortened:
            shortened.setdefault(short, record["id"])
    yield from shortened.items()
    yield from ((short, find_model(id_).id) for short, id_ in SHORT_MODELS.items())


def _by_name(last: str, own: str) -> str:
    try:
        return find_model(last).id
    except InputError:  # the last part of several ids
        return own


def _refuse_unknown_model(words: str) -> None:
    """A family of the facts with a version or a size that they do not hold, or a size alone, is a model that somebody means."""
    heads = sorted(
        {re.split(r"[ \d]", _plain(record["id"].split("/")[-1]))[0] for record in records()} - {"", "meta"}, key=len, reverse=True
    )
    for head in heads:
        found = re.search(rf"(?<![a-z0-9]){re.escape(head)}(?:{VERSION_OR_SIZE.pattern})", words)
        if found and found.group(0) != head and not unread.OWN_OR_API.search(found.group(0)):
            find_model(found.group(0).strip().replace(" ", "-"))  # raises, with the nearest names
    size = SIZE.search(words)
    if size:
        said = size.group(0).replace(" ", "")
        near = [record["id"] for record in records() if f"-{said}" in record["id"].lower() and not record.get("quantization")]
        hint = f"name one, for example {', '.join(near[:3])}" if near else "inferstack model list shows the known models"
        raise InputError(f"not understood: {said} is a size, not a model", hint=hint)


def _gpu(sentence: _Sentence) -> tuple[str | None, int | None, int | None]:
    """The longest name, the number in front of it, and the GB behind it."""
    for name in _gpu_names():
        found = sentence.taken(rf"{COUNT}(?<![a-z0-9.]){re.escape(name)}s?(?![a-z0-9])(?: ?(?P<gb>\d+) ?gi?b(?![a-z0-9]))?")
        if found:
            number = found["count"]
            count = None if number is None else NUMBERS.get(number) or int(number)
            return find_gpu(name.replace(" ", "-")).id, count, int(found["gb"]) if found["gb"] else None
    return None, None, None


def _of_memory(gpu: str | None, gb: int | None) -> str | None:
    """The card of the same name with this memory: `A100 40GB` is another one than `A100`."""
    if gpu is None or gb is None:
        return gpu
    every = [record for group in load("sizing")["gpus"].values() for record in group["records"]]
    family = gpu.split("-")[0]
    fitting = [one["id"] for one in every if one["id"].split("-")[0] == family and one["memory_gb_nominal"] == gb]
    if not fitting:
        known = sorted({one["memory_gb_nominal"] for one in every if one["id"].split("-")[0] == family})
        raise InputError(f"not understood: no {family} has {gb} GB; known: {', '.join(f'{size} GB' for size in known)}")
    return gpu if gpu in fitting else fitting[0]


def _card_of(gb: float) -> str | None:
    """A card of this memory, one that EC2 sells first; None where the facts hold none."""
    every = [record for group in load("sizing")["gpus"].values() for record in group["records"] if record["memory_gb_nominal"] == gb]
    sold = {one.gpu for one in instances()}
    return next((record["id"] for record in sorted(every, key=lambda one: (one["id"] not in sold, one["id"]))), None)


@lru_cache(maxsize=1)
def _gpu_names() -> tuple[str, ...]:
    records = (record for group in load("sizing")["gpus"].values() for record in group["records"])
    return tuple(sorted({_plain(name) for one in records for name in (one["id"], *one["short_names"])}, key=len, reverse=True))


def _engines(sentence: _Sentence) -> Iterator[str]:
    """Names of the facts of engines that people say."""
    for record in load("sizing")["claims"]["engines"]["records"]:
        said = "|".join(re.escape(one) for one in sorted(record["said"], key=len, reverse=True))
        if sentence.taken(rf"(?<![a-z0-9.])(?:{said})(?![a-z0-9])"):
            yield record["name"]


def _quant(sentence: _Sentence) -> str | None:
    found = sentence.taken(QUANT)
    if not found:
        return None
    word = found.group(0)
    name = SHORT_QUANTS.get(word) or (f"gguf-{word.replace(' ', '_')}" if re.match(r"q\d ", word) else word.replace(" ", "-"))
    try:
        return normalised(name)
    except InputError:
        return None


def _known_region(name: str) -> str:
    if name not in regions():
        raise InputError(
            f"not understood: no price of region {name} is known", hint="inferstack prices list --regions shows the known regions"
        )
    return name


def _plain(text: str) -> str:
    return re.sub(r"[\s_-]+", " ", text.strip().lower())
