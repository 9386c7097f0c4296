"""sizing.simulation.arrivals and sizing.simulation.lengths: what is drawn has the mean and the spread that it says; what is read is
checked line by line."""

from __future__ import annotations

import itertools
import random
from pathlib import Path
from statistics import fmean, pstdev

import pytest
from hypothesis import given
from hypothesis import strategies as st

from inferstack.records.errors import InputError
from sizing.simulation.arrivals import Arrivals, parse, requests, times
from sizing.simulation.lengths import Lengths
from sizing.simulation.sequence import Ask


@pytest.mark.parametrize(("text", "burstiness"), [("poisson", 1.0), ("gamma:0.25", 0.25), ("gamma:4", 4.0)])
def test_gaps_have_the_rate_and_the_burstiness(text: str, burstiness: float) -> None:
    """Mean 1 / rate, coefficient of variation 1 / sqrt(burstiness), as the engines' own load generators define it."""
    found = times(parse(text), 5.0, count=20_000, rng=random.Random(1))
    gaps = [after - before for before, after in itertools.pairwise([0.0, *found])]
    assert 0.2 == pytest.approx(fmean(gaps), rel=0.05)
    assert burstiness**-0.5 == pytest.approx(pstdev(gaps) / fmean(gaps), rel=0.05)


@given(kind=st.sampled_from(["poisson", "gamma:0.3"]), rate=st.floats(0.01, 1000), count=st.integers(1, 50), seed=st.integers(0, 99))
def test_the_same_seed_draws_the_same(kind: str, rate: float, count: int, seed: int) -> None:
    """Ascending, and at the rate that was asked for."""
    once, again = (times(parse(kind), rate, count=count, rng=random.Random(seed)) for _ in range(2))
    assert once == again == sorted(once)
    assert count / rate == pytest.approx(once[-1])


@pytest.mark.parametrize("text", ["", "uniform", "gamma", "gamma:", "gamma:x", "gamma:0", "gamma:nan", "gamma:-1", "poisson:3", "trace:"])
def test_arrivals_that_are_none_are_refused(text: str) -> None:
    with pytest.raises(InputError, match="--arrivals"):
        parse(text)


def test_lengths_have_the_mean_and_the_spread() -> None:
    """Log-normal; prompts and answers apart; the hit rate of each prompt."""
    rng = random.Random(3)
    drawn = [Lengths(1000, 200, 0.5, 0.4).draw(rng) for _ in range(20_000)]
    for mean, values in ((1000, [one[0] for one in drawn]), (200, [one[1] for one in drawn])):
        assert mean == pytest.approx(fmean(values), rel=0.02)
        assert 0.5 == pytest.approx(pstdev(values) / fmean(values), rel=0.05)
    assert all(int(prompt * 0.4) == cached for prompt, _, cached in drawn)
    assert (1000, 200, 0) == Lengths(1000, 200).draw(rng)


def test_a_file_of_requests_is_read_in_the_order_of_time(tmp_path: Path) -> None:
    file = tmp_path / "requests.jsonl"
    file.write_text(
        '{"arrival_s": 2, "input_tokens": 10, "output_tokens": 5}\n\n'
        '{"arrival_s": 0.5, "input_tokens": 20, "output_tokens": 1, "prefix": 16}\n'
    )
    assert [Ask(0.5, 20, 1, 16), Ask(2.0, 10, 5, 0)] == requests(file)


@pytest.mark.parametrize(
    ("line", "says"),
    [
        ("[]", "not a JSON object"),
        ("{", "not JSON"),
        ('{"input_tokens": 1, "output_tokens": 1}', "arrival_s"),
        ('{"arrival_s": -1, "input_tokens": 1, "output_tokens": 1}', "arrival_s"),
        ('{"arrival_s": true, "input_tokens": 1, "output_tokens": 1}', "arrival_s"),
        ('{"arrival_s": 0, "input_tokens": 0, "output_tokens": 1}', "input_tokens"),
        ('{"arrival_s": 0, "input_tokens": 1.5, "output_tokens": 1}', "input_tokens"),
        ('{"arrival_s": 0, "input_tokens": 1}', "output_tokens"),
        ('{"arrival_s": 0, "input_tokens": 1, "output_tokens": 1, "prefix": 2}', "prefix"),
        ('{"arrival_s": 0, "input_tokens": 1, "output_tokens": 1, "user": "x"}', "user: unknown field"),
    ],
)
def test_a_wrong_line_is_named_with_file_line_and_field(line: str, says: str, tmp_path: Path) -> None:
    file = tmp_path / "requests.jsonl"
    file.write_text('{"arrival_s": 0, "input_tokens": 1, "output_tokens": 1}\n' + line + "\n")
    with pytest.raises(InputError, match=f"requests.jsonl:2: .*{says}"):
        requests(file)


def test_an_empty_or_missing_file_is_refused(tmp_path: Path) -> None:
    (tmp_path / "empty.jsonl").write_text("\n")
    for name in ("empty.jsonl", "none.jsonl"):
        with pytest.raises(InputError, match=name):
            requests(tmp_path / name)


def test_a_trace_is_numbers_or_objects(tmp_path: Path) -> None:
    """Of requests.jsonl the arrivals alone may be taken."""
    file = tmp_path / "trace.txt"
    file.write_text('3\n1.5\n{"arrival_s": 2, "input_tokens": 7}\n')
    assert [1.5, 2.0] == times(Arrivals("trace", trace=file), 1.0, count=2, rng=random.Random(0))
    file.write_text("1\nsoon\n")
    with pytest.raises(InputError, match=r"trace\.txt:2"):
        times(parse(f"trace:{file}"), 1.0, count=9, rng=random.Random(0))
