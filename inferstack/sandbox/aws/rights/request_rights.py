"""What one API call asks of IAM: action, resource and condition keys, read from the request and from what exists."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from functools import cache
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs, unquote

import yaml

from inferstack.sandbox.aws.front.calls import Call
from inferstack.sandbox.aws.rights import resource_context

RECORDED = Path(__file__).parents[1] / "recorded"
# Of EC2: the beginning of an id -> the resource type in AWS's data.
EC2_TYPES = {
    "ami": "image",
    "eipalloc": "elastic-ip",
    "eni": "network-interface",
    "i": "instance",
    "igw": "internet-gateway",
    "lt": "launch-template",
    "nat": "natgateway",
    "rtb": "route-table",
    "sg": "security-group",
    "sgr": "security-group-rule",
    "snap": "snapshot",
    "subnet": "subnet",
    "vol": "volume",
    "vpc": "vpc",
    "vpce": "vpc-endpoint",
}
EC2_ID = re.compile(rf"\b({'|'.join(sorted(EC2_TYPES, key=len, reverse=True))})-[0-9a-f]{{6,}}\b")
# Service -> resource type -> the parameters that may name one, and the form of its name in an ARN.
NAMED: dict[str, dict[str, tuple[tuple[str, ...], str]]] = {
    "autoscaling": {
        "autoScalingGroup": (("AutoScalingGroupName", "Tags.member.1.ResourceId"), "autoScalingGroup:1:autoScalingGroupName/{}"),
    },
    "budgets": {"budget": (("BudgetName", "Budget.BudgetName", "ResourceARN"), "budget/{}")},
    "iam": {
        "instance-profile": (("InstanceProfileName",), "instance-profile/{}"),
        "policy": (("PolicyArn",), "policy/{}"),
        "role": (("RoleName",), "role/{}"),
    },
    "kms": {"alias": (("AliasName",), "{}"), "key": (("KeyId", "TargetKeyId"), "key/{}")},
    "logs": {"log-group": (("logGroupName", "resourceArn", "logGroupIdentifier"), "log-group:{}")},
    "scheduler": {
        "schedule": (("/schedules/",), "schedule/{}"),
        "schedule-group": (("/schedule-groups/", "ResourceArn", "/tags/"), "schedule-group/{}"),
    },
    "secretsmanager": {"Secret": (("SecretId", "Name"), "secret:{}")},
    "ssm": {
        "document": (("DocumentName",), "document/{}"),
        "instance": (("Target",), "instance/{}"),
        "parameter": (("Name",), "parameter{}"),
        "session": (("SessionId",), "session/{}"),
    },
}
GLOBAL = ("iam", "budgets")


@dataclass(frozen=True)
class RightsQuestion:
    """One question to a policy."""

    action: str
    resource: str = "*"
    context: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True)
class CallRequest:
    """The call with its parameters, flat: nested names joined by a dot, and what stands in the path by the text before it."""

    call: Call
    account_id: str
    path: str
    given: Mapping[str, str]

    def arn(self, service: str, rest: str) -> str:
        region = "" if service in GLOBAL else self.call.region
        return f"arn:aws:{service}:{region}:{self.account_id}:{rest}"


def request(call: Call, environ: Mapping[str, Any], body: bytes, account_id: str) -> CallRequest:
    path = unquote(str(environ.get("PATH_INFO", "")))
    query = {name: values[0] for name, values in parse_qs(str(environ.get("QUERY_STRING", ""))).items()}
    if call.protocol in ("ec2", "query"):
        given = {name: values[0] for name, values in parse_qs(body.decode("utf-8", "replace")).items()}
    else:
        given = dict(_flat(_json(body) if "json" in call.protocol else {}))
    in_path = {f"/{name}/": rest for name, rest in re.findall(r"/(schedules|schedule-groups|tags)/(.+)$", path)}
    return CallRequest(call, account_id, path, {**query, **given, **in_path})


def actions(call: Call) -> list[str]:
    """Return the actions of a call by IAM's names; none for a call that needs no permission."""
    known = operations()
    plain = f"{call.service}:{call.operation}"
    if plain in known["free"]:
        return []
    renamed = known["renamed"].get(call.service, {}).get(call.operation)
    return str(renamed).split() if renamed else [f"{known['prefixes'].get(call.service, call.service)}:{call.operation}"]


def resources(asked: CallRequest, action: str) -> Iterator[RightsQuestion]:
    """The action on each resource that the call names or makes, with the tags of each."""
    service, _, name = action.partition(":")
    types = _types(service, name)
    if not types:
        yield RightsQuestion(action, context=_request_tags(asked))
    elif service == "ec2":
        yield from _of_ec2(asked, action, types)
    elif service == "s3":
        yield RightsQuestion(action, f"arn:aws:s3:::{asked.path.strip('/')}")
    else:
        found = list(_of_names(asked, service, action, types))
        yield from found or [RightsQuestion(action)]


def _of_names(asked: CallRequest, service: str, action: str, types: Mapping[str, bool]) -> Iterator[RightsQuestion]:
    for kind, (parameters, form) in NAMED.get(service, {}).items():
        name = next((asked.given[one] for one in parameters if asked.given.get(one)), "")
        if kind not in types or not name:
            continue
        arn = _arn(asked, service, kind, name, form)
        yield RightsQuestion(
            action,
            arn,
            _request_tags(asked) | resource_context.context(service, kind, arn, asked.account_id, asked.call.region, asked.given),
        )


def _arn(asked: CallRequest, service: str, kind: str, name: str, form: str) -> str:
    if name.startswith("arn:"):
        return re.sub(r":\*$", "", name)
    if (service, kind) == ("kms", "key"):
        return asked.arn("kms", form.format(resource_context.key_id(name, asked.account_id, asked.call.region)))
    if (service, kind) == ("scheduler", "schedule"):
        group = asked.given.get("groupName") or asked.given.get("GroupName") or "default"
        return asked.arn(service, form.format(f"{group}/{name}"))
    if (service, kind) == ("ssm", "instance"):
        return asked.arn("ec2", form.format(name))
    if service == "ssm" and kind in ("document", "parameter") and name.startswith(("AWS-", "/aws/")):
        return f"arn:aws:ssm:{asked.call.region}::{form.format(name)}"
    return asked.arn(service, form.format(f"{name}-AbCdEf" if kind == "Secret" else name))


def _of_ec2(asked: CallRequest, action: str, types: Mapping[str, bool]) -> Iterator[RightsQuestion]:
    """Ids anywhere in the request name what exists; the type that a call tags at creation is what it makes."""
    made, tags = _made_by_ec2(asked, types), _request_tags(asked)
    seen = set()
    ids = {match.group(0) for value in asked.given.values() for match in EC2_ID.finditer(value)}
    named = resource_context.launch_template(asked.given.get("LaunchTemplateName", ""), asked.account_id, asked.call.region)
    for id in sorted(ids | ({named.id} if named is not None else set())):
        kind = EC2_TYPES[id.partition("-")[0]]
        if kind in types and kind != made:
            seen.add(kind)
            context = resource_context.ec2_tags(id, asked.account_id, asked.call.region) | tags
            yield RightsQuestion(action, asked.arn("ec2", f"{kind}/{id}"), context)
    for kind in ([made] if made else []) + [one for one, required in types.items() if required and one not in {*seen, made}]:
        yield RightsQuestion(action, asked.arn("ec2", f"{kind}/new"), tags if kind == made else {})


def _made_by_ec2(asked: CallRequest, types: Mapping[str, bool]) -> str:
    """What a call makes, if it tags what it makes: the type that its TagSpecification names."""
    kind = asked.given.get("TagSpecification.1.ResourceType", "")
    return kind if kind in types else ""


def _request_tags(asked: CallRequest) -> dict[str, str]:
    """Tags that the call sets, in each of the ways in which AWS's services write them."""
    found: dict[str, str] = {}
    for name, value in asked.given.items():
        match = re.fullmatch(r"(.*[Tt]ags?\.(?:member\.)?\d+\.)(Key|TagKey|key)|(.*Tags\.\d+\.)(Key|TagKey)", name)
        if match:
            stem = match.group(1) or match.group(3)
            held = next((asked.given[stem + one] for one in ("Value", "TagValue", "value") if stem + one in asked.given), "")
            found[f"aws:RequestTag/{value}"] = held
        elif name.startswith("tags."):
            found[f"aws:RequestTag/{name.removeprefix('tags.')}"] = value
    return found


def _flat(value: Any, before: str = "") -> Iterator[tuple[str, str]]:
    if isinstance(value, dict):
        for name, held in value.items():
            yield from _flat(held, f"{before}{name}.")
    elif isinstance(value, list):
        for number, held in enumerate(value, start=1):
            yield from _flat(held, f"{before}{number}.")
    else:
        yield before.rstrip("."), str(value)


def _json(body: bytes) -> Any:
    try:
        return json.loads(body or b"{}")
    except ValueError:
        return {}


def _types(service: str, name: str) -> dict[str, bool]:
    """Resource types of an action, and whether the call must name one. Empty for an action that AWS's data does not know, too."""
    known = authorization().get(service, {}).get("actions", {}).get(name, {})
    return {kind.rstrip("*"): kind.endswith("*") for kind in known if kind}


@cache
def authorization() -> dict[str, Any]:
    return dict(json.loads((RECORDED / "authorization.json").read_text(encoding="utf-8"))["services"])


@cache
def operations() -> dict[str, Any]:
    return dict(yaml.safe_load((RECORDED / "operations.yaml").read_text(encoding="utf-8")))
