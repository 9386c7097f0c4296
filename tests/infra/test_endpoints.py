"""A real stack's calls go to AWS: other addresses are named, and those of this machine or without TLS are refused."""

from __future__ import annotations

from pathlib import Path

import pytest

from inferstack.records.errors import InputError
from infra.calls.aws import Aws
from infra.components import endpoints

SERVICES = "[profile corp]\nservices = inside\nregion = eu-west-1\n[services inside]\nsts =\n  endpoint_url = {url}\n"


@pytest.fixture
def config(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    for name in ("AWS_PROFILE", "AWS_ENDPOINT_URL"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("AWS_CONFIG_FILE", str(tmp_path / "config"))
    monkeypatch.setenv("AWS_SHARED_CREDENTIALS_FILE", str(tmp_path / "credentials"))
    (tmp_path / "config").write_text("")
    return tmp_path / "config"


BAD = ["http://127.0.0.1:18920", "https://127.0.0.1", "https://localhost:4566", "http://aws.example", "https://[::1]:1", "https://0.0.0.0",
       "https://a.localhost", "ftp://x", "x", "https://[::ffff:127.0.0.1]", "https://169.254.169.254"]  # fmt: skip


@pytest.mark.parametrize("url", BAD)
@pytest.mark.parametrize(
    "name", ["AWS_ENDPOINT_URL", "AWS_ENDPOINT_URL_STS", "AWS_ENDPOINT_URL_SECRETS_MANAGER", "TF_AWS_S3_ENDPOINT", "AWS_S3_ENDPOINT"]
)
def test_a_variable_that_leads_to_this_machine_or_without_tls_is_refused_by_name(config: Path, name: str, url: str) -> None:
    """The secret of the endpoint would be written there, and the account of a stack be the fake's."""
    with pytest.raises(InputError, match=f"^{name}: "):
        endpoints.refuse_unsafe(endpoints.chosen(None, environment={name: url}))


@pytest.mark.parametrize("url", BAD)
def test_so_is_one_of_the_profile(config: Path, url: str) -> None:
    """Of the profile itself, of its services, of the default one."""
    config.write_text(f"[default]\nendpoint_url = {url}\n" + SERVICES.format(url=url))
    with pytest.raises(InputError, match=r"^endpoint_url of profile default: "):
        endpoints.refuse_unsafe(endpoints.chosen(None, environment={}))
    with pytest.raises(InputError, match=r"^endpoint_url of sts in services inside: "):
        endpoints.refuse_unsafe(endpoints.chosen("corp", environment={}))
    with pytest.raises(InputError, match=r"^endpoint_url of sts in services inside: "):
        endpoints.refuse_unsafe(endpoints.chosen(None, environment={"AWS_PROFILE": "corp"}))


def test_a_private_way_to_aws_is_named_and_used(config: Path) -> None:
    """An interface endpoint of one's own network is https and elsewhere; the session reaches AWS by it as well."""
    url = "https://vpce-0a.sts.us-east-1.vpce.amazonaws.com"
    config.write_text(SERVICES.format(url=url))
    found = endpoints.chosen(
        "corp", environment={"AWS_ENDPOINT_URL_S3": url, "AWS_EC2_METADATA_SERVICE_ENDPOINT": "http://[fd00:ec2::254]"}
    )
    endpoints.refuse_unsafe(found)
    assert [("AWS_ENDPOINT_URL_S3", url), ("endpoint_url of sts in services inside", url)] == [(one.where, one.url) for one in found]
    assert not Aws.from_environment("us-east-1", environment={"AWS_ENDPOINT_URL": url}).rehearsal


def test_nothing_is_said_where_aws_itself_is_asked(config: Path) -> None:
    """A plain configuration names no address."""
    config.write_text("[default]\nregion = us-east-1\n[profile corp]\nregion = eu-west-1\n")
    assert () == endpoints.chosen("corp", environment={"AWS_REGION": "us-east-1", "PATH": "/bin"})
