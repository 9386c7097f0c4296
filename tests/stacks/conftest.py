"""The recorder and the embedded world are plain modules beside the tests."""

import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

sys.path.insert(0, str(Path(__file__).parent))


@pytest.fixture(scope="module")
def world(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Any]:
    import embedded

    with embedded.opened(tmp_path_factory.mktemp("checkout")) as made:
        yield made
