"""aws:vpc rules of a security group, ingress and egress, that stand alone."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from inferstack.sandbox.provider.cloud.clients import Cloud
from inferstack.sandbox.provider.properties.values import Given
from inferstack.sandbox.provider.resources import tags
from inferstack.sandbox.provider.resources.ec2.find import one
from inferstack.sandbox.provider.resources.resource_type import FREE, OWN_ROW, ResourceType, State, names

RULE_SOURCES = {
    "cidrIpv4": "CidrIpv4",
    "cidrIpv6": "CidrIpv6",
    "prefixListId": "PrefixListId",
    "referencedSecurityGroupId": "ReferencedGroupId",
}


def types() -> list[ResourceType]:
    return [_rule("Ingress"), _rule("Egress")]


def _rule(direction: str) -> ResourceType:
    return ResourceType(
        token=f"aws:vpc/securityGroup{direction}Rule:SecurityGroup{direction}Rule",
        service="ec2",
        operation=f"authorize_security_group_{direction.lower()}",
        request=_rule_request,
        identify=lambda answer, i: str(answer["SecurityGroupRules"][0]["SecurityGroupRuleId"]),
        read=_read_rule,
        converge=_converge_rule,
        delete=lambda cloud, id, i: _delete_rule(cloud, id, i, direction),
        fixed=names("securityGroupId"),
        mutable=names("ipProtocol fromPort toPort description") | RULE_SOURCES.keys(),
        tagger=tags.EC2,
        wrong=_wrong_rule,
        sweep=OWN_ROW,
        price=FREE,
        actions=names(
            f"ec2:AuthorizeSecurityGroup{direction} ec2:DescribeSecurityGroupRules ec2:ModifySecurityGroupRules "
            f"ec2:RevokeSecurityGroup{direction}"
        ),
    )


def _wrong_rule(i: Given) -> dict[str, str]:
    sources = [name for name in RULE_SOURCES if i[name]]
    return {sources[1]: f"a rule has one source, not {' and '.join(sources)}"} if len(sources) > 1 else {}


def _rule_request(i: Given) -> dict[str, Any]:
    permission = {
        "IpProtocol": i["ipProtocol"],
        "FromPort": i["fromPort"],
        "ToPort": i["toPort"],
        "IpRanges": _source("CidrIp", i["cidrIpv4"], i),
        "Ipv6Ranges": _source("CidrIpv6", i["cidrIpv6"], i),
        "PrefixListIds": _source("PrefixListId", i["prefixListId"], i),
        "UserIdGroupPairs": _source("GroupId", i["referencedSecurityGroupId"], i),
    }
    tagged = tags.at_creation("security-group-rule", i["tagsAll"])
    return {"GroupId": i["securityGroupId"], "IpPermissions": [permission], "TagSpecifications": tagged}


def _source(key: str, value: str | None, i: Given) -> list[dict[str, Any]] | None:
    return [{key: value, "Description": i["description"]}] if value else None


def _read_rule(cloud: Cloud, id: str, i: Given) -> State | None:
    if not (found := one(cloud.client("ec2").describe_security_group_rules(SecurityGroupRuleIds=[id])["SecurityGroupRules"])):
        return None
    ports = {} if found["IpProtocol"] == "-1" else {"fromPort": found.get("FromPort"), "toPort": found.get("ToPort")}
    return {
        "id": id,
        "securityGroupRuleId": id,
        "arn": cloud.arn("ec2", f"security-group-rule/{id}"),
        "securityGroupId": found["GroupId"],
        "ipProtocol": found["IpProtocol"],
        "description": found.get("Description", ""),
        "tagsAll": tags.mapping(found.get("Tags")),
        **ports,
        **_sources(found),
    }


def _sources(found: Mapping[str, Any]) -> dict[str, Any]:
    referenced = found.get("ReferencedGroupInfo", {}).get("GroupId")
    plain = {ours: found.get(theirs) for ours, theirs in RULE_SOURCES.items() if ours != "referencedSecurityGroupId"}
    return {**plain, "referencedSecurityGroupId": referenced}


RULE_BODY = {"ipProtocol": "IpProtocol", "fromPort": "FromPort", "toPort": "ToPort", "description": "Description"}


def _converge_rule(cloud: Cloud, state: State, wanted: Given) -> None:
    """Ports say nothing where every protocol is meant."""
    ports = {"fromPort", "toPort"} if wanted["ipProtocol"] == state["ipProtocol"] == "-1" else set()
    compared = [name for name in (*RULE_BODY, *RULE_SOURCES) if name not in ports]
    if all((wanted[name] or "") == (state.get(name) or "") for name in compared):
        return
    rule = {theirs: wanted[ours] for ours, theirs in (RULE_BODY | RULE_SOURCES).items() if wanted[ours] is not None}
    change = {"SecurityGroupRuleId": state["id"], "SecurityGroupRule": rule}
    cloud.client("ec2").modify_security_group_rules(GroupId=wanted["securityGroupId"], SecurityGroupRules=[change])


def _delete_rule(cloud: Cloud, id: str, i: Given, direction: str) -> None:
    revoke = getattr(cloud.client("ec2"), f"revoke_security_group_{direction.lower()}")
    revoke(GroupId=i["securityGroupId"], SecurityGroupRuleIds=[id])
