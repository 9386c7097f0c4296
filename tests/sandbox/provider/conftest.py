"""The embedded AWS (moto with its gaps filled) on a loopback port of this process, and the provider over real gRPC in front of it."""

from __future__ import annotations

import json
import logging
import os
import sys
import urllib.request
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import boto3
import pytest

sys.path.insert(0, str(Path(__file__).parent))

from inferstack.sandbox.aws import moto_settings

moto_settings.apply()

from provider_driver import Driver  # noqa: E402


@pytest.fixture(scope="module")
def endpoint() -> Iterator[str]:
    from moto.server import ThreadedMotoServer

    from inferstack.sandbox.aws.gaps import filled
    from inferstack.sandbox.aws.world import SandboxWorld

    logging.getLogger("werkzeug").setLevel(logging.ERROR)
    with filled(SandboxWorld(account_id=moto_settings.ACCOUNT_ID)):
        server = ThreadedMotoServer("127.0.0.1", port=0, verbose=False)
        server.start()
        url = "http://{}:{}".format(*server.get_host_and_port())
        urllib.request.urlopen(urllib.request.Request(f"{url}/moto-api/reset", method="POST")).read()
        yield url
        server.stop()


@pytest.fixture
def sandbox(tmp_path: Path, endpoint: str) -> Path:
    """A sandbox folder as the daemon leaves it. The AWS behind it is one for the whole module: each test looks at its own things only."""
    folder = tmp_path / "sandbox"
    (folder / "home").mkdir(parents=True)
    (folder / "daemon.json").write_text(json.dumps({"endpoint_url": endpoint}))
    return folder


@pytest.fixture
def provider(sandbox: Path) -> Iterator[Driver]:
    from inferstack.sandbox.provider.protocol.server import started

    server, port = started(sandbox)
    driver = Driver(port)
    driver.configure()
    yield driver
    driver.close()
    server.stop(None)


@pytest.fixture
def aws(endpoint: str) -> Any:
    """Clients of our own, to look at what the provider did."""
    return lambda service, region="us-east-1": boto3.client(
        service, region_name=region, endpoint_url=endpoint, aws_access_key_id="rehearsal", aws_secret_access_key="rehearsal"
    )


@pytest.fixture
def image() -> str:
    return str(json.loads(moto_settings.AMIS.read_text())[0]["ami_id"])


@pytest.fixture
def cli(monkeypatch: pytest.MonkeyPatch) -> None:
    """The Automation API takes the CLI from PATH."""
    from inferstack.stack import toolchain

    found = toolchain.find()
    assert found is not None, "the engine lane runs only where there is a CLI"
    monkeypatch.setenv("PATH", f"{found.path.parent}{os.pathsep}{os.environ['PATH']}")
