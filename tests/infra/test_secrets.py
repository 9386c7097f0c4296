"""The endpoint's key is stored once and stays when none is given."""

from __future__ import annotations

from pydantic import SecretStr

from infra.calls import secrets
from infra.calls.aws import Aws


def test_a_key_is_made_once_and_kept(aws: Aws) -> None:
    """A second `up` without a key must not lock the clients of the first one out."""
    arn = aws.client("secretsmanager").create_secret(Name="inferstack/x/api-key")["ARN"]
    assert secrets.api_key(aws, arn) is None
    assert secrets.put_api_key(aws, arn)
    first = secrets.api_key(aws, arn)
    assert first is not None and len(first.get_secret_value()) >= 40
    assert not secrets.put_api_key(aws, arn)
    assert first == secrets.api_key(aws, arn)


def test_a_given_key_replaces_the_old_one(aws: Aws) -> None:
    """What the operator hands in wins."""
    arn = aws.client("secretsmanager").create_secret(Name="inferstack/x/api-key", SecretString="old")["ARN"]
    assert secrets.put_api_key(aws, arn, SecretStr("new"))
    assert SecretStr("new") == secrets.api_key(aws, arn)
    assert not secrets.put_api_key(aws, arn, SecretStr("new"))
