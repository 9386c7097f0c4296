"""sizing.explaining.amounts: an amount is what its unit says; no other reading takes it too."""

from __future__ import annotations

import pytest

from sizing.explaining import amounts


def read(words: str) -> list[tuple[str, float]]:
    return [(one.kind, pytest.approx(one.value)) for one in amounts.find(words)]


@pytest.mark.parametrize(
    ("words", "expected"),
    [
        ("1m tokens a day", [("tokens_per_day", 1e6)]),
        ("1,000,000 tokens daily", [("tokens_per_day", 1e6)]),
        ("2 million tokens per month", [("tokens_per_day", 2e6 * 24 / 730)]),
        ("10b tokens a year", [("tokens_per_day", 1e10 / 365)]),
        ("500 tokens per second", [("tokens_per_s", 500)]),
        ("30 tokens/s per user", [("itl_ms", 1000 / 30)]),
        ("20 requests per second", [("request_rate", 20)]),
        ("1200 requests a minute", [("request_rate", 20)]),
        ("3 rps", [("request_rate", 3)]),
        ("50 concurrent users", [("users", 50)]),
        ("a dozen people", [("users", 12)]),
        ("64 concurrent requests", [("concurrency", 64)]),
        ("batch of 32", [("concurrency", 32)]),
        ("$7 an hour", [("usd_per_hour", 7)]),
        ("$7,300 a month", [("usd_per_hour", 10)]),
        ("400 dollars", [("usd", 400)]),
        ("$400k", [("usd", 400_000)]),
        ("first token within 500 ms", [("ttft_ms", 500)]),
        ("ttft 1.5 s", [("ttft_ms", 1500)]),
        ("itl under 40 ms", [("itl_ms", 40)]),
        ("2000 tokens in and 400 out", [("isl", 2000), ("osl", 400)]),
        ("prompts of 4k tokens", [("isl", 4000)]),
        ("32k context", [("context", 32_000)]),
        ("10 m tokens of context", [("context", 1e7)]),
        ("context window of 65536", [("context", 65_536)]),
        ("at 128k", [("context", 128_000)]),
        ("24 gb", [("memory_gb", 24)]),
        ("80 % of it", [("share", 80)]),
        ("32k context and 20 users at 3 rps", [("context", 32_000), ("users", 20), ("request_rate", 3)]),
        ("q4_k_m of 8b in fp8 on h100", []),
    ],
)
def test_an_amount_is_read_by_its_unit(words: str, expected: list[tuple[str, float]]) -> None:
    """A day, a month, money, users, rates and lengths each are their own kind; what has none of the units is no amount."""
    assert expected == read(words)


@pytest.mark.parametrize(
    ("words", "flag"),
    [
        ("1m tokens a day", "--tokens-per-day 1000000"),
        ("50 users", "--users 50"),
        ("1200 requests a minute", "--request-rate 20"),
        ("$7,300 a month", "--max-usd-per-hour 10"),
        ("ttft 1s", "--ttft-ms 1000"),
        ("24 gb", None),
        ("$400k", None),
    ],
)
def test_an_amount_names_the_flag_that_reads_it(words: str, flag: str | None) -> None:
    """Each flag is one of `plan`."""
    from inferstack.records.request import Request

    (one,) = amounts.find(words)
    assert flag == one.flag
    assert flag is None or flag.split()[0].removeprefix("--").replace("-", "_") in Request.model_fields
