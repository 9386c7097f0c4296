"""The whole embedded AWS in this process, over its real sockets: guard, control surface, faults, the nodes' door and their metadata."""

from __future__ import annotations

import http.client
import json
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from types import SimpleNamespace
from typing import Any
from urllib.parse import urlsplit

import boto3
import pytest
from botocore.config import Config
from botocore.exceptions import ClientError

from inferstack.sandbox.aws import daemon_record
from inferstack.sandbox.control import FaultSpec, Sandbox

NODE_ADDRESS = "127.0.0.77"


class LoopbackLauncher:
    """Hosts with addresses of the loopback network: a bridge without a bridge."""

    kind, note, bridge, gateway, package_proxy_url, artefacts_path = "fake", "not real", "br0", "127.0.0.2", "", "/mnt/artefacts"

    def __init__(self) -> None:
        self.running: set[str] = set()

    def open(self, say: Callable[[str], None]) -> None:
        say("opened")

    def start(self, instance_id: str, user_data: str, instance_type: str) -> Any:
        self.running.add(instance_id)
        return SimpleNamespace(name="n1", address=NODE_ADDRESS, ssh_port=22)

    def stop(self, instance_id: str) -> None:
        self.running.discard(instance_id)

    def hosts(self) -> tuple[Any, ...]:
        return tuple(SimpleNamespace(name="n1") for _ in self.running)

    def close(self) -> None:
        self.running.clear()


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("sandbox")


@pytest.fixture(scope="module")
def cloud(folder: Path) -> Iterator[Any]:
    from moto.moto_api._internal.models import moto_api_backend

    from inferstack.sandbox.aws.embedded_aws import EmbeddedAws

    moto_api_backend.reset()
    made = EmbeddedAws(folder, launcher=LoopbackLauncher(), slow_s=0.3)
    with made.served():
        daemon_record.write(folder, made.as_record())
        yield made


@pytest.fixture
def sandbox(cloud: Any, folder: Path) -> Iterator[Sandbox]:
    made = Sandbox(folder)
    yield made
    made.clear_faults()


@pytest.fixture
def call(cloud: Any) -> Callable[..., Any]:
    once = Config(retries={"total_max_attempts": 1})

    def of(service: str, *, endpoint: str = "", key: str = "") -> Any:
        keys = {"aws_access_key_id": key or cloud.access_key, "aws_secret_access_key": "rehearsal"}
        session = boto3.session.Session(**keys, region_name="us-east-1")
        return session.client(service, endpoint_url=endpoint or cloud.info.endpoint_url, config=once)

    return of


def code_of(call: Callable[[], Any]) -> str:
    with pytest.raises(ClientError) as caught:
        call()
    return str(caught.value.response["Error"]["Code"])


def raw(url: str, path: str, *, method: str = "GET", source: str = "127.0.0.1", **headers: str) -> tuple[int, str]:
    at = urlsplit(url)
    connection = http.client.HTTPConnection(str(at.hostname), at.port, timeout=10, source_address=(source, 0))
    connection.request(method, path, headers={name.replace("_", "-"): value for name, value in headers.items()})
    answer = connection.getresponse()
    content = answer.read().decode()
    connection.close()
    return answer.status, content


def test_the_account_is_nobodys(call: Any) -> None:
    """No account of AWS is 000000000000."""
    assert "000000000000" == call("sts").get_caller_identity()["Account"]


def test_a_foreign_host_name_is_refused(cloud: Any) -> None:
    """DNS rebinding: a web page can reach loopback, but not with our Host."""
    assert 403 == raw(cloud.info.endpoint_url, "/", Host="evil.example")[0]


@pytest.mark.parametrize("name", ["Origin", "Sec_Fetch_Site", "Sec_Fetch_Mode"])
def test_a_web_page_is_refused(cloud: Any, name: str) -> None:
    """A page may send simple requests across sites without seeing the answer: nothing may come of them."""
    for method, path in (("POST", "/moto-api/reset"), ("POST", "/"), ("GET", "/"), ("POST", "/_inferstack/stop")):
        assert 403 == raw(cloud.info.endpoint_url, path, method=method, **{name: "https://evil.example"})[0]


@pytest.mark.parametrize("path", ["/moto-api/reset", "//moto-api/reset", "/./moto-api/reset", "/x/../moto-api/reset", "/%6doto-api/reset"])
def test_motos_own_interface_is_closed_on_loopback_too(cloud: Any, call: Any, path: str) -> None:
    """It shows every secret and forgets everything, for anyone."""
    call("s3").create_bucket(Bucket="kept")
    assert 403 == raw(cloud.info.endpoint_url, path, method="POST")[0]
    assert 403 == raw(cloud.info.endpoint_url, path.replace("reset", "data.json"))[0]
    assert "kept" in [bucket["Name"] for bucket in call("s3").list_buckets()["Buckets"]]


@pytest.mark.parametrize(
    ("service", "operation", "content", "code"),
    [
        ("secretsmanager", "list_secrets", {}, "UnrecognizedClientException"),
        ("sts", "get_caller_identity", {}, "InvalidClientTokenId"),
        ("ec2", "describe_vpcs", {}, "AuthFailure"),
        ("s3", "list_buckets", {}, "InvalidAccessKeyId"),
        ("ssm", "start_session", {"Target": "i-1"}, "UnrecognizedClientException"),
        ("lambda", "list_functions", {}, "UnrecognizedClientException"),
    ],
)
@pytest.mark.parametrize("key", ["rehearsal", "AKIAIOSFODNN7EXAMPLE", "rehearsal-"])
def test_only_who_knows_the_key_of_the_run_is_answered(
    cloud: Any, call: Any, service: str, operation: str, content: dict[str, Any], code: str, key: str
) -> None:
    """Another user of the machine reaches loopback, and gets AWS's own answer to a key that is nobody's."""
    for endpoint in ("", cloud.info.node_endpoint_url):
        assert code == code_of(lambda endpoint=endpoint: getattr(call(service, key=key, endpoint=endpoint), operation)(**content))


def test_an_unsigned_call_is_refused(cloud: Any) -> None:
    """Without a signature there is no key at all."""
    assert 403 == raw(cloud.info.endpoint_url, "/weights/models/x")[0]
    assert 403 == raw(cloud.info.endpoint_url, "/", method="POST", X_Amz_Target="secretsmanager.GetSecretValue")[0]


def test_the_key_of_the_run_is_for_the_owners_eyes(cloud: Any, folder: Path) -> None:
    """It stands in daemon.json (0600), and in nothing that is shown."""
    assert 0o600 == daemon_record.path_of(folder).stat().st_mode & 0o777
    assert len(cloud.access_key) > 30 and cloud.access_key not in repr(cloud.info)


def test_the_control_surface_wants_its_token(cloud: Any) -> None:
    """Who cannot read daemon.json cannot stop, fault or advance."""
    assert 403 == raw(cloud.info.endpoint_url, "/_inferstack/info", method="POST")[0]
    assert 403 == raw(cloud.info.endpoint_url, "/_inferstack/stop", method="POST", X_Inferstack_Token="guess")[0]


def test_the_record_is_for_its_owner_only(cloud: Any, folder: Path) -> None:
    """It holds the token."""
    assert 0o600 == daemon_record.path_of(folder).stat().st_mode & 0o777


def test_a_call_is_logged_without_its_content(call: Any, folder: Path) -> None:
    """Time, service.operation, status; never a value."""
    call("secretsmanager").create_secret(Name="inferstack/demo/api-key", SecretString="canary-4711")
    line = (folder / "calls.log").read_text().splitlines()[-1]
    assert ["secretsmanager.CreateSecret", "200"] == line.split()[1:]
    assert "canary" not in (folder / "calls.log").read_text()


@pytest.mark.parametrize(
    ("service", "method", "arguments", "code"),
    [
        ("ec2", "create_vpc", {"CidrBlock": "10.0.0.0/16"}, "UnauthorizedOperation"),
        ("autoscaling", "describe_auto_scaling_groups", {}, "AccessDenied"),
        ("kms", "create_key", {}, "AccessDeniedException"),
        ("scheduler", "list_schedules", {}, "AccessDeniedException"),
        ("s3", "list_buckets", {}, "AccessDenied"),
        ("resourcegroupstaggingapi", "get_resources", {}, "AccessDeniedException"),
    ],
)
def test_a_denied_call_reads_as_awss_own(call: Any, sandbox: Sandbox, service: str, method: str, arguments: Any, code: str) -> None:
    """In each protocol boto3 finds the code."""
    sandbox.inject([FaultSpec.parse(f"UnauthorizedOperation@{service}")])
    assert code == code_of(lambda: getattr(call(service), method)(**arguments))


@pytest.mark.parametrize(
    ("service", "method", "code"),
    [
        ("ec2", "describe_vpcs", "RequestLimitExceeded"),
        ("autoscaling", "describe_tags", "Throttling"),
        ("kms", "list_keys", "ThrottlingException"),
    ],
)
def test_a_throttled_call_stays_throttled_until_cleared(call: Any, sandbox: Sandbox, service: str, method: str, code: str) -> None:
    """Retries give up; other services answer."""
    sandbox.inject([FaultSpec.parse(f"Throttling@{service}")])
    assert [code, code] == [code_of(lambda: getattr(call(service), method)()) for _ in range(2)]
    call("sts").get_caller_identity()
    sandbox.clear_faults()
    getattr(call(service), method)()


def test_a_fault_finds_a_resource_by_its_name(call: Any, sandbox: Sandbox) -> None:
    """The name or tag in the request decides, and other resources pass."""
    sandbox.inject([FaultSpec.parse("UnauthorizedOperation@role-a")])
    iam = call("iam")
    assert "AccessDenied" == code_of(lambda: iam.create_role(RoleName="role-a", AssumeRolePolicyDocument="{}"))
    iam.create_role(RoleName="role-b", AssumeRolePolicyDocument="{}")


def test_a_slow_create_takes_its_time(call: Any, sandbox: Sandbox) -> None:
    """The call waits, then it is made."""
    sandbox.inject([FaultSpec.parse("SlowCreate@ec2.CreateVpc")])
    began = time.monotonic()
    assert "vpc-" == call("ec2").create_vpc(CidrBlock="10.1.0.0/16")["Vpc"]["VpcId"][:4]
    assert time.monotonic() - began >= 0.3


def test_run_instances_meets_the_capacity_fault_too(call: Any, sandbox: Sandbox) -> None:
    """Outside a group the call itself fails."""
    sandbox.inject([FaultSpec.parse("InsufficientInstanceCapacity@g6.xlarge")])
    ask = {"ImageId": "ami-0d1a24040d1a24040", "InstanceType": "g6.xlarge", "MinCount": 1, "MaxCount": 1}
    assert "InsufficientInstanceCapacity" == code_of(lambda: call("ec2").run_instances(**ask))


def as_stack(cloud: Any, stack: str) -> Any:
    """A client with the environment of one rehearsal: its application id stands in the user agent."""
    keys = {"aws_access_key_id": cloud.access_key, "aws_secret_access_key": "rehearsal"}
    told = Config(retries={"total_max_attempts": 1}, user_agent_appid=f"inferstack-{stack}")
    return boto3.session.Session(**keys, region_name="us-east-1").client("ec2", endpoint_url=cloud.info.endpoint_url, config=told)


def test_a_fault_belongs_to_the_stack_that_armed_it(cloud: Any, sandbox: Sandbox, refusal: Any) -> None:
    """Another rehearsal beside it meets nothing, and clears only its own."""
    sandbox.inject([FaultSpec.parse("UnauthorizedOperation@DescribeVpcs")], stack="one")
    assert ["UnauthorizedOperation@DescribeVpcs"] == sandbox.unmet_faults("one")
    sandbox.clear_faults("two")
    assert refusal(lambda: as_stack(cloud, "two").describe_vpcs()) is None
    assert ["UnauthorizedOperation@DescribeVpcs"] == sandbox.unmet_faults("one")
    assert "UnauthorizedOperation" == (refusal(lambda: as_stack(cloud, "one").describe_vpcs()) or ("",))[0]
    assert [] == sandbox.unmet_faults("one")
    sandbox.clear_faults("one")
    assert refusal(lambda: as_stack(cloud, "one").describe_vpcs()) is None


def test_the_armed_faults_lie_in_a_file_for_the_provider(sandbox: Sandbox, folder: Path) -> None:
    """It looks there before each create, without a call."""
    sandbox.inject([FaultSpec.parse("ProviderKilled@aws:ec2/vpc:Vpc")])
    told = json.loads((folder / "faults.json").read_text())
    assert [("ProviderKilled", "aws:ec2/vpc:Vpc", "")] == [(one["name"], one["resource"], one["stack"]) for one in told]
    sandbox.clear_faults()
    assert [] == json.loads((folder / "faults.json").read_text())


def test_what_moto_has_not_is_said_and_not_retried(call: Any) -> None:
    """One honest line instead of a page of HTML."""
    with pytest.raises(ClientError, match=r"the embedded AWS has no autoscaling\.StartInstanceRefresh"):
        call("autoscaling").start_instance_refresh(AutoScalingGroupName="x")


@pytest.fixture
def node(cloud: Any, call: Any) -> Iterator[str]:
    """The id of an instance of a group, in service on a host at NODE_ADDRESS."""
    iam = call("iam")
    iam.create_role(RoleName="imds-node", AssumeRolePolicyDocument="{}")
    weights = {"Effect": "Allow", "Action": "s3:GetObject", "Resource": "arn:aws:s3:::weights/models/*"}
    document = json.dumps({"Version": "2012-10-17", "Statement": [weights]})
    iam.put_role_policy(RoleName="imds-node", PolicyName="node", PolicyDocument=document)
    iam.create_instance_profile(InstanceProfileName="imds")
    iam.add_role_to_instance_profile(InstanceProfileName="imds", RoleName="imds-node")
    data = {"ImageId": "ami-0d1a24040d1a24040", "InstanceType": "g6.xlarge", "IamInstanceProfile": {"Name": "imds"}}
    call("ec2").create_launch_template(LaunchTemplateName="imds", LaunchTemplateData=data)
    asg = call("autoscaling")
    asg.create_auto_scaling_group(
        AutoScalingGroupName="imds",
        MinSize=0,
        MaxSize=1,
        DesiredCapacity=1,
        AvailabilityZones=["us-east-1a"],
        LaunchTemplate={"LaunchTemplateName": "imds"},
    )
    until = time.monotonic() + 10
    while (found := asg.describe_auto_scaling_groups()["AutoScalingGroups"][0]["Instances"][0])["LifecycleState"] != "InService":
        assert time.monotonic() < until
        time.sleep(0.02)
    yield found["InstanceId"]
    asg.delete_auto_scaling_group(AutoScalingGroupName="imds", ForceDelete=True)
    call("ec2").delete_launch_template(LaunchTemplateName="imds")
    iam.remove_role_from_instance_profile(InstanceProfileName="imds", RoleName="imds-node")
    iam.delete_instance_profile(InstanceProfileName="imds")
    iam.delete_role_policy(RoleName="imds-node", PolicyName="node")
    iam.delete_role(RoleName="imds-node")


def test_a_node_learns_who_it_is_by_its_address(cloud: Any, node: str) -> None:
    """IMDSv2: a token first, then the answers of this very instance; without a token, or for a stranger, nothing."""
    url = cloud.info.node_imds_url
    assert 401 == raw(url, "/latest/meta-data/instance-id", source=NODE_ADDRESS)[0]
    status, token = raw(url, "/latest/api/token", method="PUT", source=NODE_ADDRESS, X_aws_ec2_metadata_token_ttl_seconds="60")
    assert 200 == status
    with_token = {"source": NODE_ADDRESS, "X_aws_ec2_metadata_token": token}
    assert (200, node) == raw(url, "/latest/meta-data/instance-id", **with_token)
    assert (200, "us-east-1") == raw(url, "/latest/meta-data/placement/region", **with_token)
    assert node == json.loads(raw(url, "/latest/dynamic/instance-identity/document", **with_token)[1])["instanceId"]
    role = raw(url, "/latest/meta-data/iam/security-credentials/", **with_token)
    assert (200, "imds-node") == role
    assert "Success" == json.loads(raw(url, "/latest/meta-data/iam/security-credentials/imds-node", **with_token)[1])["Code"]
    assert 404 == raw(url, "/latest/meta-data/instance-id", source="127.0.0.78", X_aws_ec2_metadata_token=token)[0]


def test_a_session_starts_for_a_node_in_service(cloud: Any, node: str, call: Any) -> None:
    """The composed sandbox connects the SSM service with the fleet's hosts."""
    ssm = call("ssm")
    answer = ssm.start_session(Target=node, DocumentName="AWS-StartSSHSession", Parameters={"portNumber": ["22"]})
    assert answer["StreamUrl"].startswith("tcp://127.0.0.1:")
    assert [node] == [i["InstanceId"] for i in ssm.describe_instance_information()["InstanceInformationList"]]


def test_the_nodes_door_has_the_api_and_no_control_surface(cloud: Any, node: str, call: Any) -> None:
    """A node may call AWS; it may not stop the sandbox."""
    url = cloud.info.node_endpoint_url
    assert "000000000000" == call("sts", endpoint=url).get_caller_identity()["Account"]
    assert 403 == raw(url, "/_inferstack/info", method="POST", X_Inferstack_Token=cloud.token)[0]
    assert 403 == raw(url, "/moto-api/reset", method="POST")[0]


def test_a_node_may_what_its_role_may(cloud: Any, node: str, call: Any) -> None:
    """Weights are read; other keys, writing, and all of EC2 are refused to a node and free to the operator."""
    call("s3").create_bucket(Bucket="weights")
    for key in ("models/x", "secret"):
        call("s3").put_object(Bucket="weights", Key=key, Body=b"w")
    url = cloud.info.node_endpoint_url

    def as_node(method: str, path: str, service: str, body: str = "") -> tuple[int, str]:
        signed = f"AWS4-HMAC-SHA256 Credential=REHEARSAL/20261121/us-east-1/{service}/aws4_request, SignedHeaders=host, Signature=0"
        at = urlsplit(url)
        connection = http.client.HTTPConnection(str(at.hostname), at.port, timeout=10, source_address=(NODE_ADDRESS, 0))
        connection.request(method, path, body=body, headers={"Authorization": signed, "Content-Type": "application/x-www-form-urlencoded"})
        answer = connection.getresponse()
        said = answer.status, answer.read().decode()
        connection.close()
        return said

    assert (200, "w") == as_node("GET", "/weights/models/x", "s3")
    assert [403, 403] == [as_node(method, path, "s3")[0] for method, path in (("GET", "/weights/secret"), ("PUT", "/weights/models/y"))]
    status, said = as_node("POST", "/", "ec2", body="Action=TerminateInstances&Version=2016-11-15&InstanceId.1=" + node)
    assert (403, True) == (status, "UnauthorizedOperation" in said and f"assumed-role/imds-node/{node}" in said)


def test_the_clock_fires_a_real_deletion_of_a_group(cloud: Any, node: str, call: Any, sandbox: Sandbox) -> None:
    """The reaper, whole: schedule, clock, our own door, group, instance, host."""
    trust = {"Effect": "Allow", "Principal": {"Service": "scheduler.amazonaws.com"}, "Action": "sts:AssumeRole"}
    may = {"Effect": "Allow", "Action": "autoscaling:DeleteAutoScalingGroup", "Resource": "*"}
    iam = call("iam")
    arn = iam.create_role(RoleName="reaper", AssumeRolePolicyDocument=json.dumps({"Version": "2012-10-17", "Statement": [trust]}))["Role"][
        "Arn"
    ]
    iam.put_role_policy(RoleName="reaper", PolicyName="p", PolicyDocument=json.dumps({"Version": "2012-10-17", "Statement": [may]}))
    call("scheduler").create_schedule(
        Name="reap",
        ScheduleExpression=time.strftime("at(%Y-%m-%dT%H:%M:%S)", time.gmtime(time.time() + 3600)),
        FlexibleTimeWindow={"Mode": "OFF"},
        Target={
            "Arn": "arn:aws:scheduler:::aws-sdk:autoscaling:deleteAutoScalingGroup",
            "RoleArn": arn,
            "Input": json.dumps({"AutoScalingGroupName": "imds", "ForceDelete": True}),
        },
        ActionAfterCompletion="DELETE",
    )
    sandbox.advance(3601)
    assert [] == call("autoscaling").describe_auto_scaling_groups()["AutoScalingGroups"]
    until = time.monotonic() + 5
    while sandbox.hosts():
        assert time.monotonic() < until
        time.sleep(0.02)
    call("autoscaling").create_auto_scaling_group(
        AutoScalingGroupName="imds", MinSize=0, MaxSize=0, AvailabilityZones=["us-east-1a"], LaunchTemplate={"LaunchTemplateName": "imds"}
    )
