"""When there is a total: never $0 where nothing has a price, never where something may start GPUs, and `at least` where a part has none."""

from __future__ import annotations

import gzip
import importlib.util
import json
from pathlib import Path
from typing import Any

import pytest

from inferstack.pricing.bill import programs
from inferstack.pricing.bill.bill import UNKNOWN, bill
from inferstack.pricing.rates import rates
from inferstack.records.errors import InputError
from inferstack.records.preview import Bill
from tests.pricing.cluster import REGION, group, registration, template

GPU_INSTANCE = registration(
    "aws:ec2/instance:Instance", "gpu", {"instanceType": "g6e.xlarge", "rootBlockDevice": {"volumeSize": 100, "volumeType": "gp3"}}
)


def billed(*registrations: Any, region: str = REGION) -> Bill:
    return bill(registrations, region=region, hours_until_expiry=None)


@pytest.mark.parametrize(
    ("kind", "inputs"),
    [
        ("aws:rds/instance:Instance", {"instanceClass": "db.r6g.2xlarge"}),
        ("aws:elasticache/cluster:Cluster", {"nodeType": "cache.m7g.large"}),
        ("aws:dynamodb/table:Table", {}),
        ("aws:msk/cluster:Cluster", {"brokerNodeGroupInfo": {"instanceType": "kafka.m7g.large"}}),
        ("aws:opensearch/domain:Domain", {"clusterConfig": {"instanceType": "r6g.large.search"}}),
        ("aws:eks/cluster:Cluster", {"roleArn": "r"}),
        ("aws:sagemaker/notebookInstance:NotebookInstance", {"instanceType": "ml.t3.medium"}),
        ("aws:eks/nodeGroup:NodeGroup", {"instanceTypes": ["m7i.24xlarge", "t3.large"]}),
    ],
)
def test_what_has_no_price_and_no_gpu_leaves_a_lower_bound_and_alone_no_total(kind: str, inputs: dict[str, Any]) -> None:
    """$0.0000 an hour for a database would be read as free."""
    one = registration(kind, "one", inputs)
    alone, beside = billed(one), billed(one, GPU_INSTANCE)
    assert None is alone.usd_per_hour and str(alone.refused).startswith("no total: no charged resource has a price")
    assert (None, True) == (beside.refused, beside.at_least)
    assert pytest.approx(1.871959, rel=1e-5) == beside.usd_per_hour


def test_what_is_free_alone_costs_nothing() -> None:
    """A network without gateways is $0, and that is known."""
    found = billed(registration("aws:ec2/vpc:Vpc", "vpc"), registration("aws:iam/role:Role", "role"))
    assert (0, False, None) == (found.usd_per_hour, found.at_least, found.refused)


@pytest.mark.parametrize(
    ("kind", "inputs"),
    [
        ("aws:eks/cluster:Cluster", {"computeConfig": {"enabled": True}}),
        ("aws:eks/cluster:Cluster", {"computeConfig": {"enabled": UNKNOWN}}),
        ("aws:eks/nodeGroup:NodeGroup", {"instanceTypes": ["g6e.48xlarge"]}),
        ("aws:eks/nodeGroup:NodeGroup", {"scalingConfig": {"desiredSize": 2}}),
        ("aws:sagemaker/endpoint:Endpoint", {"endpointConfigName": "elsewhere"}),
        ("aws:sagemaker/endpointConfiguration:EndpointConfiguration", {"productionVariants": [{"instanceType": "ml.inf2.xlarge"}]}),
        ("aws:batch/computeEnvironment:ComputeEnvironment", {"computeResources": {"instanceTypes": ["optimal"]}}),
        ("aws:ecs/capacityProvider:CapacityProvider", {"autoScalingGroupProvider": {"autoScalingGroupArn": "arn:elsewhere"}}),
        ("aws:ec2/dedicatedHost:DedicatedHost", {"instanceFamily": "p5"}),
        ("aws:emr/cluster:Cluster", {"masterInstanceGroup": {"instanceType": "g5.xlarge"}}),
        ("aws:ec2/spotFleetRequest:SpotFleetRequest", {"targetCapacity": 3}),
        ("aws:ec2/launchConfiguration:LaunchConfiguration", {"instanceType": "p4d.24xlarge"}),
        ("aws:elasticbeanstalk/environment:Environment", {"settings": [{"name": "InstanceTypes", "value": "t3.micro, g4dn.xlarge"}]}),
        ("aws:cloudformation/stack:Stack", {"templateUrl": "https://elsewhere"}),
        ("aws:ecs/taskDefinition:TaskDefinition", {"containerDefinitions": '[{"resourceRequirements": [{"type": "GPU", "value": "1"}]}]'}),
        ("aws:bedrock/provisionedModelThroughput:ProvisionedModelThroughput", {"modelUnits": 1}),
        ("aws-native:ec2:Instance", {}),
        ("kubernetes:karpenter.sh/v1:NodePool", {"spec": {"template": {"spec": {"requirements": [{"key": "x", "values": ["c", "g"]}]}}}}),
        ("kubernetes:karpenter.k8s.aws/v1:EC2NodeClass", {}),
        ("kubernetes:apps/v1:Deployment", {"spec": {"containers": [{"resources": {"limits": {"nvidia.com/gpu": "1"}}}]}}),
        ("somebody:ml/pool:Pool", {"machineType": "a3-highgpu-8g"}),
        ("somebody:ml/pool:Pool", {"worker": {"gpuCount": 4}}),
        ("somebody:ml/pool:Pool", {"nodes": ["p6-b200.48xlarge"]}),
    ],
)  # fmt: skip
def test_what_may_start_gpus_refuses_the_total(kind: str, inputs: dict[str, Any]) -> None:
    """Beside an instance that has its price: a total without them would be an invitation."""
    found = billed(registration(kind, "one", inputs), GPU_INSTANCE)
    assert None is found.usd_per_hour
    assert f"{kind}::one may have a GPU" in str(found.refused)


def test_a_capacity_provider_of_a_group_of_the_program_is_billed_by_it() -> None:
    """What it starts is the group."""
    provider = registration(
        "aws:ecs/capacityProvider:CapacityProvider", "p", {"autoScalingGroupProvider": {}}, autoScalingGroupProvider=("urn:nodes",)
    )
    assert billed(template(), group()).usd_per_hour == billed(template(), group(), provider).usd_per_hour


@pytest.mark.parametrize(("kind", "usd"), [("t3.micro", 0.0104), ("m7i.large", 0.1008), ("c7g.xlarge", 0.145), ("t4g.nano", 0.0042)])
def test_a_small_instance_has_a_price_and_bears_no_gpu(kind: str, usd: float) -> None:
    """A bastion beside the GPUs does not refuse their bill."""
    one = registration(
        "aws:ec2/instance:Instance", "bastion", {"instanceType": kind, "rootBlockDevice": {"volumeSize": 8, "volumeType": "gp3"}}
    )
    assert pytest.approx(usd + 8 * 0.08 / 730) == billed(one).usd_per_hour
    elsewhere = billed(one, GPU_INSTANCE, region="eu-central-1")
    assert (None, True) == (elsewhere.refused, elsewhere.at_least)


def test_no_family_with_an_accelerator_is_called_plain() -> None:
    """Held against what DescribeInstanceTypes said of each type, and against every type that botocore names."""
    import botocore.session

    found = importlib.util.find_spec("moto")
    assert found and found.origin
    recorded = json.loads(gzip.decompress((Path(found.origin).parent / "ec2" / "resources" / "instance_types.json.gz").read_bytes()))
    parts = ("GpuInfo", "NeuronInfo", "InferenceAcceleratorInfo", "FpgaInfo", "MediaAcceleratorInfo")
    bearing = {name for name, told in recorded.items() if any(part in told for part in parts)}
    assert len(bearing) > 50
    assert [] == [name for name in sorted(bearing) if rates.accelerators(name) == 0]
    plain = {name for name in recorded if name not in bearing}
    assert [] == [name for name in sorted(plain) if rates.accelerators(name) != 0]
    named = botocore.session.get_session().get_service_model("ec2").shape_for("InstanceType").enum
    families = {name.partition(".")[0] for name in named if rates.accelerators(name) == 0}
    assert {"t3", "m8g", "c9g"} <= families
    assert not families & {"g2", "g3", "g3s", "g4ad", "p2", "p3", "p6e-gb200", "dl1", "f1", "cg1"}


def test_a_preview_that_failed_is_refused() -> None:
    """Its steps end where the program did."""
    steps = [{"op": "create", "newState": {"type": "pulumi:pulumi:Stack", "urn": "urn:pulumi:a::b::pulumi:pulumi:Stack::s"}}]
    content = {"config": {"aws:region": REGION}, "steps": steps}
    assert () != programs.of_preview({**content, "diagnostics": [{"severity": "warning", "message": "old"}]}, where="p.json").registrations
    with pytest.raises(InputError, match="the preview failed"):
        programs.of_preview(
            {**content, "diagnostics": [{"severity": "error", "message": "error: resource has a problem\n"}]}, where="p.json"
        )


def test_the_date_of_a_total_is_that_of_most_of_its_money() -> None:
    """99 % of it are of July 2026; the gateway's cent of 2024 is named beside it."""
    found = billed(GPU_INSTANCE, registration("aws:ec2/natGateway:NatGateway", "n", {}))
    assert ("2026-07-20", "2024-07-01") == (str(found.price_date), str(found.oldest_price_date))
    assert found.price_date_share and found.price_date_share > 0.95
    alone = billed(registration("aws:ec2/natGateway:NatGateway", "n", {}))
    assert ("2024-07-01", "2024-07-01", 1.0) == (str(alone.price_date), str(alone.oldest_price_date), alone.price_date_share)
