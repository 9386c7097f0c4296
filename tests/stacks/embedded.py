"""A checkout of two files and an embedded AWS without hosts, for the tests that run the real engine."""

from __future__ import annotations

import os
import sys
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
import recording

from inferstack.records.settings import StackConfig
from infra.calls.aws import Aws
from infra.leftovers import sweep
from stacks.engine.run import Engine

ROOT = Path(__file__).resolve().parents[2]
AMI = "/aws/service/deeplearning/ami/x86_64/base-oss-nvidia-driver-gpu-ubuntu-24.04/latest/ami-id"


@dataclass
class World:
    """A checkout of two files, and an embedded AWS without hosts."""

    folder: Path
    sandbox: Any
    environment: dict[str, str]
    cli: Path
    aws: Aws

    def engine(self, stack: str) -> Engine:
        return Engine(self.folder, stack, self.environment, self.cli)

    def cluster(self, stack: str = "x", **changes: Any) -> StackConfig:
        ami = self.aws.client("ssm").get_parameter(Name=AMI)["Parameter"]["Value"]
        ends = datetime.now(UTC).replace(microsecond=0) + timedelta(hours=4)
        return recording.cluster_config(stack=stack, ami_id=ami, expires_at=ends, **changes)

    def there(self, stack: str = "x") -> Counter[str]:
        """What the services list of the stack, whatever the state says."""
        return Counter(one.type for one in sweep.look(self.aws, sweep.scope_of(self.aws, stack), sweep.kinds(base=False)))

    def state(self, stack: str = "x") -> Path:
        return Path(self.environment["PULUMI_BACKEND_URL"].removeprefix("file://")) / ".pulumi/stacks/inferstack" / f"{stack}.json"


@contextmanager
def opened(folder: Path) -> Iterator[World]:
    """With its base up."""
    from inferstack.sandbox.control import Sandbox
    from inferstack.sandbox.provider import install
    from inferstack.stack import toolchain

    (folder / "stacks").mkdir()
    (folder / "Pulumi.yaml").write_text((ROOT / "Pulumi.yaml").read_text())
    place = folder / "sandbox"
    with pytest.MonkeyPatch.context() as patched:
        patched.setenv("INFERSTACK_HOSTS", "none")
        sandbox = Sandbox(place)
        info = sandbox.start()
    sandbox.attach("test")
    try:
        install(place / "home", sys.executable)
        (place / "state").mkdir()
        cli = toolchain.find()
        assert cli
        aws = Aws("us-east-1", endpoint_url=info.endpoint_url, access_key=info.access_key)
        made = World(folder, sandbox, environment(place, info.endpoint_url, info.access_key), cli.path, aws)
        base = made.engine("x-base")
        base.select_or_create(recording.base_config())
        base.up()
        yield made
    finally:
        sandbox.stop()


def environment(place: Path, endpoint: str, access_key: str) -> dict[str, str]:
    kept = {name: value for name, value in os.environ.items() if not name.startswith(("AWS_", "PULUMI_"))}
    return kept | {
        "AWS_ENDPOINT_URL": endpoint,
        "AWS_ACCESS_KEY_ID": access_key,
        "AWS_SECRET_ACCESS_KEY": "rehearsal",
        "AWS_REGION": "us-east-1",
        "PULUMI_HOME": str(place / "home"),
        "PULUMI_BACKEND_URL": f"file://{place / 'state'}",
        "PULUMI_CONFIG_PASSPHRASE": "",
        "PULUMI_SKIP_UPDATE_CHECK": "1",
        "PULUMI_DISABLE_AUTOMATIC_PLUGIN_ACQUISITION": "1",
        "PULUMI_IGNORE_AMBIENT_PLUGINS": "1",
        "PULUMI_PYTHON_CMD": sys.executable,
        "PYTHONPATH": str(ROOT),
    }
