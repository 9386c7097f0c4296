"""What several files of this folder ask for."""

from __future__ import annotations

import pytest

from tools.calibration.table import Entry, entries


@pytest.fixture(scope="session")
def every() -> list[Entry]:
    """All rows that are read, once."""
    return entries()
