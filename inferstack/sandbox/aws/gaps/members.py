"""One member of an Auto Scaling group, made from its launch template as EC2 makes it: volumes, interfaces, tags, profile, IMDS."""

from __future__ import annotations

from collections import Counter
from typing import Any

from moto.autoscaling.models import ASG_NAME_TAG, FakeAutoScalingGroup
from moto.ec2.utils import convert_tag_spec


def places(group: FakeAutoScalingGroup) -> list[tuple[str, str | None]]:
    """The group's zones and subnets: fewest members first, then by the zone's name; moto puts all members into the first."""
    taken = Counter(state.instance.subnet_id for state in group.instance_states)
    if not group.vpc_zone_identifier:
        zones = Counter(state.availability_zone for state in group.instance_states)
        return [(zone, None) for zone in sorted(group.availability_zones, key=lambda zone: zones[zone])]
    subnets = [(group.ec2_backend.get_subnet(one).availability_zone, one) for one in group.vpc_zone_identifier.split(",")]
    return [*sorted(subnets, key=lambda place: (taken[place[1]], place[0]))]


def instance_type(group: FakeAutoScalingGroup) -> str:
    overrides = ((group.mixed_instances_policy or {}).get("LaunchTemplate") or {}).get("Overrides") or [{}]
    return str(overrides[0].get("InstanceType") or group.instance_type)


def launch(group: FakeAutoScalingGroup, *, zone: str, subnet_id: str | None, tags: dict[str, str]) -> Any:
    ec2 = group.ec2_backend
    data = _template_data(group)
    interfaces = _interfaces(data, subnet_id)
    reservation = ec2.run_instances(
        data.get("ImageId") or group.image_id,
        1,
        group.user_data,
        [],
        instance_type=instance_type(group),
        is_instance_type_default=False,
        region_name=group.region,
        placement=zone,
        subnet_id=subnet_id,
        nics=interfaces,
        security_group_ids=[],
        block_device_mappings=[],
        launch_template=_template_argument(group),
        metadata_options=data.get("MetadataOptions") or {},
        key_name=data.get("KeyName"),
        ebs_optimized=data.get("EbsOptimized") or False,
        monitoring_state="enabled" if (data.get("Monitoring") or {}).get("Enabled") else "disabled",
        disable_api_termination=data.get("DisableApiTermination") or False,
        tags={"instance": {**tags, ASG_NAME_TAG: group.name}},
    )
    instance = reservation.instances[0]
    instance.autoscaling_group = group
    _dress(ec2, instance, data, interfaces)
    return instance


def _dress(ec2: Any, instance: Any, data: dict[str, Any], interfaces: list[dict[str, Any]]) -> None:
    of_kind = convert_tag_spec(data.get("TagSpecifications") or [])
    for index, interface in instance.nics.items():
        wanted = next((spec for spec in interfaces if int(spec["DeviceIndex"]) == index), {})
        interface.interface_type = wanted.get("InterfaceType") or "interface"
        interface.add_tags(of_kind.get("network-interface", {}))
    instance.security_groups = list(instance.nics[0]._group_set) if 0 in instance.nics else []
    for mapping in _volumes(ec2, instance, data):
        volume = _attached(ec2, instance, mapping)
        volume.add_tags(of_kind.get("volume", {}))
    profile = data.get("IamInstanceProfile") or {}
    if profile:
        ec2.associate_iam_instance_profile(
            instance.id, iam_instance_profile_name=profile.get("Name"), iam_instance_profile_arn=profile.get("Arn")
        )


def _interfaces(data: dict[str, Any], subnet_id: str | None) -> list[dict[str, Any]]:
    """What EC2 makes at launch goes with the instance, unless the template says otherwise."""
    if data.get("NetworkInterfaces"):
        specs = [{"DeviceIndex": index, **spec} for index, spec in enumerate(data["NetworkInterfaces"])]
    else:
        specs = [{"DeviceIndex": 0, "Groups": list(data.get("SecurityGroupIds") or [])}]
    if subnet_id:
        specs = [spec | {"SubnetId": subnet_id} for spec in specs]
    return [{"DeleteOnTermination": True, **spec} for spec in specs]


def _volumes(ec2: Any, instance: Any, data: dict[str, Any]) -> list[dict[str, Any]]:
    """The image's root volume with the template's changes, then the template's further ones."""
    images = ec2.describe_images(ami_ids=[instance.image_id]) if instance.image_id else []
    root = {"DeviceName": instance.root_device_name, "Ebs": {"VolumeSize": 15, "VolumeType": "gp3", "DeleteOnTermination": True}}
    if images:
        root["Ebs"] = images[0].block_device_mappings[0]["Ebs"] | {"DeleteOnTermination": True, "VolumeType": "gp3"}
    asked = {mapping["DeviceName"]: mapping for mapping in data.get("BlockDeviceMappings") or [] if mapping.get("Ebs")}
    on_root = asked.pop(root["DeviceName"], {"Ebs": {}})
    return [root | {"Ebs": root["Ebs"] | on_root["Ebs"]}, *asked.values()]


def _attached(ec2: Any, instance: Any, mapping: dict[str, Any]) -> Any:
    ebs = mapping["Ebs"]
    kind = ebs.get("VolumeType") or "gp2"
    volume = ec2.create_volume(
        size=ebs.get("VolumeSize"),
        zone_name=instance.placement.zone,
        snapshot_id=ebs.get("SnapshotId"),
        encrypted=bool(ebs.get("Encrypted")),
        kms_key_id=ebs.get("KmsKeyId"),
        volume_type=kind,
        iops=ebs.get("Iops"),
        throughput=ebs.get("Throughput") or (125 if kind == "gp3" else None),
    )
    ec2.attach_volume(volume.id, instance.id, mapping["DeviceName"], bool(ebs.get("DeleteOnTermination", True)))
    return volume


def _template_data(group: FakeAutoScalingGroup) -> dict[str, Any]:
    if group.ec2_launch_template is None:
        return {}
    return dict(group.ec2_launch_template.get_version(group.launch_template_version).data)


def _template_argument(group: FakeAutoScalingGroup) -> dict[str, str]:
    if group.ec2_launch_template is None:
        return {}
    return {"LaunchTemplateId": group.ec2_launch_template.id, "Version": str(group.launch_template_version)}
