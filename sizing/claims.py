"""Questions in words: a wrong claim is contradicted with source and sum; a model, GPU or instance type that is named is told about."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Any

from records.errors import InputError
from records.facts import load
from sizing import named, sums
from sizing.named import Named

EXAMPLES = (
    "does Llama 4 Scout in Q4 fit on one RTX 4090?",
    "Llama-3.3-70B-Instruct fp8 on 2 x H100",
    "what does p5.48xlarge cost?",
    "10 M tokens of context on Scout",
)


@dataclass(frozen=True, slots=True)
class Answer:
    """`understood` is how the question was taken; `wrong` whether it holds a claim that is not true; `claim` is that claim."""

    question: str
    understood: str
    wrong: bool
    claim: str | None
    says: tuple[str, ...]
    sum: tuple[str, ...]
    sources: tuple[str, ...]
    as_of: str


def answer(question: str) -> Answer:
    """Raises InputError, with what can be asked, for a question in which nothing is known."""
    found = [record for record in records() if _repeats(record, question)]
    if found:
        return _contradicted(question, found)
    names = named.in_words(question)
    if not (names.model or names.gpu or names.instance_type):
        raise InputError(
            f"not understood: {question[:80]!r} names no model, GPU or instance type of the facts, and no claim that is known",
            hint="it understands for example: " + "; ".join(f'"{one}"' for one in EXAMPLES),
        )
    return _told(question, names)


def records() -> tuple[dict[str, Any], ...]:
    """The wrong claims of the facts."""
    return tuple(load("sizing")["claims"]["wrong"]["records"])


def contradiction(record: dict[str, Any]) -> tuple[str, ...]:
    """The sums of one claim, computed now."""
    return tuple(line for one in record["sums"] for line in sums.computed(one["sum"], **{k: v for k, v in one.items() if k != "sum"}))


def _repeats(record: dict[str, Any], question: str) -> bool:
    if not any(re.search(pattern, question.lower()) for pattern in record["asked"]):
        return False
    model = named.model_in(question) if "about" in record else None
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
    """The sums for what is named: a model on GPUs, a model alone, a GPU, an instance type."""
    lines: list[str] = []
    if names.model and names.gpu:
        lines += sums.computed(
            "fit", model=names.model, weight_quant=names.weight_quant, gpu=names.gpu, gpus=names.gpus,
            tokens=names.tokens or sums.ORDINARY_CONTEXT,
        )  # fmt: skip
    if names.model:
        lines += named.about_model(names)
    elif names.gpu:
        lines += [*sums.computed("memory_of_gpu", gpu=names.gpu), *sums.computed("arithmetic_of_gpu", gpu=names.gpu)]
        lines += sums.computed("prices_of_gpu", gpu=names.gpu) if not names.instance_type else ()
    if names.instance_type:
        lines += sums.computed("prices_of_type", instance_type=names.instance_type)
    return Answer(
        question=question, understood=names.says(), wrong=False, claim=None, says=(), sum=tuple(lines), sources=names.sources(),
        as_of=load("sizing")["claims"]["wrong"]["as_of"],
    )  # fmt: skip
