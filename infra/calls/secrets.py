"""The endpoint's key: its value goes from this process to Secrets Manager and nowhere else. The container is made by the program."""

from __future__ import annotations

import secrets

from pydantic import SecretStr

from infra.calls.aws import Aws, code_of, refused

KEY_BYTES = 32


def put_api_key(aws: Aws, secret_arn: str, value: SecretStr | None = None) -> bool:
    """Stores the given key. Without one a key that is there already stays, else a new one is made. True when something was stored."""
    try:
        current = _value(aws, secret_arn)
        wanted = value.get_secret_value() if value is not None else current or secrets.token_urlsafe(KEY_BYTES)
        if wanted == current:
            return False
        aws.client("secretsmanager").put_secret_value(SecretId=secret_arn, SecretString=wanted)
        return True
    except Exception as error:  # noqa: BLE001  refused() gives back what is not AWS's
        raise refused(error) from None


def api_key(aws: Aws, secret_arn: str) -> SecretStr | None:
    """None when the container holds no value yet. Raises CloudRefused."""
    try:
        value = _value(aws, secret_arn)
    except Exception as error:  # noqa: BLE001  refused() gives back what is not AWS's
        raise refused(error) from None
    return SecretStr(value) if value else None


def _value(aws: Aws, secret_arn: str) -> str | None:
    client = aws.client("secretsmanager")
    try:
        return str(client.get_secret_value(SecretId=secret_arn)["SecretString"])
    except client.exceptions.ClientError as error:
        if code_of(error) == "ResourceNotFoundException":  # also what a container without a value answers
            return None
        raise
