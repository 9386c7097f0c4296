"""Questions in words: a wrong claim is contradicted with source and sum; a model, GPU or instance type that is named is told about."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from inferstack.records.errors import InputError
from inferstack.records.files.facts import load
from sizing.catalog import find_model
from sizing.explaining import answers, counts, parse_question, unread
from sizing.explaining.named import Named
from sizing.models import licence
from sizing.models.parameters import count
from sizing.models.quantisation.formats import bits_of
from sizing.models.weights import checkpoint_bytes

PRICE = re.compile(r"cost|pric|\$|usd|dollar|rent|cheap|expensive|spend|budget|bill")

EXAMPLES = (
    "does Llama 4 Scout in Q4 fit on one RTX 4090?",
    "Llama-3.3-70B-Instruct fp8 on 2 x H100",
    "what does p5.48xlarge cost?",
    "10 M tokens of context on Scout",
)


@dataclass(frozen=True, slots=True)
class Answer:
    """`understood` is how the question was taken; `wrong` whether it holds a claim that is not true; `claim` is that claim.

    `verdict` begins with Yes or No where the question can be decided; `unread` says what of it the sums do not hold, and what reads it.
    """

    question: str
    understood: str
    wrong: bool
    claim: str | None
    says: tuple[str, ...]
    sum: tuple[str, ...]
    sources: tuple[str, ...]
    as_of: str
    verdict: str | None = None
    unread: tuple[str, ...] = ()


def answer(question: str) -> Answer:
    """Raises InputError, with what can be asked, for a question in which nothing is known."""
    found = [record for record in records() if _repeats(record, question)]
    if found:
        return _contradicted(question, found)
    names = parse_question.in_words(question)
    told = names.model or names.family or names.gpu or names.instance_type or names.engines or any(one.flag for one in names.amounts)
    if not (told or any(unread.OWN_OR_API.search(one) for one in names.left)):
        raise InputError(
            f"not understood: {question[:80]!r} names no known model, GPU or instance type, and no known claim",
            hint="examples of questions: " + "; ".join(f'"{one}"' for one in EXAMPLES),
        )
    return _told(question, names)


def records() -> tuple[dict[str, Any], ...]:
    """The wrong claims of the facts."""
    return tuple(load("sizing")["claims"]["wrong"]["records"])


def contradiction(record: dict[str, Any]) -> tuple[str, ...]:
    """The sums of one claim, computed now."""
    return tuple(line for one in record["sums"] for line in answers.computed(one["sum"], **{k: v for k, v in one.items() if k != "sum"}))


def _repeats(record: dict[str, Any], question: str) -> bool:
    if not any(re.search(pattern, question.lower()) for pattern in record["asked"]):
        return False
    model = parse_question.model_in(question) if "about" in record else None
    return model is None or bool(re.search(record["about"], model.lower()))


def _contradicted(question: str, found: list[dict[str, Any]]) -> Answer:
    return Answer(
        question=question,
        understood="; ".join(f"claim {record['id']}" for record in found),
        wrong=True,
        claim="; ".join(record["claim"] for record in found),
        says=tuple(record["says"] for record in found),
        sum=tuple(line for record in found for line in contradiction(record)),
        sources=tuple(dict.fromkeys(record["source"] for record in found)),
        as_of=load("sizing")["claims"]["wrong"]["as_of"],
    )


def _told(question: str, names: Named) -> Answer:
    """The sums for what is named: a model on GPUs, a model alone, a GPU, an instance type; and what of the question they do not hold."""
    lines = tuple(_sums(names, asks_price=bool(PRICE.search(question.lower()))))
    return Answer(
        question=question, understood=names.says(), wrong=False, claim=None, says=(), sum=lines, sources=names.sources(),
        as_of=load("sizing")["claims"]["wrong"]["as_of"], verdict=_verdict(names, lines), unread=tuple(unread.notes(names)),
    )  # fmt: skip


def _sums(names: Named, *, asks_price: bool) -> Iterator[str]:
    tokens = names.tokens or answers.ORDINARY_CONTEXT
    if names.model and names.gpu:
        asked: dict[str, Any] = {"model": names.model, "weight_quant": names.weight_quant, "gpu": names.gpu, "tokens": tokens}
        yield from answers.fit(gpus=names.gpus, **asked) if names.counted else counts.fewest(**asked)
    for family in names.family:
        yield f"{family}: " + "; ".join(line.strip() for line in licence.short(licence.of_model(find_model(family))))
    if names.model:
        yield from _about_model(names, tokens)
    elif names.gpu:
        yield from answers.computed("memory_of_gpu", gpu=names.gpu)
        yield from answers.computed("arithmetic_of_gpu", gpu=names.gpu)
        yield from answers.computed("prices_of_gpu", gpu=names.gpu, region=names.region) if not names.instance_type else ()
    if names.gpu and names.counted and not names.instance_type and asks_price:
        yield from counts.sold(gpu=names.gpu, gpus=names.gpus, region=names.region)
    if names.instance_type:
        yield from answers.computed("prices_of_type", instance_type=names.instance_type, region=names.region)


def _about_model(names: Named, tokens: int) -> Iterator[str]:
    """Size, KV and licence of the model, and the cheapest instance type that starts it."""
    assert names.model is not None
    shape = find_model(names.model)
    sizes, bits = count(shape), bits_of(shape, names.weight_quant)
    yield (
        f"{shape.id}: {sizes.total / 1e9:.1f} B parameters, {sizes.active / 1e9:.1f} B used by a token, "
        f"{shape.max_positions:,} positions; {checkpoint_bytes(shape, bits) / 1e9:,.1f} GB in {bits.format}"
    )
    if shape.generates:
        if names.tokens or names.users:
            yield from counts.kv(model=shape.id, tokens=tokens, users=names.users)
        yield from answers.computed("cheapest", model=shape.id, weight_quant=names.weight_quant, tokens=tokens, region=names.region)
    yield from (line.strip() for line in licence.short(licence.of_model(shape)))


def _verdict(names: Named, lines: tuple[str, ...]) -> str | None:
    """Yes or no, where the question holds a model and what it should run on, or a length; else nothing is decided."""
    if names.model and names.tokens and (why := counts.beyond(model=names.model, tokens=names.tokens)):
        return f"No: {why}"
    if not (names.model and names.gpu and names.counted):
        return None
    where, short = f"on {names.gpus} x {names.gpu}", names.model.split("/")[-1]
    starts = any(line.startswith("starts:") for line in lines)
    return f"Yes: {short} starts {where}" if starts else f"No: {short} does not start {where}"
