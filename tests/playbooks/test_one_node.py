"""One real node: its own systemd, SSH through a session, real weights, a real engine, a real proxy."""

from __future__ import annotations

import base64
import json
import socket
import ssl
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from datetime import datetime
from http.client import HTTPConnection, HTTPSConnection
from pathlib import Path
from typing import Any

import pytest

from inferstack.records.configured import Configured, Inventory
from inferstack.records.outputs import ClusterOutputs, Node
from inferstack.records.plan import Plan
from infra.calls import weights
from infra.calls.aws import Aws
from infra.calls.weights import Manifest
from infra.components import userdata
from infra.session import forwarding
from playbooks import inventory, runner

pytestmark = [pytest.mark.hosts, pytest.mark.timeout(900)]
KEY = "canary-5d2f0c3b9a7e4c118f"
MODEL, BUCKET, GROUP = "inferstack/tiny-llama", "inferstack-weights", "inferstack-demo"
AMI = "/aws/service/deeplearning/ami/x86_64/base-oss-nvidia-driver-gpu-ubuntu-24.04/latest/ami-id"
TRUST = {
    "Version": "2012-10-17",
    "Statement": [{"Effect": "Allow", "Principal": {"Service": "ec2.amazonaws.com"}, "Action": "sts:AssumeRole"}],
}
MAY = {"Version": "2012-10-17", "Statement": [{"Effect": "Allow", "Action": "s3:GetObject", "Resource": f"arn:aws:s3:::{BUCKET}/*"}]}
"""All that the role of a node may do here; see infra/components/documents.py."""


@dataclass
class Cluster:
    plan: Plan
    outputs: ClusterOutputs
    inventory: Inventory
    manifest: Manifest
    folder: Path
    environment: dict[str, str]
    aws: Aws
    now: datetime

    def configure(self) -> Configured:
        return runner.configure(
            self.plan,
            self.outputs,
            self.inventory,
            endpoint_ca_dir=self.folder,
            weights_manifest_sha256=self.manifest.sha256,
            now=self.now,
            **self._ways(),
        )

    def drain(self) -> tuple[Any, ...]:
        return runner.drain(self.outputs, self.inventory, **self._ways())

    def ask(self, path: str, *, key: str | None = KEY) -> tuple[int, Any]:
        """Through the session to the proxy, with the certificate checked."""
        with forwarding.forward(self.aws, self.outputs.nodes[0].instance_id, 8443) as port:
            connection = _Endpoint(self.outputs.endpoint_hostname, port, self.folder / "endpoint-ca.pem")
            body = json.dumps({"model": MODEL, "prompt": "a b c", "max_tokens": 3}) if path.endswith("completions") else None
            headers = {"Content-Type": "application/json", **({"Authorization": f"Bearer {key}"} if key else {})}
            connection.request("POST" if body else "GET", path, body, headers)
            answer = connection.getresponse()
            text = answer.read().decode()
            return answer.status, json.loads(text) if text.startswith("{") else text

    def _ways(self) -> dict[str, Any]:
        keys = {"key_file": self.folder / "id_ed25519", "known_hosts": self.folder / "known_hosts"}
        return {"private_dir": self.folder / "ansible", "environment": self.environment, **keys}


class _Endpoint(HTTPSConnection):
    def __init__(self, hostname: str, port: int, authority: Path) -> None:
        super().__init__(hostname, port, timeout=60)
        self.trust = ssl.create_default_context(cafile=authority)

    def connect(self) -> None:
        self.sock = self.trust.wrap_socket(socket.create_connection(("127.0.0.1", self.port), 60), server_hostname=self.host)


@pytest.fixture
def cluster(
    tmp_path: Path,
    planned: Callable[..., Plan],
    built: Callable[..., ClusterOutputs],
    now: datetime,
    monkeypatch: pytest.MonkeyPatch,
) -> Iterator[Cluster]:
    from inferstack.sandbox.control import Sandbox

    monkeypatch.setenv("INFERSTACK_CALLER_POLICIES", "none")  # the node is launched by hand, without a group
    sandbox = Sandbox(tmp_path / "sandbox")
    info = sandbox.start()
    try:
        sandbox.attach("demo")
        environment = _environment(info.endpoint_url, info.access_key)
        for name, value in environment.items():
            monkeypatch.setenv(name, value)
        aws = Aws("us-east-1", endpoint_url=info.endpoint_url, access_key=info.access_key)
        manifest, secret = _stored(aws, tmp_path / "model")
        node = _launched(aws, _key_pair(tmp_path))
        outputs = built(weights_bucket=BUCKET, api_key_secret_arn=secret, nodes=(node,))
        told = sandbox.running()
        assert told is not None
        hosts = {
            name: getattr(told, name) for name in ("node_endpoint_url", "node_imds_url", "package_proxy_url", "artefacts_path", "host_kind")
        }
        wanted = inventory.build(planned(), outputs, rehearsal={**hosts, "served_model": MODEL}, now=now)
        yield Cluster(planned(), outputs, wanted, manifest, tmp_path, environment, aws, now)
    finally:
        sandbox.stop()


def test_a_node_is_made_ready_once_and_stays_so(cluster: Cluster) -> None:
    """Real from end to end: waited for while it boots, ready after the first run, nothing changed by the second, guarded, drained; and no
    file has the key."""
    first = cluster.configure()
    assert (True, True) == (first.hosts[0].ready, first.hosts[0].completion_tokens >= 1)
    assert dict.fromkeys(("storage_nvme", "nvidia_driver", "engine_vllm", "engine_trtllm"), "not checked") == {
        role.role: role.result for role in first.checked_only
    }
    second = cluster.configure()
    assert (0, 0, True) == (second.hosts[0].changed, second.hosts[0].failed, second.hosts[0].ready)

    status, answer = cluster.ask("/v1/completions")
    assert (200, 3) == (status, answer["usage"]["completion_tokens"])
    assert [401, 401, 404, 404] == [
        cluster.ask("/v1/completions", key=None)[0],
        cluster.ask("/v1/completions", key="another-key-of-16-characters")[0],
        cluster.ask("/metrics")[0],
        cluster.ask("/v1/../metrics")[0],
    ]
    with forwarding.forward(cluster.aws, cluster.outputs.nodes[0].instance_id, 8000) as port, pytest.raises(OSError):
        connection = HTTPConnection("127.0.0.1", port, timeout=10)
        connection.request("GET", "/health")
        connection.getresponse()

    assert [0] == [drained.cut_off for drained in cluster.drain()]
    assert 503 == cluster.ask("/v1/completions")[0]
    holders = [file for file in cluster.folder.rglob("*") if _is_ours(file, cluster.folder) and KEY.encode() in file.read_bytes()]
    assert [] == holders


def test_an_engine_is_started_anew_when_its_weights_changed(cluster: Cluster) -> None:
    """Another seed under the same name: another process and answer, its manifest in the record, the old files gone."""
    from inferstack.sandbox.engine import tiny_model

    first = cluster.configure()
    before, answer = _main_pid(cluster), cluster.ask("/v1/completions")[1]["choices"][0]["text"]
    served = cluster.manifest.sha256
    assert [served] == [host.weights_manifest_sha256 for host in first.hosts]

    folder = cluster.folder / "model"
    tiny_model.make(folder, sizes=replace(tiny_model.SMALLEST, seed=tiny_model.SMALLEST.seed + 1))
    cluster.manifest = weights.put(cluster.aws, bucket=BUCKET, kms_key_arn=cluster.outputs.kms_key_arn, model=MODEL, folder=folder)
    second = cluster.configure()
    assert cluster.manifest.sha256 != served
    assert [cluster.manifest.sha256] == [host.weights_manifest_sha256 for host in second.hosts]
    assert before != _main_pid(cluster)
    assert answer != cluster.ask("/v1/completions")[1]["choices"][0]["text"]
    assert [cluster.manifest.sha256[:12]] == _on_the_node(cluster, "ls /opt/inferstack/models/inferstack--tiny-llama").split()

    third = cluster.configure()
    assert (0, True) == (third.hosts[0].changed, third.hosts[0].ready)


def _main_pid(cluster: Cluster) -> str:
    return _on_the_node(cluster, "systemctl show --value --property=MainPID inferstack-llamacpp.service").strip()


def _on_the_node(cluster: Cluster, command: str) -> str:
    instance = cluster.outputs.nodes[0].instance_id
    proxy = f"{sys.executable} -m infra.session --instance {instance} --port %p --region us-east-1"
    options = ["StrictHostKeyChecking=no", "UserKnownHostsFile=/dev/null", "LogLevel=ERROR", "BatchMode=yes", f"ProxyCommand={proxy}"]
    argv = ["ssh", "-i", str(cluster.folder / "id_ed25519"), *(word for option in options for word in ("-o", option)), f"ubuntu@{instance}"]
    done = subprocess.run([*argv, command], capture_output=True, text=True, timeout=60, check=False)
    assert 0 == done.returncode, done.stderr
    return done.stdout


def _is_ours(file: Path, folder: Path) -> bool:
    return file.is_file() and not file.is_symlink() and not file.is_relative_to(folder / "sandbox")


def _environment(endpoint_url: str, access_key: str) -> dict[str, str]:
    dummy = {"AWS_ACCESS_KEY_ID": access_key, "AWS_SECRET_ACCESS_KEY": "rehearsal", "AWS_EC2_METADATA_DISABLED": "true"}
    return {"AWS_ENDPOINT_URL": endpoint_url, "AWS_REGION": "us-east-1", "AWS_DEFAULT_REGION": "us-east-1", **dummy}


def _key_pair(folder: Path) -> str:
    from cryptography.hazmat.primitives import serialization
    from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

    key, file = Ed25519PrivateKey.generate(), folder / "id_ed25519"
    form = serialization.PrivateFormat.OpenSSH
    file.write_bytes(key.private_bytes(serialization.Encoding.PEM, form, serialization.NoEncryption()))
    file.chmod(0o600)
    return key.public_key().public_bytes(serialization.Encoding.OpenSSH, serialization.PublicFormat.OpenSSH).decode()


def _stored(aws: Aws, folder: Path) -> tuple[Manifest, str]:
    from inferstack.sandbox.engine import tiny_model

    tiny_model.make(folder)
    key = aws.client("kms").create_key()["KeyMetadata"]["Arn"]
    aws.client("s3").create_bucket(Bucket=BUCKET)
    secret = aws.client("secretsmanager").create_secret(Name="inferstack/demo/api-key", SecretString=KEY)["ARN"]
    return weights.put(aws, bucket=BUCKET, kms_key_arn=key, model=MODEL, folder=folder), secret


def _launched(aws: Aws, public_key: str) -> Node:
    iam, ec2, group = aws.client("iam"), aws.client("ec2"), aws.client("autoscaling")
    iam.create_role(RoleName=GROUP, AssumeRolePolicyDocument=json.dumps(TRUST))
    iam.put_role_policy(RoleName=GROUP, PolicyName="weights", PolicyDocument=json.dumps(MAY))
    iam.create_instance_profile(InstanceProfileName=GROUP)
    iam.add_role_to_instance_profile(InstanceProfileName=GROUP, RoleName=GROUP)
    image = aws.client("ssm").get_parameter(Name=AMI)["Parameter"]["Value"]
    data = {"ImageId": image, "InstanceType": "p5.48xlarge", "IamInstanceProfile": {"Name": GROUP}}
    data["UserData"] = base64.b64encode(_first_boot(public_key).encode()).decode()
    ec2.create_launch_template(LaunchTemplateName=GROUP, LaunchTemplateData=data)
    subnet = ec2.describe_subnets()["Subnets"][0]["SubnetId"]
    sizes = {"MinSize": 0, "MaxSize": 1, "DesiredCapacity": 1}
    template = {"LaunchTemplateName": GROUP}
    group.create_auto_scaling_group(AutoScalingGroupName=GROUP, LaunchTemplate=template, VPCZoneIdentifier=subnet, **sizes)
    return _in_service(group, ec2)


def _first_boot(public_key: str) -> str:
    """As a launch template has it, on a slow machine: sshd answers seconds before logins are let in ("System is booting up")."""
    header, content = userdata.cloud_config(public_key).split("\n", 1)
    late = {"path": "/etc/systemd/system/systemd-user-sessions.service.d/late.conf", "content": "[Service]\nExecStartPre=/bin/sleep 8\n"}
    return f"{header}\n{json.dumps(json.loads(content) | {'write_files': [late]})}\n"


def _in_service(group: Any, ec2: Any) -> Node:
    ends = time.monotonic() + 240
    while time.monotonic() < ends:
        members = group.describe_auto_scaling_groups(AutoScalingGroupNames=[GROUP])["AutoScalingGroups"][0]["Instances"]
        if members and members[0]["LifecycleState"] == "InService":
            found = ec2.describe_instances(InstanceIds=[members[0]["InstanceId"]])["Reservations"][0]["Instances"][0]
            kind = {"instance_type": "p5.48xlarge", "availability_zone": "us-east-1a"}
            return Node(instance_id=found["InstanceId"], private_ip=found["PrivateIpAddress"], **kind)
        time.sleep(0.5)
    raise AssertionError("no host within 240 s")
