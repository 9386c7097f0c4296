"""A rehearsal cannot leave this machine, and a stack of another account cannot be opened by it."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from provider_driver import Driver, Refusal

from inferstack.sandbox.provider.cloud import guard


@pytest.mark.parametrize(
    "url",
    [
        "https://ec2.us-east-1.amazonaws.com",
        "http://10.0.0.7:5000",
        "http://169.254.169.254",
        "http://127.0.0.1.example.com:80",
        "http://localhost.example.com",
        "http://user@203.0.113.5:80",
        "file:///etc/passwd",
        "http://",
    ],
)
def test_an_endpoint_that_is_not_loopback_is_refused(tmp_path: Path, url: str) -> None:
    """Whatever daemon.json says, only an address of this machine's loopback is spoken to."""
    (tmp_path / "daemon.json").write_text(json.dumps({"endpoint_url": url}))
    with pytest.raises(guard.RehearsalRefused, match="loopback"):
        guard.endpoint(tmp_path)


@pytest.mark.parametrize("url", ["http://127.0.0.1:4566", "http://127.9.9.9:1", "http://[::1]:80", "http://localhost:5000"])
def test_a_loopback_endpoint_is_taken(tmp_path: Path, url: str) -> None:
    """All of 127.0.0.0/8, ::1 and localhost are this machine."""
    (tmp_path / "daemon.json").write_text(json.dumps({"endpoint_url": url}))
    assert url == guard.endpoint(tmp_path)


@pytest.mark.parametrize("text", ["", "[]", "{}", '{"endpoint_url"', "null"])
def test_a_damaged_record_is_one_clear_line(tmp_path: Path, text: str) -> None:
    """A daemon.json without an endpoint never falls back to anything."""
    (tmp_path / "daemon.json").write_text(text)
    with pytest.raises(guard.RehearsalRefused, match=r"damaged"):
        guard.endpoint(tmp_path)


def test_without_a_daemon_the_user_is_told_to_start_one(tmp_path: Path) -> None:
    """No daemon.json: the rehearsal is not running."""
    with pytest.raises(guard.RehearsalRefused, match="start a rehearsal"):
        guard.endpoint(tmp_path)


def test_outside_a_rehearsal_the_provider_does_not_run() -> None:
    """PULUMI_HOME is the only way to a sandbox folder."""
    with pytest.raises(guard.RehearsalRefused, match="PULUMI_HOME"):
        guard.folder({})


def test_no_aws_setting_of_the_user_survives() -> None:
    """Profiles, keys, roles and endpoints go; the files of the user's configuration are not read."""
    environ = {"AWS_PROFILE": "prod", "AWS_ACCESS_KEY_ID": "AKIA", "AWS_ENDPOINT_URL": "http://x", "PATH": "/bin"}
    guard.strip_environment(environ)
    assert {"PATH", "AWS_EC2_METADATA_DISABLED", "AWS_CONFIG_FILE", "AWS_SHARED_CREDENTIALS_FILE"} == set(environ)
    assert "/dev/null" == environ["AWS_CONFIG_FILE"]


def test_the_stack_that_a_call_is_for_is_known_to_the_embedded_aws() -> None:
    """Without the application id in its calls no fault of a stack would meet them."""
    environ = {"AWS_PROFILE": "prod", "AWS_SDK_UA_APP_ID": "inferstack-x"}
    guard.strip_environment(environ)
    assert "inferstack-x" == environ["AWS_SDK_UA_APP_ID"]


def test_a_stack_of_another_account_is_refused_in_both_calls(provider: Driver) -> None:
    """destroy and refresh never call CheckConfig, so Configure refuses too."""
    line = "this stack is bound to account 111122223333; the rehearsal serves 000000000000 only"
    assert [("allowedAccountIds", line)] == provider.check_config(region="us-east-1", allowedAccountIds='["111122223333"]')
    with pytest.raises(Refusal) as refused:
        provider.configure(accounts='["111122223333"]')
    assert line == refused.value.text


@pytest.mark.parametrize("accounts", ["", "[]", '["000000000000", "111122223333"]', "000000000000", '{"a": 1}'])
def test_only_exactly_the_one_account_opens_a_stack(provider: Driver, accounts: str) -> None:
    """No account, two accounts or a text instead of a list are all refused."""
    with pytest.raises(Refusal, match="the rehearsal serves 000000000000 only"):
        provider.configure(accounts=accounts)


def test_a_setting_that_the_rehearsal_does_not_know_is_refused(provider: Driver) -> None:
    """A profile or an endpoint would be ignored: it is refused instead."""
    failures = provider.check_config(region="us-east-1", allowedAccountIds='["000000000000"]', profile="prod")
    assert [("profile", "the rehearsal takes region, allowedAccountIds, defaultTags, version only")] == failures


def test_another_region_replaces_everything() -> None:
    """A provider of another region manages other resources."""
    from inferstack.sandbox.provider.protocol import configuration

    found = configuration.diff({"region": "us-east-1", "version": "7"}, {"region": "eu-west-1", "version": "8"})
    assert ({"region": "UPDATE"}, ["region"]) == (found.changes, found.replaces)
