"""aws:ec2 security groups (with inline rules, and the default group of a VPC) and aws:vpc rules that stand alone."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from inferstack.sandbox.provider.cloud.clients import Cloud
from inferstack.sandbox.provider.cloud.guard import ACCOUNT
from inferstack.sandbox.provider.properties.values import Given
from inferstack.sandbox.provider.resources import tags
from inferstack.sandbox.provider.resources.ec2.find import by_filter, one
from inferstack.sandbox.provider.resources.ec2.permissions import inline, permissions
from inferstack.sandbox.provider.resources.kind import Kind, Name, State, names

RULE_SOURCES = {
    "cidrIpv4": "CidrIpv4",
    "cidrIpv6": "CidrIpv6",
    "prefixListId": "PrefixListId",
    "referencedSecurityGroupId": "ReferencedGroupId",
}


def kinds() -> list[Kind]:
    return [_group(), _default_group(), _rule("Ingress"), _rule("Egress")]


def _group() -> Kind:
    return Kind(
        token="aws:ec2/securityGroup:SecurityGroup",
        service="ec2",
        operation="create_security_group",
        request=lambda i: {
            "GroupName": i["name"],
            "Description": i["description"],
            "VpcId": i["vpcId"],
            "TagSpecifications": tags.at_creation("security-group", i["tagsAll"]),
        },
        identify=lambda answer, i: str(answer["GroupId"]),
        read=_read_group,
        born=_without_rules,
        converge=_converge_rules,
        delete=_delete_group,
        fixed=names("name namePrefix description vpcId"),
        mutable=names("ingress egress revokeRulesOnDelete"),
        defaults={"description": "Managed by Pulumi", "revokeRulesOnDelete": False},
        filled=names("ingress egress vpcId"),
        name=Name(longest=255),
        tagger=tags.EC2,
    )


def _read_group(cloud: Cloud, id: str, i: Given) -> State | None:
    if not (found := one(cloud.client("ec2").describe_security_groups(GroupIds=[id])["SecurityGroups"])):
        return None
    return {
        "id": id,
        "arn": cloud.arn("ec2", f"security-group/{id}"),
        "name": found["GroupName"],
        "namePrefix": "",
        "description": found["Description"],
        "vpcId": found.get("VpcId"),
        "ownerId": found.get("OwnerId", ACCOUNT),
        "ingress": inline(found.get("IpPermissions", []), group=id, wanted=i["ingress"]),
        "egress": inline(found.get("IpPermissionsEgress", []), group=id, wanted=i["egress"]),
        "tagsAll": tags.mapping(found.get("Tags")),
    }


def _without_rules(cloud: Cloud, id: str) -> None:
    """AWS gives a new group an open egress rule; the real provider takes it away, so that only declared rules exist."""
    _revoke(cloud, id, egress_only=True)


def _revoke(cloud: Cloud, id: str, *, egress_only: bool = False) -> None:
    ec2 = cloud.client("ec2")
    group = ec2.describe_security_groups(GroupIds=[id])["SecurityGroups"][0]
    if group.get("IpPermissionsEgress"):
        ec2.revoke_security_group_egress(GroupId=id, IpPermissions=group["IpPermissionsEgress"])
    if group.get("IpPermissions") and not egress_only:
        ec2.revoke_security_group_ingress(GroupId=id, IpPermissions=group["IpPermissions"])


def _converge_rules(cloud: Cloud, state: State, wanted: Given) -> None:
    """Only the directions that the program lists inline; the others belong to rule resources."""
    ec2 = cloud.client("ec2")
    group = ec2.describe_security_groups(GroupIds=[state["id"]])["SecurityGroups"][0]
    for direction, key in (("ingress", "IpPermissions"), ("egress", "IpPermissionsEgress")):
        if wanted[direction] is None or state[direction] == wanted[direction]:
            continue
        if group.get(key):
            getattr(ec2, f"revoke_security_group_{direction}")(GroupId=state["id"], IpPermissions=group[key])
        if wanted[direction]:
            allowed = permissions(wanted[direction], group=state["id"])
            getattr(ec2, f"authorize_security_group_{direction}")(GroupId=state["id"], IpPermissions=allowed)


def _delete_group(cloud: Cloud, id: str, i: Given) -> None:
    if i["revokeRulesOnDelete"]:
        _revoke(cloud, id)
    cloud.client("ec2").delete_security_group(GroupId=id)


def _default_group() -> Kind:
    """Adopts the group that AWS made with the VPC and empties it; a delete only lets go of it, as with the real provider."""
    return Kind(
        token="aws:ec2/defaultSecurityGroup:DefaultSecurityGroup",
        service="ec2",
        operation="describe_security_groups",
        request=lambda i: {},
        identify=lambda answer, i: "",
        create=_adopt_default_group,
        read=_read_group,
        born=_revoke,
        converge=_converge_rules,
        delete=lambda cloud, id, i: None,
        fixed=names("vpcId"),
        mutable=names("ingress egress revokeRulesOnDelete"),
        defaults={"revokeRulesOnDelete": False},
        filled=names("ingress egress vpcId"),
        tagger=tags.EC2,
    )


def _adopt_default_group(cloud: Cloud, i: Given) -> str:
    ec2 = cloud.client("ec2")
    vpc = i["vpcId"] or by_filter(ec2, "vpcs", {"is-default": "true"})["VpcId"]
    found = by_filter(ec2, "security_groups", {"vpc-id": vpc, "group-name": "default"})
    if i["tagsAll"]:
        ec2.create_tags(Resources=[found["GroupId"]], Tags=tags.pairs(i["tagsAll"]))
    return str(found["GroupId"])


def _rule(direction: str) -> Kind:
    return Kind(
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
