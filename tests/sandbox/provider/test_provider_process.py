"""The provider as a process: how the CLI starts it, how it ends, and the fault that only it can have."""

from __future__ import annotations

import importlib.metadata
import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
from provider_driver import Driver, Refusal

from inferstack.sandbox.provider import install
from inferstack.sandbox.provider.protocol import faults

LOGS = "aws:cloudwatch/logGroup:LogGroup"
ENDS_WITHIN_S = 10
CLI_WAITS_S = 5


@contextmanager
def running(launcher: Path, home: Path, **environment: str) -> Iterator[tuple[subprocess.Popen[str], Driver]]:
    environ = {"PATH": os.environ["PATH"], "PULUMI_HOME": str(home), **environment}
    process = subprocess.Popen([str(launcher), "127.0.0.1:1"], env=environ, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
    try:
        assert process.stdout is not None
        driver = Driver(int(process.stdout.readline()))
        yield process, driver
        driver.close()
    finally:
        process.kill()
        process.communicate()


@pytest.fixture
def home(sandbox: Path) -> Path:
    return sandbox / "home"


@pytest.fixture
def launcher(home: Path) -> Path:
    return install(home, sys.executable)


def test_it_is_installed_as_the_plugin_of_exactly_the_sdks_version(home: Path, launcher: Path) -> None:
    """Any other version of the folder is not accepted by the CLI."""
    version = importlib.metadata.version("pulumi-aws")
    assert home / "plugins" / f"resource-aws-v{version}" / "pulumi-resource-aws" == launcher
    assert os.access(launcher, os.X_OK)


def test_installing_again_changes_nothing(home: Path, launcher: Path) -> None:
    """A running provider's file is not replaced under it."""
    before = launcher.stat()
    install(home, sys.executable)
    assert (before.st_ino, before.st_mtime_ns) == (launcher.stat().st_ino, launcher.stat().st_mtime_ns)


def test_a_path_with_spaces_and_quotes_is_no_trouble(tmp_path: Path) -> None:
    """The launcher is a shell script; what stands in it is quoted."""
    from inferstack.sandbox.provider.protocol.launcher import script

    text = script("/it's here/python", checkout=tmp_path / "my checkout")
    assert 0 == subprocess.run(["/bin/sh", "-n"], input=text, text=True).returncode
    assert "exec '/it'\"'\"'s here/python' -u -m inferstack.sandbox.provider" in text


def test_the_first_line_is_the_port_and_users_credentials_do_not_matter(home: Path, launcher: Path) -> None:
    """Nothing of AWS_* reaches it: a proxy, a profile and keys are set, and the call still goes to the loopback endpoint."""
    hostile = {
        "AWS_PROFILE": "prod",
        "AWS_ENDPOINT_URL": "http://203.0.113.1",
        "HTTP_PROXY": "http://203.0.113.1:3128",
        "http_proxy": "http://203.0.113.1",
    }
    with running(launcher, home, **hostile) as (_, driver):
        driver.configure()
        answer, failures = driver.invoke("aws:index/getCallerIdentity:getCallerIdentity")
    assert ([], "000000000000") == (failures, answer["accountId"])


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_it_ends_at_once_on_a_signal(home: Path, launcher: Path, number: signal.Signals) -> None:
    """The CLI waits five seconds for a provider that lingers, on every failing run."""
    with running(launcher, home) as (process, driver):
        driver.configure()
        process.send_signal(number)
        assert 0 == process.wait(CLI_WAITS_S)


def test_it_ends_when_its_parent_is_killed(home: Path, launcher: Path) -> None:
    """After kill -9 of the CLI nobody tells it."""
    program = "import subprocess, sys, time; p = subprocess.Popen([sys.argv[1], 'x']); print(p.pid, flush=True); time.sleep(60)"
    environ = {"PATH": os.environ["PATH"], "PULUMI_HOME": str(home)}
    parent = subprocess.Popen([sys.executable, "-c", program, str(launcher)], env=environ, stdout=subprocess.PIPE, text=True)
    assert parent.stdout is not None
    first, second = int(parent.stdout.readline()), int(parent.stdout.readline())
    assert second > 1024
    parent.kill()
    parent.wait()
    until = time.monotonic() + ENDS_WITHIN_S
    while Path(f"/proc/{first}").exists() and time.monotonic() < until:
        time.sleep(0.1)
    assert not Path(f"/proc/{first}").exists()
    parent.stdout.close()


def test_an_armed_fault_kills_it_once(home: Path, launcher: Path, sandbox: Path) -> None:
    """The next provider creates the same resource in peace; armed anew, the fault strikes again."""
    armed = json.dumps([{"name": "ProviderKilled", "resource": "loggroup"}])
    (sandbox / "faults.json").write_text(armed)
    with running(launcher, home) as (process, driver):
        driver.configure()
        driver.create("aws:iam/role:Role", assumeRolePolicy='{"Version":"2012-10-17","Statement":[]}')
        with pytest.raises(Refusal):
            driver.create(LOGS, "logs")
        assert -signal.SIGKILL == process.wait(ENDS_WITHIN_S)
    with running(launcher, home) as (process, driver):
        driver.configure()
        assert "" != driver.create(LOGS, "logs").id
        (sandbox / "faults.json").write_text(armed)
        with pytest.raises(Refusal):
            driver.create(LOGS, "more")
        assert -signal.SIGKILL == process.wait(ENDS_WITHIN_S)


@pytest.mark.parametrize("text", ["", "{", "[]", "null", '{"faults": []}', '[{"name": "Throttling", "resource": ""}]', '[1, "x"]'])
def test_other_faults_and_damaged_files_kill_nobody(tmp_path: Path, text: str) -> None:
    """This very test would die."""
    (tmp_path / "faults.json").write_text(text)
    faults.die_if_armed(tmp_path, token=LOGS, name="logs")


@pytest.mark.parametrize(
    ("resource", "expected"),
    [("", True), ("LogGroup", True), ("loggroup", True), ("logs", True), (LOGS, True), ("Vpc", False), ("logs2", False)],
)
def test_a_fault_concerns_part_of_a_types_or_resources_name(resource: str, expected: bool) -> None:
    """The same reading as the embedded AWS has of --fault NAME@resource."""
    assert expected is faults.concerns(resource, LOGS, "logs")
