"""aws:ec2 VPC endpoint: Gateway (in route tables) and Interface (in subnets, with security groups)."""

from __future__ import annotations

from typing import Any

from inferstack.sandbox.provider.cloud.clients import Cloud, NeverCame, wait
from inferstack.sandbox.provider.cloud.guard import ACCOUNT
from inferstack.sandbox.provider.cloud.refusals import is_gone
from inferstack.sandbox.provider.properties.casing import camel, pascal
from inferstack.sandbox.provider.properties.values import Given, project, same
from inferstack.sandbox.provider.resources import tags
from inferstack.sandbox.provider.resources.ec2.find import one
from inferstack.sandbox.provider.resources.resource_type import OWN_ROW, ResourceType, State, names

MEMBERS = {"routeTableIds": "RouteTableIds", "subnetIds": "SubnetIds", "securityGroupIds": "SecurityGroupIds"}
ONLY = {"Gateway": ("subnetIds", "securityGroupIds", "privateDnsEnabled", "dnsOptions"), "Interface": ("routeTableIds",)}


def types() -> list[ResourceType]:
    return [
        ResourceType(
            token="aws:ec2/vpcEndpoint:VpcEndpoint",
            service="ec2",
            operation="create_vpc_endpoint",
            request=_request,
            identify=lambda answer, i: str(answer["VpcEndpoint"]["VpcEndpointId"]),
            read=_read,
            converge=_converge,
            delete=_delete,
            fixed=names("vpcId serviceName vpcEndpointType"),
            mutable=names("policy privateDnsEnabled ipAddressType dnsOptions") | MEMBERS.keys(),
            defaults={"vpcEndpointType": "Gateway"},
            filled=names("policy privateDnsEnabled ipAddressType dnsOptions serviceRegion") | MEMBERS.keys(),
            tagger=tags.EC2,
            wrong=_wrong,
            sweep=OWN_ROW,
            price="network.endpoint",
            actions=names(
                "ec2:CreateVpcEndpoint ec2:DescribeVpcEndpoints ec2:DescribeVpcEndpointServices ec2:ModifyVpcEndpoint "
                "ec2:DeleteVpcEndpoints ec2:DescribePrefixLists ec2:DescribeManagedPrefixLists "
                "ec2:GetManagedPrefixListEntries"
            ),
        )
    ]


def _wrong(i: Given) -> dict[str, str]:
    """Each type has its own members; AWS refuses those of the other."""
    kind = i["vpcEndpointType"]
    found = {name: f"an endpoint of type {kind} has no {name}" for name in ONLY.get(kind, ()) if i[name]}
    return (
        found
        if i["serviceName"]
        else {"serviceName": "serviceName is required: the rehearsal has no resource or service-network endpoints"} | found
    )


def _request(i: Given) -> dict[str, Any]:
    return {
        "VpcId": i["vpcId"],
        "ServiceName": i["serviceName"],
        "VpcEndpointType": i["vpcEndpointType"],
        "PolicyDocument": i["policy"],
        "PrivateDnsEnabled": i["privateDnsEnabled"],
        "IpAddressType": i["ipAddressType"],
        "DnsOptions": pascal(i["dnsOptions"]),
        **{theirs: i[ours] for ours, theirs in MEMBERS.items()},
        "TagSpecifications": tags.at_creation("vpc-endpoint", i["tagsAll"]),
    }


def _describe(cloud: Cloud, id: str) -> dict[str, Any] | None:
    try:
        return one(cloud.client("ec2").describe_vpc_endpoints(VpcEndpointIds=[id])["VpcEndpoints"])
    except cloud.client("ec2").exceptions.ClientError as error:
        if is_gone(error):
            return None
        raise


def _read(cloud: Cloud, id: str, i: Given) -> State | None:
    found = _describe(cloud, id)
    if not found or found["State"].lower() in ("deleted", "deleting"):
        return None
    return {
        "id": id,
        "arn": cloud.arn("ec2", f"vpc-endpoint/{id}"),
        "vpcId": found["VpcId"],
        "serviceName": found["ServiceName"],
        "vpcEndpointType": found["VpcEndpointType"],
        "state": found["State"].lower(),
        "ownerId": found.get("OwnerId", ACCOUNT),
        "requesterManaged": bool(found.get("RequesterManaged")),
        "privateDnsEnabled": bool(found.get("PrivateDnsEnabled")),
        "ipAddressType": found.get("IpAddressType", "ipv4"),
        "dnsOptions": camel(found["DnsOptions"]) if found.get("DnsOptions") else {},
        "serviceRegion": found.get("ServiceRegion", cloud.region),
        "routeTableIds": found.get("RouteTableIds", []),
        "subnetIds": found.get("SubnetIds", []),
        "securityGroupIds": [each["GroupId"] for each in found.get("Groups", [])],
        "networkInterfaceIds": found.get("NetworkInterfaceIds", []),
        "dnsEntries": [_dns(each) for each in found.get("DnsEntries", [])],
        "tagsAll": tags.mapping(found.get("Tags")),
        **({"policy": found["PolicyDocument"]} if found.get("PolicyDocument") else {}),
        **_prefix_list(cloud, found),
    }


def _dns(entry: dict[str, Any]) -> dict[str, str]:
    return {"dnsName": entry.get("DnsName", ""), "hostedZoneId": entry.get("HostedZoneId", "")}


def _prefix_list(cloud: Cloud, found: dict[str, Any]) -> dict[str, Any]:
    """A gateway endpoint's prefix list is what a security group or route names."""
    if found["VpcEndpointType"] != "Gateway":
        return {"prefixListId": "", "cidrBlocks": []}
    filters = [{"Name": "prefix-list-name", "Values": [found["ServiceName"]]}]
    listed = one(cloud.client("ec2").describe_managed_prefix_lists(Filters=filters)["PrefixLists"])
    if not listed:
        return {"prefixListId": "", "cidrBlocks": []}
    entries = cloud.client("ec2").get_managed_prefix_list_entries(PrefixListId=listed["PrefixListId"])["Entries"]
    return {"prefixListId": listed["PrefixListId"], "cidrBlocks": [each["Cidr"] for each in entries]}


def _converge(cloud: Cloud, state: State, wanted: Given) -> None:
    wait(lambda: _state(cloud, state["id"]), until=lambda s: s != "pending", what=f"the endpoint {state['id']}", seconds=600)
    if change := {**_membership(state, wanted), **_settings(state, wanted)}:
        cloud.client("ec2").modify_vpc_endpoint(VpcEndpointId=state["id"], **change)


def _state(cloud: Cloud, id: str) -> str:
    state = str((_describe(cloud, id) or {"State": "deleted"})["State"]).lower()
    if state in ("failed", "rejected", "deleted", "expired"):
        raise NeverCame(f"the endpoint {id} is {state}")
    return state


def _membership(state: State, wanted: Given) -> dict[str, list[str]]:
    found: dict[str, list[str]] = {}
    for ours, theirs in MEMBERS.items():
        if wanted[ours] is not None:
            has, want = set(state[ours]), set(wanted[ours])
            found |= {f"Add{theirs}": sorted(want - has), f"Remove{theirs}": sorted(has - want)}
    return {name: ids for name, ids in found.items() if ids}


def _settings(state: State, wanted: Given) -> dict[str, Any]:
    """AWS answers a policy only where one was set."""
    found: dict[str, Any] = {}
    if wanted["policy"] and not same(wanted["policy"], state.get("policy")):
        found["PolicyDocument"] = wanted["policy"]
    if wanted["privateDnsEnabled"] is not None and wanted["privateDnsEnabled"] != state["privateDnsEnabled"]:
        found["PrivateDnsEnabled"] = wanted["privateDnsEnabled"]
    if wanted["ipAddressType"] and wanted["ipAddressType"] != state["ipAddressType"]:
        found["IpAddressType"] = wanted["ipAddressType"]
    if wanted["dnsOptions"] and not same(project(wanted["dnsOptions"], state["dnsOptions"]), wanted["dnsOptions"]):
        found["DnsOptions"] = pascal(wanted["dnsOptions"])
    return found


def _delete(cloud: Cloud, id: str, i: Given) -> None:
    """The call answers 200 with the refusal inside; its interfaces must be gone before the subnet can go."""
    refused = cloud.client("ec2").delete_vpc_endpoints(VpcEndpointIds=[id]).get("Unsuccessful") or []
    for each in refused:
        if "NotFound" not in each["Error"]["Code"]:
            raise NeverCame(f"{each['Error']['Code']}: {each['Error']['Message']}")
    wait(
        lambda: (_describe(cloud, id) or {"State": "deleted"})["State"].lower(),
        until=lambda state: state == "deleted",
        what=f"the end of the endpoint {id}",
        seconds=600,
    )
