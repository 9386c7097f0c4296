"""What is asked of the AWS Price List Query API for one region, and which rate each product becomes. Pure: a table.

Filters and usage types: AWS Price List documentation and the billing codes of each service's user guide; the same sets as infracost and
Karpenter use. A usage type has a prefix outside us-east-1 (`EUC1-`), so its end is compared; the region itself is asked for by its code.
FSx names are the exception: no answer could be read while this was written, so they are matched by attributes and may be absent.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

ON_DEMAND = "ec2/on-demand"


@dataclass(frozen=True)
class PricedRate:
    """One rate: the products that it is read from, the unit of the list and what one of it is in the rate's unit.

    `usd of the rate = usd of the list x factor`. `tiers` are the keys of a price with steps, cheapest last; without them the first step
    above zero is the rate and all steps are kept beside it. `optional` rates are not sold in every region.
    """

    key: str
    unit: str
    usagetype: str
    list_units: tuple[str, ...]
    factor: float = 1.0
    attributes: Mapping[str, str] = field(default_factory=dict)
    tiers: tuple[str, ...] = ()
    optional: bool = False

    @property
    def keys(self) -> tuple[str, ...]:
        return self.tiers or (self.key,)


@dataclass(frozen=True)
class Query:
    """One paginated GetProducts call. `region_field` is the attribute that holds the region's code."""

    service: str
    filters: Mapping[str, str]
    wanted: tuple[PricedRate, ...] = ()
    region_field: str = "regionCode"

    def asked(self, region: str) -> list[dict[str, str]]:
        fields = {self.region_field: region, **self.filters}
        return [{"Type": "TERM_MATCH", "Field": name, "Value": value} for name, value in fields.items()]


INSTANCES = Query(
    "AmazonEC2",
    {
        "operatingSystem": "Linux",
        "tenancy": "Shared",
        "preInstalledSw": "NA",
        "capacitystatus": "Used",
        "marketoption": "OnDemand",  # without it a capacity block of $0.00 comes with the same SKU
    },
)

HOURS, GB, GB_MONTH = ("Hrs", "hours"), ("GB", "GigaBytes"), ("GB-Mo",)
IN_GIBPS = 1 / 1024
PER_1K, PER_10K = 1_000.0, 10_000.0


def _volumes() -> tuple[Query, ...]:
    gp3, io2 = {"volumeApiName": "gp3"}, {"volumeApiName": "io2"}
    iops = {"to-32000": "io2", "to-64000": "io2.tier2", "over-64000": "io2.tier3"}
    steps = tuple(PricedRate(f"ebs/io2/iops-{step}", "IOPS-month", f"EBS:VolumeP-IOPS.{kind}", ("IOPS-Mo",)) for step, kind in iops.items())
    speed = PricedRate("ebs/gp3/throughput", "MiBps-month", "EBS:VolumeP-Throughput.gp3", ("GiBps-mo",), factor=IN_GIBPS)
    return (
        Query(
            "AmazonEC2", {"productFamily": "Storage", **gp3}, (PricedRate("ebs/gp3/storage", "GB-month", "EBS:VolumeUsage.gp3", GB_MONTH),)
        ),
        Query(
            "AmazonEC2",
            {"productFamily": "System Operation", **gp3},
            (PricedRate("ebs/gp3/iops", "IOPS-month", "EBS:VolumeP-IOPS.gp3", ("IOPS-Mo",)),),
        ),
        Query("AmazonEC2", {"productFamily": "Provisioned Throughput", **gp3}, (speed,)),
        Query(
            "AmazonEC2", {"productFamily": "Storage", **io2}, (PricedRate("ebs/io2/storage", "GB-month", "EBS:VolumeUsage.io2", GB_MONTH),)
        ),
        Query("AmazonEC2", {"productFamily": "System Operation", **io2}, steps),
        Query(
            "AmazonEC2",
            {"productFamily": "Storage Snapshot"},
            (PricedRate("ebs/snapshot/standard", "GB-month", "EBS:SnapshotUsage", GB_MONTH),),
        ),
    )


def _network() -> tuple[Query, ...]:
    return (
        Query(
            "AmazonEC2",
            {"productFamily": "NAT Gateway"},
            (
                PricedRate("vpc/nat-gateway/hour", "gateway-hour", "NatGateway-Hours", HOURS),
                PricedRate("vpc/nat-gateway/data", "GB", "NatGateway-Bytes", GB),
            ),
        ),
        Query(
            "AmazonVPC",
            {"group": "VPCPublicIPv4Address"},
            (PricedRate("vpc/public-ipv4/hour", "address-hour", "PublicIPv4:InUseAddress", HOURS),),
        ),
        Query(
            "AmazonVPC",
            {"productFamily": "VpcEndpoint"},
            (
                PricedRate("vpc/interface-endpoint/hour", "endpoint-zone-hour", "VpcEndpoint-Hours", HOURS),
                PricedRate("vpc/interface-endpoint/data", "GB", "VpcEndpoint-Bytes", GB),
            ),
        ),
        _balancer("Load Balancer-Application", "application", "LCU-hour"),
        _balancer("Load Balancer-Network", "network", "NLCU-hour"),
        *_transfer(),
    )


def _balancer(family: str, kind: str, capacity_unit: str) -> Query:
    return Query(
        "AWSELB",
        {"productFamily": family, "locationType": "AWS Region"},
        (
            PricedRate(f"elb/{kind}/hour", "hour", "LoadBalancerUsage", HOURS),
            PricedRate(f"elb/{kind}/capacity-unit", capacity_unit, "LCUUsage", ("LCU-Hrs",)),
        ),
    )


def _transfer() -> tuple[Query, ...]:
    steps = tuple(f"transfer/internet/{step}" for step in ("first-10tb", "next-40tb", "next-100tb", "over-150tb"))
    out = PricedRate(steps[0], "GB", "DataTransfer-Out-Bytes", GB, tiers=steps)
    within = PricedRate("transfer/cross-zone", "GB", "DataTransfer-Regional-Bytes", GB)
    return (
        Query("AWSDataTransfer", {"transferType": "AWS Outbound"}, (out,), region_field="fromRegionCode"),
        Query("AWSDataTransfer", {"transferType": "IntraRegion"}, (within,), region_field="fromRegionCode"),
    )


def _storage() -> tuple[Query, ...]:
    return (
        Query(
            "AmazonS3",
            {"productFamily": "Storage", "volumeType": "Standard"},
            (PricedRate("s3/standard/storage", "GB-month", "TimedStorage-ByteHrs", GB_MONTH),),
        ),
        Query(
            "AmazonS3",
            {"productFamily": "API Request"},
            (
                PricedRate("s3/standard/put", "1k-requests", "Requests-Tier1", ("Requests",), factor=PER_1K),
                PricedRate("s3/standard/get", "1k-requests", "Requests-Tier2", ("Requests",), factor=PER_1K),
            ),
        ),
        Query("AmazonFSx", {"productFamily": "Storage", "fileSystemType": "Lustre"}, _lustre()),
    )


def _lustre() -> tuple[PricedRate, ...]:
    kinds = {f"persistent2-ssd-{speed}": {"deploymentOption": "Persistent_2", "throughputCapacity": speed} for speed in LUSTRE_SPEEDS}
    kinds["scratch-ssd"] = {"deploymentOption": "Scratch_2"}
    return tuple(
        PricedRate(f"fsx-lustre/{kind}/storage", "GB-month", "", GB_MONTH, attributes={"storageType": "SSD", **wanted}, optional=True)
        for kind, wanted in kinds.items()
    )


LUSTRE_SPEEDS = ("125", "250", "500", "1000")


def _operations() -> tuple[Query, ...]:
    return (
        Query(
            "awskms",
            {},
            (
                PricedRate("kms/key", "key-month", "KMS-Keys", ("Keys",)),
                PricedRate("kms/requests", "10k-requests", "KMS-Requests", ("Requests",), factor=PER_10K),
            ),
        ),
        Query(
            "AWSSecretsManager",
            {},
            (
                PricedRate("secretsmanager/secret", "secret-month", "AWSSecretsManager-Secrets", ("Secrets",)),
                PricedRate("secretsmanager/calls", "10k-calls", "AWSSecretsManagerAPIRequest", ("API Requests",), factor=PER_10K),
            ),
        ),
        Query("AmazonCloudWatch", {"productFamily": "Metric"}, (PricedRate("cloudwatch/metric", "metric-month", METRICS, ("Metrics",)),)),
        Query(
            "AmazonCloudWatch",
            {"productFamily": "Alarm"},
            (
                PricedRate(
                    "cloudwatch/alarm/standard",
                    "alarm-metric-month",
                    "CW:AlarmMonitorUsage",
                    ("Alarms",),
                    attributes={"alarmType": "Standard"},
                ),
            ),
        ),
        Query(
            "AmazonCloudWatch",
            {"productFamily": "Data Payload"},
            (
                PricedRate("cloudwatch/logs/ingest", "GB", "DataProcessing-Bytes", GB),
                PricedRate("cloudwatch/logs/insights", "GB", "DataScanned-Bytes", GB),
            ),
        ),
        Query(
            "AmazonCloudWatch",
            {"productFamily": "Storage Snapshot"},
            (PricedRate("cloudwatch/logs/storage", "GB-month", "TimedStorage-ByteHrs", GB_MONTH),),
        ),
    )


METRICS = "CW:MetricMonitorUsage"
SERVICES: tuple[Query, ...] = (*_volumes(), *_network(), *_storage(), *_operations())
