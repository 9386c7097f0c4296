"""One table of a request's keys: a flag of `plan`, a line of request.yaml and a question of the estimate accept and refuse alike."""

from __future__ import annotations

import functools
import json
import math
import os
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any, Literal, get_args, get_origin
from unittest import mock

import pytest
import typer
from hypothesis import given, settings
from hypothesis import strategies as st
from pydantic.fields import FieldInfo

from inferstack.chain import planning
from inferstack.cli import request_flags
from inferstack.records import engines
from inferstack.records.errors import Finding, InputError
from inferstack.records.files import keys, plain_values
from inferstack.records.request import LOADS, NEEDS, GpuOverride, Request
from inferstack.verbs import plan
from sizing.batch import question
from sizing.batch.keys import QUESTION

MODEL = "Llama-3.1-8B-Instruct"
TABLE = {name: field for name, field in Request.model_fields.items() if name != "schema_version"}
COMPANIONS: dict[str, dict[str, Any]] = {
    **{name: {other: {"speculative_method": "draft", "lora_slots": 2, "images_per_request": 1}[other]} for name, other in NEEDS.items()},
    "images_per_request": {"image_tokens": 64},
}
"""What a key has no effect without."""
NAMES = {
    "model": MODEL,
    "weight_quant": "fp8",
    "gpu": "H100",
    "instance_type": "p5.48xlarge",
    "region": "eu-north-1",
    "image_pixels": "640x480",
}
ALIASES = {"kv_quant": ["fp16"], "engine": ["TRT-LLM", "llama-server"]}
NOT_FINITE = (math.nan, math.inf, -math.inf)
YAML = {"NaN": ".nan", "Infinity": ".inf"}
EXAMPLES = 25


class Accepted(Finding):
    """Stands for the planner: the request reached it."""


@pytest.fixture(scope="module", autouse=True)
def place(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """A folder without settings of anybody; the planner is not run."""
    folder = tmp_path_factory.mktemp("request")
    with pytest.MonkeyPatch.context() as patch:
        for name in list(os.environ):
            if name.startswith(("INFERSTACK_", "AWS_")):
                patch.delenv(name)
        patch.setenv("INFERSTACK_DIR", str(folder / "work"))
        patch.chdir(folder)
        patch.setattr(planning, "plan", mock.Mock(side_effect=Accepted("accepted")))
        yield folder


@functools.cache
def command() -> Any:
    """`plan` as the command line has it; building it anew for each call would take most of the time."""
    return typer.main.get_command(plan.app())


def said(arguments: list[str]) -> str | None:
    """What `inferstack plan` refuses with; None where the planner was reached."""
    try:
        with command().make_context("plan", arguments) as context:
            context.command.invoke(context)
    except Accepted:
        return None
    except InputError as error:
        return error.message
    raise AssertionError("neither planned nor refused")


def by_file(content: dict[str, Any]) -> str | None:
    lines = (f"{name}: {json.dumps(value)}\n" for name, value in content.items())
    Path("request.yaml").write_text(re.sub(r"\b(NaN|Infinity)\b", lambda found: YAML[found[0]], "".join(lines)), encoding="utf-8")
    told = said(["request.yaml"])
    return None if told is None else re.sub(r"^request\.yaml(:\d+)?: ", "", told)


def by_question(content: dict[str, Any]) -> str | None:
    """`isl`, `osl` and a GPU are the estimate's own to ask for."""
    line = {"isl": 10, "osl": 10, **({} if "instance_type" in content else {"gpu": "H100"}), **content}
    try:
        question.read_keys(json.loads(json.dumps(line)))
    except InputError as error:
        return error.message
    return None


def by_flags(content: dict[str, Any]) -> str | None:
    told = said([text for name, value in content.items() for text in _flag(name, value)])
    return None if told is None else re.sub(r"^command line: ", "", told)


def _flag(name: str, value: Any) -> list[str]:
    spelt = request_flags.spelling(name)
    if isinstance(value, bool) and not request_flags.FLAGS[name].metavar:
        return [spelt] if value else []
    values = value if isinstance(value, list) else [value]
    return [f"{spelt}={json.dumps(one) if isinstance(one, bool) else one}" for one in values]


def alike(name: str, value: Any) -> str | None:
    """What is said of the value of one key, which must be the same wherever the key may be given."""
    content = {**({} if name in ("model", "config") else {"model": MODEL}), name: value, **COMPANIONS.get(name, {})}
    heard = {"file": _sentence(name, by_file(content))}
    if name in QUESTION:
        heard["question"] = _sentence(name, by_question(content))
    if _is_sayable(name, value):
        heard["flag"] = _sentence(request_flags.spelling(name), by_flags(content))
    assert 1 == len(set(heard.values())), heard
    return heard["file"]


def _sentence(name: str, told: str | None) -> str | None:
    """Without the name of the place: the key, its item, the flag."""
    if told is None:
        return None
    found = re.fullmatch(re.escape(name) + r"(?:\.\w+)*: (.*)", told)
    assert found, f"{told!r} does not begin with {name}"
    return found[1]


def _is_sayable(name: str, value: Any) -> bool:
    """A flag says a text, a number or consent; `--config` names a file."""
    if name not in request_flags.FLAGS or name == "config":
        return False
    flag, items = request_flags.FLAGS[name], value if isinstance(value, list) else [value]
    if not flag.metavar:
        return value is True
    if isinstance(value, list) != bool(flag.name) or value == [] or any(isinstance(one, list | dict | None) for one in items):
        return False
    is_text = keys.allowed(TABLE[name]) in ("a list of texts",) or _kind(TABLE[name]) is str
    return all(isinstance(one, str) for one in items) if is_text else True


def _is_list(name: str) -> bool:
    """An item of a list has words of its own."""
    return get_origin(_kind(TABLE[name])) is tuple


def _kind(field: FieldInfo) -> Any:
    return next(one for one in plain_values.members(field.annotation) if one is not type(None))


def valid(name: str) -> st.SearchStrategy[Any]:
    field, kind = TABLE[name], _kind(TABLE[name])
    if get_origin(kind) is Literal:
        return st.sampled_from([*get_args(kind), *ALIASES.get(name, [])])
    if get_origin(kind) is tuple:
        item = get_args(kind)[0]
        values = st.sampled_from(get_args(item)) if get_origin(item) is Literal else st.sampled_from(["g6.xlarge", "p5.48xlarge"])
        return st.lists(values, min_size=1, max_size=2)
    if kind in (int, float):
        least, most = ends(field)
        number = st.integers(math.ceil(least), int(most)) if kind is int or most > 1 else st.floats(least, most)
        written = st.sampled_from([str, float]) if kind is float else st.sampled_from([str, int])
        return st.one_of(st.sampled_from([least, most]), number, st.builds(lambda one, as_: as_(one), number, written))
    if "engine" == name:
        return st.sampled_from([*engines.sized(), *ALIASES[name]])
    return {
        bool: st.booleans(),
        str: st.just(NAMES.get(name, "some-name")),
        GpuOverride: st.just({"memory_gib": 40}),
    }.get(kind, st.just({"architectures": ["LlamaForCausalLM"], "model_type": "llama"}))


def ends(field: FieldInfo) -> tuple[float, float]:
    """The least and the most of a number; a bound that is not itself allowed is left a little."""
    found = {type(one).__name__: one for one in field.metadata}
    least = found["Ge"].ge if "Ge" in found else found["Gt"].gt + 1e-3
    return least, found["Le"].le if "Le" in found else 1e6


def wrong(name: str) -> st.SearchStrategy[Any]:
    """Beyond the bounds, of another type, not finite, not plain."""
    field, kind = TABLE[name], _kind(TABLE[name])
    anything = st.sampled_from([[], [[]], {"a": 1}, True, 5, 0.5, *NOT_FINITE, "", "many", "0x10", "1_000", " 5", "1e999", "yes"])
    if kind not in (int, float):
        return anything
    found = {type(one).__name__: one for one in field.metadata}
    below = [found["Ge"].ge - 1e-7, found["Ge"].ge - 1] if "Ge" in found else [found["Gt"].gt, -1]
    above = [found["Le"].le * 1.001 + 1e-7, found["Le"].le + 1] if "Le" in found else []
    return st.one_of(st.sampled_from([*below, *above, -1e308, 1e308]), anything, st.integers(-(10**400), -(10**300)))


@pytest.mark.parametrize("name", TABLE)
@settings(max_examples=EXAMPLES)
@given(data=st.data())
def test_what_a_key_may_hold_is_accepted_everywhere(name: str, data: Any) -> None:
    """As a flag, in request.yaml and in a question of the estimate: at the bounds, in any spelling, and null where it is left out."""
    assert None is alike(name, data.draw(valid(name)))


@pytest.mark.parametrize("name", TABLE)
@settings(max_examples=EXAMPLES)
@given(data=st.data())
def test_what_a_key_may_not_hold_is_refused_everywhere_in_the_same_words(name: str, data: Any) -> None:
    """But for the name of the place. The words are those of the table, which the reference shows too."""
    value = data.draw(wrong(name))
    told = alike(name, value)
    if told is not None and told.startswith("must be") and not (isinstance(value, list) and _is_list(name)):
        assert told.startswith(f"must be {keys.allowed(TABLE[name])}")


@pytest.mark.parametrize(("name", "value"), [("isl", 0.5), ("osl", 0.01), ("kv_quant", "fp16")])
def test_what_the_estimate_took_alone_a_plan_takes_too(name: str, value: Any) -> None:
    """Fractions of a token in a mean, and sixteen bits by either name."""
    assert None is alike(name, value)


@pytest.mark.parametrize("name", QUESTION)
def test_null_says_that_a_key_is_left_out(name: str) -> None:
    """In a file and in a question, whatever the key's default is."""
    content = {"model": None, "config": {"model_type": "llama"}} if name == "model" else {"model": MODEL, name: None}
    assert None is by_file(content)
    lacking = {"isl": "isl and osl are needed", "osl": "isl and osl are needed"}
    assert (by_question(content) or "").startswith(lacking.get(name, ""))


@st.composite
def combinations(draw: Any) -> dict[str, Any]:
    """Keys that may not stand together, or not alone, and are right each for itself."""
    loads = {"concurrency": 4, "request_rate": 2.5, "tokens_per_s": 900, "users": 7, "tokens_per_day": 10**6}
    half = {"speculative_tokens": 3, "acceptance_rate": 0.5, "speculative_model": "a/b", "lora_rank": 8, "lora_modules": ["q_proj"],
            "image_tokens": 9, "image_pixels": "10x10"}  # fmt: skip
    assert loads.keys() == set(LOADS) and half.keys() == NEEDS.keys()
    return draw(
        st.one_of(
            st.lists(st.sampled_from(sorted(loads)), min_size=2, unique=True).map(lambda names: {one: loads[one] for one in names}),
            st.sampled_from(sorted(half)).map(lambda name: {name: half[name]}),
            st.sampled_from(["mtp", "ngram"]).map(lambda method: {"speculative_method": method, "speculative_model": "a/b"}),
            st.just({"images_per_request": 2}),
            st.just({"images_per_request": 2, "image_tokens": 9, "image_pixels": "10x10"}),
            st.just({"weight_quant": "fp8", "any_quant": 4}),
            st.just({"model": None}),
        )
    )


@given(combinations())
def test_what_does_not_go_together_is_refused_everywhere_in_the_same_words(content: dict[str, Any]) -> None:
    """Two loads, half a speculation, half an image, a format that is fixed and open, no model."""
    whole = {"model": MODEL, **content}
    told = by_file(whole)
    assert told is not None
    if whole.keys() <= QUESTION.keys():
        assert told == by_question(whole)
    if whole["model"] is not None:  # without one the command line says how to name one
        assert told == by_flags(whole)


def test_a_model_and_a_config_are_one_too_many() -> None:
    """A flag replaces the other of a file, so only one place can say both."""
    whole = {"model": MODEL, "config": {"model_type": "llama"}}
    assert "give exactly one of model and config" == by_file(whole) == by_question(whole)


def test_every_key_says_what_it_is_and_what_it_may_hold() -> None:
    """The help, the reference and the refusals are made of it."""
    assert [] == [name for name, field in TABLE.items() if not field.description or not keys.allowed(field)]
