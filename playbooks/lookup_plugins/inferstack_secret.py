"""The value of a secret in Secrets Manager, read on the control machine at the moment a task needs it.

Use it only in a task with `no_log: true`. With `only_whether=true` it answers true, and never the value.
"""

from __future__ import annotations

from typing import Any

from ansible.errors import AnsibleError
from ansible.plugins.lookup import LookupBase

DOCUMENTATION = """
name: inferstack_secret
short_description: a secret of the stack, from AWS Secrets Manager
description: Reads the current version with the credentials of the person who runs the play.
options:
  _terms: {description: names or ARNs of secrets, required: true}
  region: {description: AWS region, required: true, type: str}
  only_whether: {description: answer true instead of the value, type: bool, default: false}
"""


class LookupModule(LookupBase):
    def run(self, terms: list[str], variables: Any = None, **kwargs: Any) -> list[Any]:
        self.set_options(var_options=variables, direct=kwargs)
        client = _client(self.get_option("region"))
        values = [_value(client, term) for term in terms]
        return [True for _ in values] if self.get_option("only_whether") else values


def _client(region: str) -> Any:
    from infra.calls.aws import Aws

    return Aws(region).client("secretsmanager")


def _value(client: Any, secret: str) -> str:
    from botocore.exceptions import BotoCoreError, ClientError

    try:
        value: str = client.get_secret_value(SecretId=secret)["SecretString"]
    except ClientError as error:
        raise AnsibleError(f"secret {secret}: {error.response['Error'].get('Code', 'refused')}") from None
    except (BotoCoreError, KeyError) as error:
        raise AnsibleError(f"secret {secret}: {type(error).__name__}") from None
    return value
