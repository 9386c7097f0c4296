"""The changelog keeps to the form of Keep a Changelog, and begins with the first release."""

from __future__ import annotations

import re
from datetime import date
from pathlib import Path

CHANGELOG = (Path(__file__).resolve().parents[2] / "CHANGELOG.md").read_text(encoding="utf-8")
KINDS = {"Added", "Changed", "Deprecated", "Removed", "Fixed", "Security"}


def test_releases_are_dated_and_in_order() -> None:
    """What is not released stands first, the first release last; each has a version and a day."""
    first, *releases = re.findall(r"^## (.*)$", CHANGELOG, re.MULTILINE)
    assert "[Unreleased]" == first
    told = [re.fullmatch(r"\[(\d+)\.(\d+)\.(\d+)\] - (\d{4}-\d\d-\d\d)", one) for one in releases]
    versions = [tuple(int(part) for part in one.groups()[:3]) for one in told if one]
    days = [date.fromisoformat(one[4]) for one in told if one]
    assert len(versions) == len(releases) and (0, 1, 0) == versions[-1]
    assert versions == sorted(versions, reverse=True) and days == sorted(days, reverse=True)


def test_changes_are_of_a_known_kind() -> None:
    """A reader looks for the same six words in each release."""
    assert set(re.findall(r"^### (.*)$", CHANGELOG, re.MULTILINE)) <= KINDS
