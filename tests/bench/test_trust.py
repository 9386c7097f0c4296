"""TLS to 127.0.0.1 for a name that is not resolved: the certificate must be of the stack's CA and name the stack."""

from __future__ import annotations

import ssl
from pathlib import Path
from typing import Any

import pytest
from pydantic import SecretStr

from inferstack.bench.load import Limits, Target, run
from inferstack.records.errors import CloudRefused
from inferstack.records.load import Load
from inferstack.records.measurement import Workload
from tests.bench import authority
from tests.bench.sse_server import KEY, Behaviour, serving

HOSTNAME = "demo.inferstack.internal"
LOAD = Workload(load=Load(kind="closed", concurrency=2, num_requests=4, isl=8, osl=3), seed=1)


@pytest.fixture(scope="module")
def own(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, ssl.SSLContext]:
    return authority.make(tmp_path_factory.mktemp("own"), HOSTNAME)


def target(url: str, ca_file: Path | None, **changes: Any) -> Target:
    return Target(**{"base_url": url, "hostname": HOSTNAME, "model": "m", "ca_file": ca_file, "api_key": SecretStr(KEY), **changes})


@pytest.mark.parametrize("close", [True, False])
def test_the_endpoint_is_reached_by_address_and_known_by_name(own: tuple[Path, ssl.SSLContext], close: bool) -> None:
    """SNI and the check of the certificate are for the hostname, whatever the address."""
    behaviour = Behaviour()
    with serving(behaviour, tls=own[1]) as url:
        result = run(target(url, own[0]), LOAD, limits=Limits(close_connections=close, warmup_requests=1))
    assert ({}, 4) == (result.errors, len(result.completed))
    assert {HOSTNAME} == set(behaviour.server_names)


def test_a_certificate_of_another_authority_is_refused(own: tuple[Path, ssl.SSLContext], tmp_path: Path) -> None:
    """Same name, other CA: somebody else's endpoint. The key is never sent to it."""
    stranger, _ = authority.make(tmp_path, HOSTNAME)
    behaviour = Behaviour()
    with serving(behaviour, tls=own[1]) as url, pytest.raises(CloudRefused, match="certificate") as refused:
        run(target(url, stranger), LOAD)
    assert ("host", []) == (refused.value.kind, behaviour.seen)


def test_a_certificate_for_another_name_is_refused(own: tuple[Path, ssl.SSLContext]) -> None:
    """Same CA, other stack."""
    behaviour = Behaviour()
    with serving(behaviour, tls=own[1]) as url, pytest.raises(CloudRefused, match="certificate"):
        run(target(url, own[0], hostname="other.inferstack.internal"), LOAD)
    assert [] == behaviour.seen


def test_without_a_ca_file_only_public_authorities_are_trusted(own: tuple[Path, ssl.SSLContext]) -> None:
    """There is no way to switch verification off."""
    with serving(Behaviour(), tls=own[1]) as url, pytest.raises(CloudRefused, match="certificate"):
        run(target(url, None), LOAD)


def test_a_refused_certificate_in_the_middle_is_counted_as_tls(own: tuple[Path, ssl.SSLContext], tmp_path: Path) -> None:
    """Without warm-up the same refusal is counted for each request."""
    stranger, _ = authority.make(tmp_path, HOSTNAME)
    with serving(Behaviour(), tls=own[1]) as url:
        assert {"tls": 4} == run(target(url, stranger), LOAD, limits=Limits(warmup_requests=0, trials=False)).errors


def test_a_cut_connection_under_tls_is_a_disconnect_not_a_wrong_certificate(own: tuple[Path, ssl.SSLContext]) -> None:
    """The kinds of error tell two different next steps apart."""
    behaviour = Behaviour(faults={1: "half", 2: "disconnect"})
    with serving(behaviour, tls=own[1]) as url:
        assert {"disconnected": 2} == run(target(url, own[0]), LOAD, limits=Limits(warmup_requests=0, trials=False)).errors


def test_proxies_of_the_environment_do_not_apply(own: tuple[Path, ssl.SSLContext], monkeypatch: pytest.MonkeyPatch) -> None:
    """HTTPS_PROXY is for AWS; a forwarded port on this machine is not behind it."""
    for name in ("HTTPS_PROXY", "HTTP_PROXY", "ALL_PROXY"):
        monkeypatch.setenv(name, "http://127.0.0.1:9")
    with serving(Behaviour(), tls=own[1]) as url:
        assert {} == run(target(url, own[0]), LOAD).errors
