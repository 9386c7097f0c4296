"""inferstack.pricing.purchase.hosted: which model is sold where on a day, and what a mix of tokens costs."""

from __future__ import annotations

from datetime import date
from typing import Any

import pytest

from inferstack.pricing.purchase.hosted import offers, slugs_of, usd_per_mtok
from inferstack.records.files.facts import load

TODAY = date(2026, 11, 27)
FACTS: dict[str, Any] = load("pricing")["hosted_models"]


def keys() -> set[tuple[str, str]]:
    return {tuple(one["key"].split("/")[1:3]) for one in load("pricing")["hosted_tokens"]["records"]}  # type: ignore[misc]


def test_every_price_belongs_to_a_known_host_and_model() -> None:
    """A price that no checkpoint leads to would never be shown; a model without a price would be shown empty."""
    closed = {"openai", "anthropic", "google"}
    assert {host for host, _ in keys()} <= set(FACTS["hosts"])
    assert {name for host, name in keys() if host not in closed} == set(FACTS["models"])
    assert {(host, name) for host, names in FACTS["other"].items() for name in names} <= keys()


def test_every_price_has_input_and_output() -> None:
    """One without the other cannot be compared."""
    kinds: dict[str, set[str]] = {}
    for one in load("pricing")["hosted_tokens"]["records"]:
        kinds.setdefault(one["key"].rsplit("/", 1)[0], set()).add(one["key"].rsplit("/", 1)[1])
    assert [] == [name for name, found in kinds.items() if not {"input", "output"} <= found]


@pytest.mark.parametrize(("model", "slugs"), [
    ("meta-llama/Llama-3.3-70B-Instruct", ("llama-3.3-70b",)),
    ("RedHatAI/Llama-3.3-70B-Instruct-FP8-dynamic", ("llama-3.3-70b",)),
    ("nvidia/Llama-3.1-8B-Instruct-FP8", ("llama-3.1-8b",)),
    ("meta-llama/Llama-3.1-8B", ()),
    ("Qwen/Qwen3-235B-A22B-Instruct-2507", ("qwen3-235b-a22b-instruct-2507",)),
    ("someone/Llama-3.3-70B-Instruct-abliterated", ()),
])  # fmt: skip
def test_a_model_is_found_by_its_name_and_its_format_alone(model: str, slugs: tuple[str, ...]) -> None:
    """A base model, a fine-tune or a later version is another model."""
    assert slugs == slugs_of(model)


def test_retired_models_are_marked_and_not_current() -> None:
    """Together stopped Llama 3.3 70B on 2026-10-22: sold the day before, not that day."""

    def together(day: date) -> bool:
        return next(one.current for one in offers("meta-llama/Llama-3.3-70B-Instruct", day) if one.host == "Together")

    assert not together(TODAY) and not together(date(2026, 10, 22))
    found = offers("meta-llama/Llama-3.3-70B-Instruct", TODAY)
    assert {"Groq", "Together", "Cerebras"} == {one.host for one in found if one.same_model and not one.current}
    bedrock = next(one for one in found if one.host == "Bedrock")
    assert bedrock.current and date(2027, 3, 30) == bedrock.ends
    after = next(one for one in offers("meta-llama/Llama-3.3-70B-Instruct", date(2027, 3, 30)) if one.host == "Bedrock")
    assert not after.current


def test_other_models_come_last_and_say_that_they_are_others() -> None:
    """A closed model is an alternative, never the same."""
    found = offers("Qwen/Qwen3-32B", TODAY)
    assert sorted(found, key=lambda one: not one.same_model) == list(found)
    assert {"OpenAI", "Anthropic", "Google"} == {one.host for one in found if not one.same_model}
    assert [] == [one.model for one in found if not one.same_model and not one.current]


def test_the_newest_record_of_a_price_counts() -> None:
    """gpt-4o-mini got its end on 2026-11-27."""
    one = next(one for one in offers("x/y", TODAY) if one.model == "gpt-4o-mini")
    assert (date(2026, 11, 27), date(2027, 1, 14)) == (one.as_of, one.ends)


def test_a_mix_of_input_cached_and_output_tokens() -> None:
    """gpt-oss-120b at Groq: 0.15 in, 0.075 cached, 0.6 out; 80 % input of which a quarter is cached."""
    one = next(one for one in offers("openai/gpt-oss-120b", TODAY) if one.host == "Groq")
    assert pytest.approx(0.8 * (0.75 * 0.15 + 0.25 * 0.075) + 0.2 * 0.6) == usd_per_mtok(
        one, input_share=0.8, cached_share=0.25, batch=False
    )
    assert None is usd_per_mtok(one, input_share=0.8, cached_share=0.25, batch=True)


def test_batch_prices_count_where_they_are_known() -> None:
    """Bedrock's batch is half the price."""
    one = next(one for one in offers("meta-llama/Llama-3.3-70B-Instruct", TODAY) if one.host == "Bedrock")
    assert pytest.approx(0.36) == usd_per_mtok(one, input_share=0.5, cached_share=0, batch=True)
