"""aws:ec2 launch template: a change makes a new version, which becomes the default when updateDefaultVersion says so."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from inferstack.sandbox.provider.cloud.clients import Cloud
from inferstack.sandbox.provider.cloud.request_shapes import fit
from inferstack.sandbox.provider.properties.casing import camel, pascal
from inferstack.sandbox.provider.properties.values import Given, project, same
from inferstack.sandbox.provider.resources import tags
from inferstack.sandbox.provider.resources.ec2.find import one
from inferstack.sandbox.provider.resources.resource_type import OWN_ROW, Name, ResourceType, State, names

DATA = names(
    "blockDeviceMappings capacityReservationSpecification cpuOptions creditSpecification disableApiStop disableApiTermination ebsOptimized "
    "iamInstanceProfile imageId instanceInitiatedShutdownBehavior instanceMarketOptions instanceType keyName maintenanceOptions "
    "metadataOptions monitoring networkInterfaces placement privateDnsNameOptions tagSpecifications userData vpcSecurityGroupIds"
)
RENAMED = {
    "vpcSecurityGroupIds": "SecurityGroupIds",
    "securityGroups": "Groups",
    "ipv4AddressCount": "SecondaryPrivateIpAddressCount",
    "ipv6Addresses": "Ipv6Addresses",
}
TEXT_FLAGS = frozenset(
    {"ebsOptimized", "deleteOnTermination", "encrypted", "associatePublicIpAddress", "associateCarrierIpAddress", "primaryIpv6"}
)


def types() -> list[ResourceType]:
    return [
        ResourceType(
            token="aws:ec2/launchTemplate:LaunchTemplate",
            service="ec2",
            operation="create_launch_template",
            request=lambda i: {
                "LaunchTemplateName": i["name"],
                "VersionDescription": i["description"],
                "LaunchTemplateData": data(i),
                "TagSpecifications": tags.at_creation("launch-template", i["tagsAll"]),
            },
            identify=lambda answer, i: str(answer["LaunchTemplate"]["LaunchTemplateId"]),
            read=_read,
            converge=_converge,
            delete=lambda cloud, id, i: cloud.client("ec2").delete_launch_template(LaunchTemplateId=id),
            fixed=names("name namePrefix"),
            mutable=DATA | names("description defaultVersion updateDefaultVersion"),
            filled=names("defaultVersion"),
            moving=names("latestVersion defaultVersion"),
            name=Name(longest=128),
            tagger=tags.EC2,
            wrong=_wrong,
            sweep=OWN_ROW,
            price="compute.template",
            actions=names(
                "ec2:CreateLaunchTemplate ec2:CreateLaunchTemplateVersion ec2:ModifyLaunchTemplate "
                "ec2:DescribeLaunchTemplates ec2:DescribeLaunchTemplateVersions ec2:DeleteLaunchTemplate"
            ),
        )
    ]


def data(i: Mapping[str, Any]) -> dict[str, Any]:
    """LaunchTemplateData of the inputs; the keys of tags are the program's own and keep their case."""
    found: dict[str, Any] = pascal({name: i[name] for name in sorted(DATA & i.keys()) if name != "tagSpecifications"}, RENAMED)
    if i.get("tagSpecifications"):
        found["TagSpecifications"] = [
            {"ResourceType": each.get("resourceType"), "Tags": tags.pairs(each.get("tags"))} for each in i["tagSpecifications"]
        ]
    return found


def _wrong(i: Given) -> dict[str, str]:
    if i["networkInterfaces"] and i["vpcSecurityGroupIds"]:
        return {"vpcSecurityGroupIds": "a template with networkInterfaces names its groups there (securityGroups), AWS refuses both"}
    return {}


def _read(cloud: Cloud, id: str, i: Given) -> State | None:
    ec2 = cloud.client("ec2")
    if not (found := one(ec2.describe_launch_templates(LaunchTemplateIds=[id])["LaunchTemplates"])):
        return None
    version = ec2.describe_launch_template_versions(LaunchTemplateId=id, Versions=["$Latest"])["LaunchTemplateVersions"][0]
    return {
        **_shown(version["LaunchTemplateData"]),
        "id": id,
        "arn": cloud.arn("ec2", f"launch-template/{id}"),
        "name": found["LaunchTemplateName"],
        "namePrefix": "",
        "description": version.get("VersionDescription", ""),
        "defaultVersion": found["DefaultVersionNumber"],
        "latestVersion": found["LatestVersionNumber"],
        "tagsAll": tags.mapping(found.get("Tags")),
    }


def _shown(found: Mapping[str, Any]) -> dict[str, Any]:
    """Every property of the template, None where the version has nothing: that too can be drift."""
    shown = _texts(camel(found, RENAMED))
    for specification in shown.get("tagSpecifications", []):
        specification["tags"] = {each["key"]: each["value"] for each in specification.get("tags", [])}
    return {name: shown.get(name) for name in DATA}


def _texts(tree: Any) -> Any:
    """pulumi_aws types these flags as text."""
    if isinstance(tree, dict):
        return {name: str(v).lower() if name in TEXT_FLAGS and isinstance(v, bool) else _texts(v) for name, v in tree.items()}
    return [_texts(each) for each in tree] if isinstance(tree, list) else tree


def _converge(cloud: Cloud, state: State, wanted: Given) -> None:
    ec2, id = cloud.client("ec2"), state["id"]
    latest = state["latestVersion"]
    if _differs(state, wanted):
        made = ec2.create_launch_template_version(
            LaunchTemplateId=id,
            LaunchTemplateData=_fitted(wanted),
            **({"VersionDescription": wanted["description"]} if wanted["description"] else {}),
        )
        latest = made["LaunchTemplateVersion"]["VersionNumber"]
    default = wanted["defaultVersion"] or (latest if wanted["updateDefaultVersion"] else None)
    if default and default != state["defaultVersion"]:
        ec2.modify_launch_template(LaunchTemplateId=id, DefaultVersion=str(default))


def _fitted(wanted: Given) -> dict[str, Any]:
    fitted, _ = fit("ec2", "create_launch_template_version", {"LaunchTemplateData": data(wanted)})
    return dict(fitted["LaunchTemplateData"])


def _differs(state: State, wanted: Given) -> bool:
    if (wanted["description"] or "") != state["description"]:
        return True
    return any(not same(state[name] if wanted[name] is None else project(wanted[name], state[name]), wanted[name]) for name in DATA)
