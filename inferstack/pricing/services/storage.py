"""Buckets, shared file systems and image repositories."""

from __future__ import annotations

from collections.abc import Iterator

from inferstack.pricing.bill.lines import Component, priced, unpriced, usage_based
from inferstack.pricing.bill.registration import Registration, mapping, number
from inferstack.pricing.bill.whole import Whole
from inferstack.records.preview import BillLine

TIERED = "INTELLIGENT_TIERING"
HDD_CACHE = "no price of the SSD cache of an HDD file system is known"


def bucket(one: Registration, whole: Whole) -> Iterator[BillLine]:
    """Charge a bucket as S3 Standard, at the rate of the first 50 TB."""
    for part, key in (("storage", "storage_gb"), ("put", "put_requests"), ("get", "get_requests")):
        yield from usage_based(one, Component(f"standard {part}", f"s3/standard/{part}"), key, whole=whole)


def lustre(one: Registration, whole: Whole) -> Iterator[BillLine]:
    """GB of SSD or HDD, persistent storage by its throughput for each TiB; scratch has one price."""
    if one.inputs.get("storageType") == TIERED:
        yield unpriced(one, "storage and throughput", "no price of FSx for Lustre Intelligent-Tiering is known")
        return
    part = Component("storage", f"fsx-lustre/{_tier(one)}/storage")
    yield priced(one, part, quantity=number(one.inputs, "storageCapacity"), whole=whole)
    metadata = mapping(one.inputs.get("metadataConfiguration"))
    if metadata.get("mode") == "USER_PROVISIONED":
        iops = number(metadata, "iops")
        asked = "" if iops is None else f" ({iops:g} are requested)"
        yield unpriced(one, "metadata IOPS", f"no price of provisioned metadata IOPS is known{asked}")
    if one.inputs.get("driveCacheType") == "READ":
        yield unpriced(one, "SSD cache", HDD_CACHE)
    if number(one.inputs, "automaticBackupRetentionDays", default=0) != 0:
        whole_size = number(one.inputs, "storageCapacity")
        yield from usage_based(one, Component("backups", "fsx-lustre/backup/storage"), "backup_gb", whole=whole, default=whole_size)


def repository(one: Registration, whole: Whole) -> Iterator[BillLine]:
    yield from usage_based(one, Component("image storage", "ecr/storage"), "storage_gb", whole=whole)


def _tier(one: Registration) -> str:
    deployment = str(one.inputs.get("deploymentType") or "SCRATCH_1")
    kind = str(one.inputs.get("storageType") or "SSD").lower()
    if deployment.startswith("SCRATCH"):
        return "scratch-ssd"
    throughput = number(one.inputs, "perUnitStorageThroughput", default=0)
    return f"{deployment.lower().replace('_', '')}-{kind}-{throughput or 0:g}"


PRICERS = {
    "aws:s3/bucket:Bucket": bucket,
    "aws:s3/bucketV2:BucketV2": bucket,
    "aws:fsx/lustreFileSystem:LustreFileSystem": lustre,
    "aws:ecr/repository:Repository": repository,
}
