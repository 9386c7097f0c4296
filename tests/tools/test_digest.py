"""`make digest`: every part has its line, a figure that changes changes its line alone, and nothing but the product decides a line."""

from __future__ import annotations

import json
import math
import os
import re
import shutil
import subprocess
import sys
from functools import cache, partial
from itertools import islice
from pathlib import Path
from typing import Any

import pytest

from inferstack.records.files import facts
from inferstack.records.files.registry import RECORDS
from inferstack.records.request import LOADS, SPECIAL
from sizing import catalog, estimate
from tools import digest, digest_parts, write_bills, write_reference
from tools.digest_parts import DigestPart

BEFORE_PAGES = ["plans of the examples", "plans of requests", "refusals of requests", "estimates", "bills", "sentences", "schemas"]
CHEAP = [*BEFORE_PAGES, "page reference/exit-codes.md"]
FEW = 2


@cache
def parts() -> dict[str, DigestPart]:
    return {part.name: part for part in digest_parts.parts()}


@cache
def few() -> tuple[DigestPart, ...]:
    """Of each part the first texts, made once."""
    return tuple(fixed(name, {one: text() for one, text in islice(parts()[name].texts().items(), FEW)}) for name in CHEAP)


def fixed(name: str, texts: dict[str, str]) -> DigestPart:
    return DigestPart(name, lambda: {one: partial(str, text) for one, text in texts.items()})


def lines(some: tuple[DigestPart, ...]) -> list[str]:
    return digest.lines(digest.digests(some))


def differing(some: tuple[DigestPart, ...], others: tuple[DigestPart, ...]) -> list[str]:
    """Names of the parts whose lines differ."""
    names = [*(part.name for part in some), "total"]
    return [name for name, left, right in zip(names, lines(some), lines(others), strict=True) if left != right]


def test_the_parts_are_these_in_this_order() -> None:
    """A part that is left out would be a part that a move may break."""
    pages = [f"page {name}" for name in write_reference.PAGES]
    assert [*BEFORE_PAGES, "policies", *pages] == list(parts())


def test_each_part_has_as_many_texts_as_it_needs() -> None:
    """Counted without making them."""
    count = {name: len(part.texts()) for name, part in parts().items()}
    assert count["plans of the examples"] == len(list(digest_parts.ROOT.glob("examples/*/request.yaml"))) > 0
    assert count["plans of requests"] >= 60
    assert count["refusals of requests"] >= 20
    assert 2000 == count["estimates"]
    assert count["bills"] == len(write_bills.FORMS) * len(write_bills.cases()) > 0
    assert count["sentences"] >= 40
    assert len(RECORDS) == count["schemas"]
    assert 4 == count["policies"]


def test_the_requests_span_models_engines_loads_and_special_loads() -> None:
    """Every architecture of the catalogue that writes text, every engine, every load and key of a special load."""
    asked = digest_parts.requests("plans")
    shapes = [catalog.find_model(one["model"]) for one in asked.values() if "model" in one]
    assert set() == {one.architecture for one in catalog.models() if one.generates} - {one.architecture for one in shapes}
    every = [*asked.values(), *digest_parts.requests("refused").values()]
    engines = {"vllm", "tensorrt-llm", "sglang", "llama.cpp", "ollama"}
    assert set() == engines - {one.get("engine") for one in every}
    assert set() == {*LOADS, *SPECIAL, "guards", "split", "max_usd_per_hour", "ttft_p99_ms", "n_plus_1"} - set().union(*asked.values())
    assert any(not set(LOADS) & set(one) for one in asked.values()), "offline"


def test_the_questions_are_of_every_file_and_engine() -> None:
    """Taken evenly, each once."""
    asked = digest_parts.questions()
    assert {"trtllm", "inferencex", "simtoreal", "accelmark", "gpustack", "vllm", "other"} == {name.split(":")[0] for name in asked}
    assert {"vllm", "tensorrt-llm", "sglang", "llama.cpp"} <= {one.get("engine", "vllm") for one in asked.values()}
    without = {json.dumps({key: value for key, value in one.items() if key != "id"}, sort_keys=True) for one in asked.values()}
    assert len(asked) == len(without)


def test_a_refusal_is_told_with_its_type() -> None:
    """Each request of `refused` is; so are some of the sentences."""
    told = [text() for text in parts()["refusals of requests"].texts().values()]
    refusal = re.compile(r"(\w+), exit code [12]\n\S")
    assert {"Finding", "InputError", "OverBudget"} == {found[1] for text in told if (found := refusal.match(text))}
    assert [] == [text for text in told if not refusal.match(text)]
    assert "InputError, exit code 2\nnot understood" in parts()["sentences"].texts()["what is love"]()


@pytest.mark.parametrize("at", range(len(CHEAP)), ids=CHEAP)
def test_one_figure_changes_the_line_of_its_part_alone(at: int) -> None:
    """One digit of one text; the line of the whole follows."""
    part = few()[at]
    texts = {name: text() for name, text in part.texts().items()}
    name = next(name for name, text in texts.items() if re.search(r"\d", text))
    other = re.sub(r"\d", lambda digit: str((int(digit[0]) + 1) % 10), texts[name], count=1)
    planted = fixed(part.name, {**texts, name: other})
    assert [part.name, "total"] == differing(few(), (*few()[:at], planted, *few()[at + 1 :]))


def test_a_figure_of_the_product_counts_to_its_last_digit(monkeypatch: pytest.MonkeyPatch) -> None:
    """The next float after one latency is another digest."""
    real = estimate.answer

    def moved(question: dict[str, Any]) -> dict[str, Any]:
        found = real(question)
        return found | {"ttft_ms": math.nextafter(found["ttft_ms"], math.inf)} if "ttft_ms" in found else found

    some = (DigestPart("estimates", lambda: dict(islice(parts()["estimates"].texts().items(), 20))),)
    before = lines(some)
    monkeypatch.setattr(estimate, "answer", moved)
    assert before[0] != lines(some)[0]


def test_another_process_and_folder_give_the_same_lines(tmp_path: Path) -> None:
    """Whatever the order of hashes, the home, the width of the terminal and the folder in which the command stands."""
    some = ["plans of the examples", "refusals of requests", "bills", "page reference/command-line.md", "page reference/settings.md"]
    command = [sys.executable, str(digest.ROOT / "tools" / "digest.py"), *(word for one in some for word in ("--only", one))]
    printed = set()
    for seed, width in (("1", "40"), ("2", "200")):
        mine = {"PYTHONHASHSEED": seed, "COLUMNS": width, "HOME": str(tmp_path), "INFERSTACK_DIR": str(tmp_path / seed)}
        environment = {**os.environ, **mine}
        printed.add(subprocess.run(command, cwd=tmp_path, env=environment, capture_output=True, text=True, check=True).stdout)
    assert 1 == len(printed)
    assert [*some, "total"] == [re.split(r"  +", line)[0] for line in printed.pop().splitlines()]


def test_a_checkout_is_held_against_another(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """By that one's own modules and facts, which a fresh checkout has not compiled yet; a price that is another there is seen."""
    there, texts = tmp_path / "there", tmp_path / "texts"
    left_out = shutil.ignore_patterns(".*", "tests", "__pycache__", "node_modules", "measured", "facts.json")
    shutil.copytree(digest.ROOT, there, ignore=left_out)
    shutil.copytree(digest.ROOT / "tools" / "calibration" / "measured", there / "tools" / "calibration" / "measured")
    storage = there / "inferstack" / "pricing" / "facts" / "storage.yaml"
    content = storage.read_text(encoding="utf-8")
    storage.write_text(re.sub(r"(\{[^{}]*gp3[^{}]*usd: 0\.0)8", r"\g<1>9", content), encoding="utf-8")
    assert content != storage.read_text(encoding="utf-8")
    assert 1 == digest.main(["--against", str(there), "--only", "bills", "--only", "schemas", "--write", str(texts)])
    shown = capsys.readouterr().out.splitlines()
    told = {line.split("  ")[0]: line.split()[-1] for line in shown if not line.startswith(" ")}
    assert {"bills": "DIFFERS", "schemas": "same", "total": "DIFFERS"} == told
    assert any(line.startswith("    ") and "/bill." in line for line in shown)
    assert all(facts.compiled_path(package, root=there).exists() for package in facts.PACKAGES)
    assert (texts / "here" / "bills.txt").read_text() != (texts / "there" / "bills.txt").read_text()
    assert (texts / "here" / "schemas.txt").read_text() == (texts / "there" / "schemas.txt").read_text()


def test_a_part_that_only_one_has_differs() -> None:
    """New or gone, it is no match; a part that both have alike is."""
    both = {"bills": {"a": "1" * 64}}
    shown, same = digest.compared(both, both)
    assert same
    assert ["same", "same"] == [line.split()[-1] for line in shown]
    shown, same = digest.compared(both, {**both, "sentences": {"b": "2" * 64}})
    assert not same
    assert ["same", "DIFFERS", "DIFFERS"] == [line.split()[-1] for line in shown]


def test_a_folder_that_is_no_checkout_is_refused(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """Before anything is made, with exit code 2."""
    with pytest.raises(SystemExit) as ended:
        digest.main(["--against", str(tmp_path)])
    assert 2 == ended.value.code
    assert "no checkout" in capsys.readouterr().err


def test_a_pattern_that_no_part_matches_is_refused(capsys: pytest.CaptureFixture[str]) -> None:
    """Nothing compared would be nothing that differs."""
    assert 2 == digest.main(["--only", "plan"])
    assert "no part is called plan" in capsys.readouterr().err
