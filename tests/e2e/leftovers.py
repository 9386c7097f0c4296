"""What a rehearsal could leave behind, on this machine and in the embedded AWS; each function returns what it found."""

from __future__ import annotations

import os
import subprocess
from pathlib import Path
from typing import Any

CONTROL = "inferstack:stack"


def on_this_machine(folder: Path) -> dict[str, list[str]]:
    """Processes, mounts, bridges, veths, network namespaces and loop devices that belong to the work folder."""
    found = {
        "processes": _processes(str(folder)),
        "mounts": [line for line in Path("/proc/mounts").read_text().splitlines() if str(folder) in line],
        "bridges": _bridges_of(folder),
        "network namespaces": _lines("ip", "netns", "list"),
        "loop devices": [line for line in _lines("losetup", "-a") if str(folder) in line],
    }
    return {kind: entries for kind, entries in found.items() if entries}


def _processes(text: str) -> list[str]:
    found = []
    for entry in Path("/proc").iterdir():
        if not entry.name.isdigit() or int(entry.name) == os.getpid():
            continue
        try:
            command = (entry / "cmdline").read_bytes().replace(b"\0", b" ").decode(errors="replace")
            state = (entry / "stat").read_text().rsplit(")", 1)[1].split()[0]
        except OSError:
            continue
        if text in command and state != "Z":
            found.append(f"{entry.name} {command[:200]}")
    return found


def _bridges_of(folder: Path) -> list[str]:
    """The bridge that a rehearsal in this folder makes; others on this machine belong to others."""
    from inferstack.sandbox.hosts import network

    ours = network.bridge_name(folder / ".inferstack" / "sandbox" / "hosts")
    return [line for line in _lines("ip", "-o", "link", "show", "type", "bridge") if ours in line]


def _lines(*command: str) -> list[str]:
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    return [line for line in done.stdout.splitlines() if line.strip()]


def in_the_embedded_aws(endpoint_url: str, access_key: str, stack: str, *, region: str = "us-east-1") -> list[str]:
    """Everything of the stack that a service still lists, asked service by service, by tag and by name."""
    import boto3

    def client(service: str) -> Any:
        return boto3.client(
            service, region_name=region, endpoint_url=endpoint_url, aws_access_key_id=access_key, aws_secret_access_key="rehearsal"
        )

    ec2, ours = client("ec2"), {"Filters": [{"Name": f"tag:{CONTROL}", "Values": [stack]}]}
    found = [
        f"instance {instance['InstanceId']}"
        for reservation in ec2.describe_instances(**ours)["Reservations"]
        for instance in reservation["Instances"]
        if instance["State"]["Name"] not in {"terminated", "shutting-down"}
    ]
    found += [f"volume {volume['VolumeId']}" for volume in ec2.describe_volumes(**ours)["Volumes"]]
    found += [f"interface {entry['NetworkInterfaceId']}" for entry in ec2.describe_network_interfaces(**ours)["NetworkInterfaces"]]
    found += [f"address {entry['AllocationId']}" for entry in ec2.describe_addresses(**ours)["Addresses"]]
    found += [f"nat {entry['NatGatewayId']}" for entry in ec2.describe_nat_gateways(**ours)["NatGateways"] if entry["State"] != "deleted"]
    found += [
        f"endpoint {entry['VpcEndpointId']}" for entry in ec2.describe_vpc_endpoints(**ours)["VpcEndpoints"] if entry["State"] != "deleted"
    ]
    found += [f"security group {entry['GroupId']}" for entry in ec2.describe_security_groups(**ours)["SecurityGroups"]]
    found += [f"launch template {entry['LaunchTemplateId']}" for entry in ec2.describe_launch_templates(**ours)["LaunchTemplates"]]
    prefix = f"inferstack-{stack}"
    groups = client("autoscaling").describe_auto_scaling_groups()["AutoScalingGroups"]
    found += [f"group {entry['AutoScalingGroupName']}" for entry in groups if entry["AutoScalingGroupName"].startswith(prefix)]
    schedules = client("scheduler").list_schedules()["Schedules"]
    found += [f"schedule {entry['Name']}" for entry in schedules if entry["GroupName"].startswith(prefix)]
    secrets = client("secretsmanager").list_secrets()["SecretList"]
    found += [f"secret {entry['Name']}" for entry in secrets if entry["Name"].startswith(f"inferstack/{stack}/")]
    roles = client("iam").list_roles()["Roles"]
    found += [f"role {entry['RoleName']}" for entry in roles if entry["RoleName"].startswith(prefix + "-")]
    logs = client("logs").describe_log_groups(logGroupNamePrefix=f"/inferstack/{stack}")["logGroups"]
    found += [f"log group {entry['logGroupName']}" for entry in logs]
    balancers = client("elbv2").describe_load_balancers()["LoadBalancers"]
    return found + [f"load balancer {entry['LoadBalancerName']}" for entry in balancers]
