"""A bare moto server for the AWS calls of this layer; the embedded AWS's own gaps are tested with it."""

from __future__ import annotations

import os
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from infra.calls.aws import Aws

sys.path.insert(0, str(Path(__file__).parent))


@pytest.fixture
def embedded() -> Iterator[Any]:
    """The embedded AWS in this process, with nothing in it."""
    import embedded_aws

    with embedded_aws.opened() as made:
        yield made


@pytest.fixture(scope="session")
def moto_url() -> Iterator[str]:
    os.environ.setdefault("MOTO_ACCOUNT_ID", "000000000000")
    from moto.server import ThreadedMotoServer

    server = ThreadedMotoServer(ip_address="127.0.0.1", port=0, verbose=False)
    server.start()
    host, port = server.get_host_and_port()
    yield f"http://{host}:{port}"
    server.stop()


@pytest.fixture(scope="session")
def clients(moto_url: str) -> Aws:
    """Made once: a client costs more than most of these tests."""
    return Aws("us-east-1", endpoint_url=moto_url)


@pytest.fixture
def aws(moto_url: str, clients: Aws) -> Aws:
    """An account with nothing of ours in it."""
    import httpx

    httpx.post(f"{moto_url}/moto-api/reset", timeout=60)
    return clients
