"""Members of a group and real hosts are kept equal; a member is in service only once its host answers."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from types import SimpleNamespace
from typing import Any

import pytest

from inferstack.records.errors import CloudRefused
from inferstack.sandbox.aws.instances.fleet import HostFleet

USER_DATA = "I2Nsb3VkLWNvbmZpZwo="


class FakeLauncher:
    """Hosts that exist at once; remembers what it was asked."""

    def __init__(self) -> None:
        self.running: dict[str, tuple[str, str]] = {}
        self.rebooted: list[str] = []
        self.fails = False

    def start(self, instance_id: str, user_data: str, instance_type: str) -> Any:
        if self.fails:
            raise CloudRefused("no room", kind="host")
        self.running[instance_id] = (user_data, instance_type)
        return SimpleNamespace(name=f"n-{instance_id}", address=f"10.77.1.{len(self.running) + 1}", ssh_port=22)

    def stop(self, instance_id: str) -> None:
        self.running.pop(instance_id, None)

    def reboot(self, instance_id: str) -> Any:
        self.rebooted.append(instance_id)
        return SimpleNamespace(name=f"n-{instance_id}", address="10.77.1.9", ssh_port=22)

    def hosts(self) -> tuple[Any, ...]:
        return tuple(SimpleNamespace(name=f"n-{instance_id}") for instance_id in list(self.running))


@pytest.fixture
def launcher() -> FakeLauncher:
    return FakeLauncher()


@pytest.fixture
def fleet(world: Any, launcher: FakeLauncher) -> Iterator[HostFleet]:
    made = HostFleet(world, lambda: launcher, retry_s=0.0)
    world.backed, world.host_of, world.reboot = True, made.host_of, made.reboot
    yield made
    made.close()


@pytest.fixture
def group(fleet: HostFleet, ours: Any) -> Any:
    """Makes a group of so many members; gives the Auto Scaling client."""
    ours("ec2").create_launch_template(
        LaunchTemplateName="nodes",
        LaunchTemplateData={"ImageId": "ami-0d1a24040d1a24040", "InstanceType": "g6.xlarge", "UserData": USER_DATA},
    )
    asg = ours("autoscaling")
    asg.create_auto_scaling_group(
        AutoScalingGroupName="nodes",
        MinSize=0,
        MaxSize=4,
        DesiredCapacity=2,
        AvailabilityZones=["us-east-1a"],
        LaunchTemplate={"LaunchTemplateName": "nodes", "Version": "$Latest"},
    )
    return asg


def until(step: Callable[[], None], met: Callable[[], bool]) -> None:
    deadline = time.monotonic() + 5
    while not met():
        assert time.monotonic() < deadline, "it did not come to be"
        step()
        time.sleep(0.005)


def states(asg: Any) -> list[str]:
    return sorted(i["LifecycleState"] for i in asg.describe_auto_scaling_groups()["AutoScalingGroups"][0]["Instances"])


def test_a_member_is_pending_until_its_host_answers(group: Any, fleet: HostFleet, launcher: FakeLauncher, ours: Any) -> None:
    """InService means that a real host is up, with the template's user data."""
    before = states(group), {i["State"]["Name"] for r in ours("ec2").describe_instances()["Reservations"] for i in r["Instances"]}
    assert (["Pending", "Pending"], {"pending"}) == before
    until(fleet.step, lambda: states(group) == ["InService", "InService"])
    assert {("#cloud-config\n", "g6.xlarge")} == set(launcher.running.values())
    newest = group.describe_scaling_activities(AutoScalingGroupName="nodes")["Activities"]
    assert {"Successful"} == {activity["StatusCode"] for activity in newest}


def test_a_host_stops_with_its_instance(group: Any, fleet: HostFleet, launcher: FakeLauncher) -> None:
    """Scaling in and deletion both end the hosts."""
    until(fleet.step, lambda: len(launcher.running) == 2)
    group.set_desired_capacity(AutoScalingGroupName="nodes", DesiredCapacity=1)
    until(fleet.step, lambda: len(launcher.running) == 1)
    group.delete_auto_scaling_group(AutoScalingGroupName="nodes", ForceDelete=True)
    until(fleet.step, lambda: not launcher.running and not fleet.listed())


def test_a_terminated_member_is_replaced_by_a_new_host(group: Any, fleet: HostFleet, launcher: FakeLauncher, ours: Any) -> None:
    """The group keeps its capacity, as on AWS."""
    until(fleet.step, lambda: states(group) == ["InService", "InService"])
    gone = min(launcher.running)
    ours("ec2").terminate_instances(InstanceIds=[gone])
    until(fleet.step, lambda: gone not in launcher.running and len(launcher.running) == 2)


def test_a_host_that_does_not_start_is_a_failed_activity_and_is_tried_again(group: Any, fleet: HostFleet, launcher: FakeLauncher) -> None:
    """The reason stands in the activity; the group recovers when the machine does."""
    launcher.fails = True

    def failed() -> list[Any]:
        activities = group.describe_scaling_activities(AutoScalingGroupName="nodes")["Activities"]
        return [a["StatusMessage"] for a in activities if a["StatusCode"] == "Failed"]

    until(fleet.step, lambda: len(failed()) >= 2)
    assert failed()[0].endswith("did not start: no room")
    launcher.fails = False
    until(fleet.step, lambda: states(group) == ["InService", "InService"])


def test_a_host_that_ends_by_itself_takes_its_instance_with_it(group: Any, fleet: HostFleet, launcher: FakeLauncher) -> None:
    """A crashed node is replaced, and the activities say why."""
    until(fleet.step, lambda: states(group) == ["InService", "InService"])
    gone = min(launcher.running)
    launcher.stop(gone)
    until(fleet.step, lambda: len(launcher.running) == 2 and states(group) == ["InService", "InService"])
    said = [a["Cause"] for a in group.describe_scaling_activities(AutoScalingGroupName="nodes")["Activities"] if gone in a["Description"]]
    assert "EC2 health check" in said[0]


def test_a_reboot_reaches_the_host(group: Any, fleet: HostFleet, launcher: FakeLauncher, ours: Any) -> None:
    """RebootInstances is not only a record."""
    until(fleet.step, lambda: states(group) == ["InService", "InService"])
    node = min(launcher.running)
    ours("ec2").reboot_instances(InstanceIds=[node])
    until(fleet.step, lambda: launcher.rebooted == [node])
    assert node == fleet.instance_at("10.77.1.9")
