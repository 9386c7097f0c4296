"""Launch templates: a second version with user data works, tags change, its own tags stay out of its data, types and images must exist."""

from __future__ import annotations

import copy
from collections import Counter
from typing import Any

from moto.ec2.exceptions import InvalidAMIIdError, InvalidParameterValue
from moto.ec2.models.instance_types import INSTANCE_TYPES
from moto.ec2.models.launch_templates import LaunchTemplate, LaunchTemplateVersion
from moto.ec2.utils import parse_user_data

from inferstack.sandbox.aws.gaps.patch import Patch
from inferstack.sandbox.aws.world import SandboxWorld

GP3 = {"Iops": (3000, 80000), "Throughput": (125, 2000), "VolumeSize": (1, 65536)}


def patches(world: SandboxWorld) -> list[Patch]:
    return [
        Patch(LaunchTemplate, "create_version", _versioning),
        # moto keeps the tags of the creation; CreateTags and DeleteTags change another store, which AWS answers from.
        Patch(LaunchTemplate, "tags", lambda _: property(lambda self: self.get_tags(), lambda self, value: None)),
    ]


def _versioning(moto: Any) -> Any:
    def create_version(self: LaunchTemplate, data: dict[str, Any], description: str) -> LaunchTemplateVersion:
        ours = copy.deepcopy(data)
        if isinstance(ours.get("UserData"), str):
            ours["UserData"] = parse_user_data(ours["UserData"])
        if "TagSpecifications" in ours:
            ours["TagSpecifications"] = [spec for spec in ours["TagSpecifications"] if spec["ResourceType"] != "launch-template"]
        _refuse_unknown(self.ec2_backend, ours)
        return moto(self, ours, description)

    return create_version


def _refuse_unknown(ec2: Any, data: dict[str, Any]) -> None:
    """EC2 says most of this only at launch; a rehearsal that says it at once loses nothing."""
    kind = data.get("InstanceType")
    if kind and kind not in INSTANCE_TYPES:
        raise InvalidParameterValue(f"Invalid value '{kind}' for InstanceType.")
    if kind:
        _refuse_interfaces(kind, data.get("NetworkInterfaces") or [])
    image = data.get("ImageId")
    if image and not str(image).startswith("resolve:ssm:") and image not in ec2.amis:
        raise InvalidAMIIdError(image)
    for mapping in data.get("BlockDeviceMappings") or []:
        _refuse_volume(mapping.get("Ebs") or {})


def _refuse_interfaces(kind: str, interfaces: list[dict[str, Any]]) -> None:
    """Each card of a type takes the interface types and the number of them that DescribeInstanceTypes says."""
    cards = {int(card["NetworkCardIndex"]): card for card in INSTANCE_TYPES[kind]["NetworkInfo"]["NetworkCards"]}
    places = [(int(one.get("NetworkCardIndex") or 0), one.get("InterfaceType") or "interface") for one in interfaces]
    for card, wanted in places:
        if card not in cards or wanted not in cards[card].get("InterfaceTypes", ("interface",)):
            raise InvalidParameterValue(f"Network card {card} of {kind} takes no interface of type {wanted}")
    for card, number in Counter(card for card, _ in places).items():
        if number > int(cards[card]["MaximumNetworkInterfaces"]):
            raise InvalidParameterValue(
                f"Network card {card} of {kind} takes {cards[card]['MaximumNetworkInterfaces']} interfaces, not {number}"
            )
    if places and places[0][1] == "efa-only":
        raise InvalidParameterValue("An EFA-only interface cannot be the primary network interface")


def _refuse_volume(ebs: dict[str, Any]) -> None:
    if ebs.get("VolumeType") != "gp3":
        return
    for name, (least, most) in GP3.items():
        value = ebs.get(name)
        if value is not None and not least <= int(value) <= most:
            raise InvalidParameterValue(f"Volume {name.lower()} of {value} is not supported for gp3: it must be from {least} to {most}")
