"""What the choice of a layout by prediction loses."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Sequence
from dataclasses import replace

import pytest

from tools.calibration import layouts
from tools.calibration.layouts import Choice
from tools.calibration.predict import kind
from tools.calibration.splits import GROUPED, PARTS, HeldOut
from tools.calibration.table import Entry


def held(entry: Entry, *, measured: float, predicted: float, plain: float = 1.0) -> HeldOut:
    return HeldOut(entry, GROUPED, measured, plain, predicted, saturated=False, known=True)


def of_version(every: Sequence[Entry], version: str) -> list[Entry]:
    """TP1, TP2, TP4 and TP8 of one 70B question on H200, as if another version had been asked."""
    asked = {"engine_version": "0.14", "model": "meta-llama/Llama-3.1-70B-Instruct", "gpu": "H200-SXM-141", "isl": 500, "osl": 2000}
    found = {entry.gpus: entry for entry in every if entry.sample.file == "trtllm" and asked.items() <= entry.sample.question.items()}
    assert [1, 2, 4, 8] == sorted(found)
    samples = {gpus: replace(entry.sample, question=entry.sample.question | {"engine_version": version}) for gpus, entry in found.items()}
    return [replace(found[gpus], sample=samples[gpus]) for gpus in sorted(found)]


@pytest.fixture
def pages(every: list[Entry]) -> Callable[..., list[HeldOut]]:
    """Rates of one GPU -> predictions under one version."""

    def made(*, version: str = "0.14", measured: Sequence[float], predicted: Sequence[float]) -> list[HeldOut]:
        rows = zip(of_version(every, version), measured, predicted, strict=True)
        return [held(entry, measured=m * entry.gpus, predicted=p * entry.gpus, plain=p * entry.gpus) for entry, m, p in rows]

    return made


def only(found: list[Choice]) -> Choice:
    assert 1 == len(found)
    return found[0]


def test_all_layouts_of_a_choice_are_predicted_by_one_model(every: list[Entry]) -> None:
    """For choices and where a family is left out no choice is torn apart, whatever the version; by the plain halves most are."""
    parts: dict[str, dict[str, set[object]]] = {split: defaultdict(set) for split in PARTS}
    names: dict[str, set[str]] = defaultdict(set)
    for entry in every:
        names[entry.choice].add(layouts.layout(entry))
        for split, part in PARTS.items():
            parts[split][entry.choice].add(part(entry))
    several = [choice for choice, found in names.items() if len(found) > 1]
    assert 300 < len(several)
    for split in (GROUPED, "gpu", "family"):
        assert {1} == {len(parts[split][choice]) for choice in several}
    assert len(several) / 2 < sum(len(parts["half"][choice]) == 2 for choice in several)
    sides = [next(iter(parts[GROUPED][choice])) for choice in several]
    assert 0.4 < sum(side == 1 for side in sides) / len(sides) < 0.6


def test_regret_is_what_the_chosen_layout_lacks_to_the_best_in_tokens_of_one_gpu(pages: Callable[..., list[HeldOut]]) -> None:
    """1 - measured(chosen) / measured(best), not the error of the prediction."""
    choice = only(layouts.choices(pages(measured=[80, 100, 90, 50], predicted=[300, 200, 100, 50])))
    assert ["TP1", "TP2", "TP4", "TP8"] == [one.name for one in choice.options]
    assert ("TP1", "TP2") == (choice.chosen(layouts.by_prediction).name, choice.best.name)
    assert 0.2 == pytest.approx(choice.regret(layouts.by_prediction))
    assert 0.5 == pytest.approx(choice.regret(layouts.by_most_gpus))
    assert (0.2 + 0 + 0.1 + 0.5) / 4 == pytest.approx(choice.random_regret)


def test_a_wrong_level_with_the_right_rank_loses_nothing(pages: Callable[..., list[HeldOut]]) -> None:
    """Predictions half of what was measured choose as well as perfect ones."""
    choice = only(layouts.choices(pages(measured=[80, 100, 90, 50], predicted=[40, 50, 45, 25])))
    assert 0 == choice.regret(layouts.by_prediction)


def test_a_tie_goes_to_the_fewest_gpus(pages: Callable[..., list[HeldOut]]) -> None:
    """Within the share asked for."""
    choice = only(layouts.choices(pages(measured=[80, 100, 90, 50], predicted=[98.5, 99.5, 100, 50])))
    assert ["TP1", "TP2", "TP4"] == [choice.fewest_within(share).name for share in (0.02, 0.01, 0.0)]


def test_an_adjacent_version_judges_the_layouts_that_both_measured(pages: Callable[..., list[HeldOut]]) -> None:
    """0.14 would take TP2 on 0.15, 10 % behind TP1; 0.15 would take TP1 on 0.14, 20 % behind; TP8, measured once, is no option."""
    older = pages(measured=[80, 100, 90, 200], predicted=[80, 100, 90, 50])[:4]
    newer = pages(version="0.15", measured=[100, 90, 80, 70], predicted=[1, 2, 3, 4])[:3]
    judged = layouts.by_neighbouring_version(layouts.choices([*newer, *older]))
    lost = {choice.entry.sample.question["engine_version"]: value for choice, value in judged}
    assert {"0.14": pytest.approx(0.2), "0.15": pytest.approx(0.1)} == lost
    assert {3} == {len(choice.options) for choice, _ in judged}


def test_a_closed_loop_is_ranked_by_the_whole_answer(every: list[Entry]) -> None:
    """Tokens/s are requests in flight x answer / (TTFT + ITL x (answer - 1)), of one GPU; without a TTFT there is no choice."""
    rows = closed_pair(every)
    found = [held(entry, measured=10.0 if kind(entry)[1] == "itl_ms" else 1000.0, predicted=1.0) for entry in rows]
    choice = only(layouts.choices(found))
    for option in choice.options:
        osl, flight = option.entry.traffic.osl, option.entry.sample.question["concurrency"]
        assert flight * osl / (1.0 + 0.01 * (osl - 1)) / option.entry.gpus == pytest.approx(option.measured)
    assert 1 == len({option.entry.sample.question["concurrency"] / option.entry.gpus for option in choice.options})
    assert [] == layouts.choices([one for one in found if kind(one.entry)[1] == "itl_ms"])


def closed_pair(every: Sequence[Entry]) -> list[Entry]:
    """The first two sizes of one closed loop, TTFT and ITL of both."""
    found: dict[tuple[str, str], dict[int, dict[str, Entry]]] = defaultdict(lambda: defaultdict(dict))
    for entry in every:
        if entry.sample.file == "inferencex" and not entry.sample.unfit and "engine_version" in entry.sample.question:
            key = (entry.choice, entry.sample.question["engine_version"])
            found[key][entry.gpus].setdefault(kind(entry)[1], entry)
    for sizes in found.values():
        whole = [of for of in sizes.values() if {"itl_ms", "ttft_ms"} <= of.keys()]
        if len(whole) > 1:
            return [entry for of in whole[:2] for entry in of.values()]
    raise AssertionError("no closed loop was measured on two sizes")


def test_repeated_runs_count_once(pages: Callable[..., list[HeldOut]]) -> None:
    """As their geometric mean."""
    rows = pages(measured=[40, 100, 90, 50], predicted=[1, 2, 3, 4])
    again = replace(rows[0], measured=rows[0].measured * 4)
    first = only(layouts.choices([*rows, again])).options[0]
    assert 80 == pytest.approx(first.measured)
