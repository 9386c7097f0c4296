"""tools.calibration.load_times: the facts hold what the rows give."""

from __future__ import annotations

import pytest

from inferstack.records.files.facts import ROOT, load
from tools.calibration import load_times

ROWS = load_times.read()


def test_the_facts_hold_what_the_rows_give() -> None:
    """Every figure, to the last digit, and no other."""
    assert load_times.derived(ROWS) == load("sizing")["calibration"]["loading"]["measured"]


def test_a_row_more_changes_what_is_derived() -> None:
    """The figures come from the rows: a hundred slow starts move the median."""
    slow = [{**row, "value": "500"} for row in ROWS if row["metric"] == "engine_start_s" and row["engine"] == "vLLM"]
    found = load_times.derived([*ROWS, *slow])["vllm_start_s"]
    assert found["n"] == 2 * load_times.derived(ROWS)["vllm_start_s"]["n"]
    assert found["high"] == 500


def test_a_rate_is_checkpoint_bytes_over_seconds() -> None:
    """Qwen2.5 72B: 145.4 GB in 69.5 s from the hub."""
    assert 145.41 / 69.52 == pytest.approx(load_times.derived(ROWS)["hub_download_gb_per_s"]["median"], rel=0.005)


def test_the_comparison_ends_well_when_they_agree(capsys: pytest.CaptureFixture[str]) -> None:
    """One line a figure."""
    assert 0 == load_times.main()
    assert len(load_times.FIGURES) == len(capsys.readouterr().out.splitlines())


def test_the_page_on_time_to_ready_prints_these_figures() -> None:
    """A figure in the documentation is one that was derived."""
    page = (ROOT / "docs" / "explanation" / "time-to-ready.md").read_text(encoding="utf-8")
    rows = [[cell.strip() for cell in line.strip("| ").split("|")][1:] for line in page.splitlines() if line.startswith("|")][2:]
    known = [[f"{one['median']:g}", f"{one['low']:g} to {one['high']:g}", str(one["n"])] for one in load_times.derived(ROWS).values()]
    assert rows
    assert not [row for row in rows if row not in known]
