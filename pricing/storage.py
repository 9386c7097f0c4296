"""Buckets, shared file systems and image repositories."""

from __future__ import annotations

from collections.abc import Iterator

from pricing.lines import Component, priced, unpriced, usage_based
from pricing.registration import Registration, Whole, mapping, number
from records.preview import BillLine


def bucket(one: Registration, whole: Whole) -> Iterator[BillLine]:
    parts = (("storage", "by what lies in it"), ("put", "by writes and listings"), ("get", "by reads"))
    for part, note in parts:
        yield usage_based(one, Component(f"standard {part}", f"s3/standard/{part}"), whole=whole, note=note)


def lustre(one: Registration, whole: Whole) -> Iterator[BillLine]:
    """GiB of SSD; PERSISTENT_2 is priced by its throughput for each TiB, scratch is not."""
    deployment = str(one.inputs.get("deploymentType") or "SCRATCH_1")
    if deployment.startswith("SCRATCH"):
        tier = "scratch-ssd"
    else:
        throughput = number(one.inputs, "perUnitStorageThroughput", default=0)
        tier = f"{deployment.lower().replace('_', '')}-ssd-{throughput or 0:g}"
    yield priced(one, Component("storage", f"fsx-lustre/{tier}/storage"), quantity=number(one.inputs, "storageCapacity"), whole=whole)
    if mapping(one.inputs.get("metadataConfiguration")).get("mode") == "USER_PROVISIONED":
        yield unpriced(one, "metadata IOPS", "no price of provisioned metadata IOPS is known")


def repository(one: Registration, whole: Whole) -> Iterator[BillLine]:
    yield usage_based(one, Component("image storage", "ecr/storage"), whole=whole, note="by the images that lie in it")


PRICERS = {
    "aws:s3/bucket:Bucket": bucket,
    "aws:fsx/lustreFileSystem:LustreFileSystem": lustre,
    "aws:ecr/repository:Repository": repository,
}
