"""Which inputs of each priced type carry a quantity or choose a price: another value there must change the bill.

`path` goes through mappings by name and through lists by `*`; the values are tried one after the other.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

Values = tuple[Any, ...]

DEVICE = {"volumeSize": (777,), "volumeType": ("io1",), "iops": (9000,), "throughput": (600,)}
IN_TEMPLATE = {f"blockDeviceMappings.*.ebs.{name}": values for name, values in DEVICE.items()}
LAMBDA: Values = (["x86_64"],)

QUANTITIES: Mapping[str, Mapping[str, Values]] = {
    "aws:autoscaling/group:Group": {
        "desiredCapacity": (3,),
        "minSize": (0, 2),
        "maxSize": (17,),
        "mixedInstancesPolicy.instancesDistribution.onDemandBaseCapacity": (2,),
        "mixedInstancesPolicy.instancesDistribution.onDemandPercentageAboveBaseCapacity": (100,),
        "mixedInstancesPolicy.launchTemplate.overrides.*.instanceType": ("p5.48xlarge",),
        "mixedInstancesPolicy.launchTemplate.overrides.*.weightedCapacity": ("4",),
    },
    "aws:ec2/launchTemplate:LaunchTemplate": {
        "instanceType": ("g6.48xlarge",),
        "instanceMarketOptions.marketType": ("spot", "capacity-block"),
        "monitoring.enabled": (True, False),
        "networkInterfaces.*.associatePublicIpAddress": ("true",),
        "placement.tenancy": ("dedicated",),
        **IN_TEMPLATE,
    },
    "aws:ec2/instance:Instance": {
        "instanceType": ("g6.48xlarge",),
        "tenancy": ("dedicated",),
        "associatePublicIpAddress": (True, False),
        "monitoring": (True, False),
        **{f"rootBlockDevice.{name}": values for name, values in DEVICE.items() if name != "volumeType"},
        "rootBlockDevice.volumeType": ("st1",),
        **{f"ebsBlockDevices.*.{name}": values for name, values in DEVICE.items()},
    },
    "aws:ec2/capacityReservation:CapacityReservation": {
        "instanceType": ("g6.48xlarge",),
        "instanceCount": (1, 5),
        "availabilityZone": ("us-east-1f",),
        "instanceMatchCriteria": ("targeted",),
        "tenancy": ("dedicated",),
    },
    "aws:ec2/capacityBlockReservation:CapacityBlockReservation": {},
    "aws:savingsplans/savingsPlan:SavingsPlan": {"commitment": ("3.5",)},
    "aws:ec2/natGateway:NatGateway": {"availabilityMode": ("regional",)},
    "aws:ec2/eip:Eip": {"publicIpv4Pool": ("ipv4pool-ec2-0123",)},
    "aws:ec2/vpcEndpoint:VpcEndpoint": {"vpcEndpointType": ("Gateway", "Interface"), "subnetIds": (["a", "b", "c", "d"],)},
    "aws:lb/loadBalancer:LoadBalancer": {
        "loadBalancerType": ("network", "gateway"),
        "internal": (True,),
        "subnets": (["a", "b", "c"],),
        "subnetMappings.*.allocationId": (None,),
    },
    "aws:wafv2/webAcl:WebAcl": {"rules": ([{"name": "one"}],)},
    "aws:route53/zone:Zone": {},
    "aws:ebs/volume:Volume": {"type": ("gp3", "st1"), "size": (777,), "iops": (9000,), "throughput": (600,)},
    "aws:ebs/snapshot:Snapshot": {"storageTier": ("archive",)},
    "aws:ebs/snapshotCopy:SnapshotCopy": {"storageTier": ("archive",)},
    "aws:ec2/amiFromInstance:AmiFromInstance": {},
    "aws:ec2/amiCopy:AmiCopy": {},
    "aws:ebs/fastSnapshotRestore:FastSnapshotRestore": {},
    "aws:s3/bucket:Bucket": {},
    "aws:fsx/lustreFileSystem:LustreFileSystem": {
        "storageCapacity": (7200,),
        "storageType": ("HDD", "INTELLIGENT_TIERING"),
        "deploymentType": ("SCRATCH_2", "PERSISTENT_1"),
        "perUnitStorageThroughput": (1000,),
        "metadataConfiguration.mode": ("USER_PROVISIONED",),
        "driveCacheType": ("READ",),
        "automaticBackupRetentionDays": (0,),
    },
    "aws:ecr/repository:Repository": {},
    "aws:kms/key:Key": {"customerMasterKeySpec": ("RSA_4096",)},
    "aws:kms/replicaKey:ReplicaKey": {"customerMasterKeySpec": ("RSA_4096",)},
    "aws:secretsmanager/secret:Secret": {"replicas": ([{"region": "a"}, {"region": "b"}],)},
    "aws:cloudwatch/logGroup:LogGroup": {"logGroupClass": ("INFREQUENT_ACCESS",)},
    "aws:cloudwatch/logMetricFilter:LogMetricFilter": {},
    "aws:cloudwatch/metricAlarm:MetricAlarm": {
        "period": (10, 300),
        "metricQueries.*.metric": ({"period": 60},),
        "metricQueries.*.metric.period": (5,),
        "metricQueries.*.expression": ("ANOMALY_DETECTION_BAND(m1)",),
    },
    "aws:cloudwatch/compositeAlarm:CompositeAlarm": {},
    "aws:cloudwatch/dashboard:Dashboard": {},
    "aws:cloudwatch/eventBus:EventBus": {},
    "aws:ec2/flowLog:FlowLog": {"logDestinationType": ("s3", "cloud-watch-logs")},
    "aws:ssm/parameter:Parameter": {"tier": ("Standard", "Advanced")},
    "aws:budgets/budgetAction:BudgetAction": {"budgetName": ("a", "d")},
    "aws:sns/topic:Topic": {"fifoTopic": (True,)},
    "aws:sns/topicSubscription:TopicSubscription": {"protocol": ("sqs", "email", "sms")},
    "aws:sqs/queue:Queue": {"fifoQueue": (True, False)},
    "aws:lambda/function:Function": {"architectures": LAMBDA},
}
"""A type without a quantity in its inputs is billed by its being there, or by use alone: removing it must change the bill."""

SAME_AS = {"aws:alb/loadBalancer:LoadBalancer": "aws:lb/loadBalancer:LoadBalancer", "aws:s3/bucketV2:BucketV2": "aws:s3/bucket:Bucket"}

# fmt: off
READ_AND_NEUTRAL: Mapping[str, tuple[str, ...]] = {
    "aws:autoscaling/group:Group": ("availabilityZones", "availabilityZone", "warmPool"),
    "aws:ec2/launchTemplate:LaunchTemplate": (
        "capacityReservationSpecification", "tenancy", "volumeType", "imageId", "ami", "getPasswordData", "hostId", "hostResourceGroupArn",
    ),
    "aws:ec2/capacityReservation:CapacityReservation": ("endDate", "endDateType", "instancePlatform"),
    "aws:ec2/natGateway:NatGateway": ("availabilityZoneAddresses", "connectivityType"),
    "aws:ec2/vpcEndpoint:VpcEndpoint": ("subnets", "subnetMappings", "subnetConfigurations"),
    "aws:lb/loadBalancer:LoadBalancer": ("subnetIds", "subnetConfigurations"),
    "aws:kms/key:Key": ("enableKeyRotation",),
    "aws:kms/replicaKey:ReplicaKey": ("enableKeyRotation",),
    "aws:ec2/subnet:Subnet": ("availabilityZone",),
}
# fmt: on
"""Read to join, to name or to fall back on. No value of these alone changes what the examples cost."""

NEUTRAL = ("tags", "tagsAll", "name", "description", "namePrefix")


def set_at(value: Any, path: str, new: Any) -> Iterator[Any]:
    """Copies of `value` with `new` at the path; one for each element of a list on the way. None removes what is there."""
    head, _, rest = path.partition(".")
    if head == "*":
        for number, inner in enumerate(value if isinstance(value, list) else ()):
            for changed in set_at(inner, rest, new):
                yield [*value[:number], changed, *value[number + 1 :]]
    elif isinstance(value, Mapping):
        if rest and (head in value or not rest.startswith("*")):
            for changed in set_at(value.get(head, {}), rest, new):
                yield {**value, head: changed}
        elif not rest and value.get(head) != new:
            yield {key: inner for key, inner in value.items() if key != head} if new is None else {**value, head: new}
