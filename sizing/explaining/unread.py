"""What is left of a sentence when everything that is understood is taken out of it, and the command that reads it."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from functools import lru_cache

from inferstack.records.files.facts import load
from sizing.engines import table
from sizing.explaining.named import Named

OWN_OR_API = re.compile(
    r"self host(?:ing|ed|s)?|selfhost(?:ing|ed)?|(?<![a-z])apis?(?![a-z])|openai|anthropic|claude|gpt [345]|gemini|bedrock|groq"
    r"|break even|buy tokens|hosted|on prem|own hardware|dgx"
)


def phrases(words: str) -> tuple[str, ...]:
    """Runs of words that say something and that nobody read; `|` stands where something was."""
    return tuple(phrase for part in re.split(r"[^a-z0-9.$%'/ ]+", words) for phrase in _runs(part.split()))


def notes(names: Named) -> Iterator[str]:
    """One line for each thing of the question that the sums do not hold, with the command that reads it."""
    yield from _engines(names)
    flags = [one.flag for one in names.amounts if one.flag] + (
        [f"--max-model-len {names.tokens}"] if names.tokens and names.amounts else []
    )
    said = [f'"{one.text}"' for one in names.amounts if one.flag]
    if said:
        held = " and ".join(said) if len(said) < 3 else ", ".join(said)
        yield f"{held}: for a load and its targets use  inferstack plan {' '.join([*_asked(names), *flags])}"
    for one in names.amounts:
        if one.kind == "tokens_per_day":
            yield f"{one.text}: {one.value:,.0f} tokens a day; for the volume at which self-hosting pays use  {_compare(names, one.value)}"
        elif one.kind == "usd":
            yield f'not read: "{one.text}"; for costs over months and years compared with APIs use  {_compare(names, None)}'
        elif one.flag is None:
            yield f'not read: "{one.text}"'
    yield from (_another(names, other) for other in names.others)
    yield from _words(names)


def _words(names: Named) -> Iterator[str]:
    left = list(names.left)
    if any(OWN_OR_API.search(one) for one in left) and not any(one.kind in ("tokens_per_day", "usd") for one in names.amounts):
        yield f"for the cost of tokens by API and on your own hardware use  {_compare(names, None)}"
    left = [rest for one in left if (rest := " ".join(OWN_OR_API.sub("", one).split()))]
    if left:
        yield "not read: " + ", ".join(f'"{one}"' for one in left)


def _engines(names: Named) -> Iterator[str]:
    known = {record["name"]: record for record in load("sizing")["claims"]["engines"]["records"]}
    sized = list(dict.fromkeys(known[name]["sized"] for name in names.engines if known[name]["sized"]))
    for name in names.engines:
        if known[name].get("says"):
            yield f"{known[name]['says']} ({known[name]['source']})"
    asked = " ".join(_asked(names))
    yield from (f"{one}: for figures and flags use  inferstack plan {asked} --engine {one}" for one in sized if one in table.deployed())
    yield from (f"{one}: estimate with  python -m sizing.estimate; not deployed" for one in sized if one not in table.deployed())


def _asked(names: Named) -> Sequence[str]:
    found = ["--model", names.model.split("/")[-1] if names.model else "MODEL"]
    if names.weight_quant:
        found += ["--weight-quant", names.weight_quant]
    if names.instance_type:
        found += ["--instance-type", names.instance_type]
    elif names.gpu:
        found += ["--gpu", names.gpu]
    if names.region:
        found += ["--region", names.region]
    return found


def _another(names: Named, other: str) -> str:
    if "guard" in other.lower():
        return f"for {other} in addition use  inferstack plan {' '.join(_asked(names))} --guard {other}"
    return f'not read: "{other}", a second model: ask about it separately'


def _compare(names: Named, tokens_per_day: float | None) -> str:
    load = f" --tokens-per-day {tokens_per_day:.0f}" if tokens_per_day else ""
    return f"inferstack compare {' '.join(_asked(names))}{load}"


def _runs(words: list[str]) -> Iterator[str]:
    """Stretches between ordinary words, those words within kept where a stretch goes on behind them."""
    found: list[str] = []
    known = _without_a_fact()
    for word in (one.strip(".'/") for one in words):
        if word and word not in known:
            found.append(word)
        elif found:
            yield " ".join(found)
            found = []
    if found:
        yield " ".join(found)


@lru_cache(maxsize=1)
def _without_a_fact() -> frozenset[str]:
    listed = load("sizing")["claims"]["words"]
    return frozenset((*listed["ordinary"], *listed["topics"]))
