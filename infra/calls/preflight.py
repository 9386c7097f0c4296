"""What can be known before anything is made: identity, offerings, quota. Read-only.

A refusal stops `up`; what cannot be looked at is a warning that says that it is unknown.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import Literal

from inferstack.records.errors import CloudRefused
from inferstack.records.plan import Plan
from inferstack.records.settings import StackConfig
from infra.calls import quotas
from infra.calls.aws import Aws, code_of, refused
from infra.leftovers.kinds import pages, tag_map

RUNNING = ("pending", "running")
BOUNDARY_FILE = "inferstack/sandbox/aws/published/inferstack-boundary.json"


@dataclass(frozen=True)
class PreflightFinding:
    """`id` names the rule, so that a report can be searched for it."""

    id: str
    severity: Literal["error", "warning"]
    message: str
    hint: str = ""


Check = Callable[[Aws, StackConfig, Plan], Iterator[PreflightFinding]]


def findings(aws: Aws, config: StackConfig, plan: Plan) -> tuple[PreflightFinding, ...]:
    """All of them, not the first one."""
    found: list[PreflightFinding] = []
    for check in (identity, bounded, offered, within_quota, one_way_out):
        try:
            found += check(aws, config, plan)
        except Exception as error:  # noqa: BLE001  refused() gives back what is not AWS's
            told = refused(error)
            found.append(
                PreflightFinding(
                    check.__name__, "warning", f"could not check {check.__name__.replace('_', ' ')}: {told.message}", told.hint
                )
            )
    return tuple(found)


def stop(found: tuple[PreflightFinding, ...]) -> None:
    """Raises CloudRefused with the first error; the number of others is in the hint."""
    errors = [finding for finding in found if finding.severity == "error"]
    if errors:
        more = f" ({len(errors) - 1} more)" if len(errors) > 1 else ""
        kind: Literal["quota", "unsupported", "permission"] = {
            "within_quota": "quota",
            "identity": "permission",
            "bounded": "permission",
        }.get(errors[0].id, "unsupported")  # type: ignore[assignment]
        raise CloudRefused(errors[0].message + more, kind=kind, hint=errors[0].hint)


def identity(aws: Aws, config: StackConfig, plan: Plan) -> Iterator[PreflightFinding]:
    account = aws.account_id()
    if account != config.account_id:
        hint = "choose a profile of that account, or create another stack for this account"
        yield PreflightFinding(
            "identity", "error", f"the stack belongs to account {config.account_id}, but this identity is in account {account}", hint
        )


def bounded(aws: Aws, config: StackConfig, plan: Plan) -> Iterator[PreflightFinding]:
    """The policy under which every role is made must be there: the operator may not make it, an administrator does so once."""
    name = config.permissions_boundary
    try:
        aws.client("iam").get_policy(PolicyArn=f"arn:aws:iam::{config.account_id}:policy/{name}")
    except Exception as error:
        if code_of(error) not in ("NoSuchEntity", "NoSuchEntityException"):
            raise
        hint = f"an administrator creates it once: aws iam create-policy --policy-name {name} --policy-document file://{BOUNDARY_FILE}"
        yield PreflightFinding(
            "bounded", "error", f"permission: account {config.account_id} has no policy {name} to bound the roles of nodes", hint
        )


def offered(aws: Aws, config: StackConfig, plan: Plan) -> Iterator[PreflightFinding]:
    """Check that the type is offered in the region; and, where the network is somebody else's, in a zone in which one of its subnets
    lies."""
    zones = offering(aws, plan.instance_type)
    if not zones:
        hint = "plan again with another --region or --instance-type"
        yield PreflightFinding("offered", "error", f"unsupported: {plan.instance_type} is not offered in {aws.region}", hint)
    elif config.vpc_id:
        yield from placed(aws, plan, config.subnet_ids)


def placed(aws: Aws, plan: Plan, subnet_ids: Sequence[str]) -> Iterator[PreflightFinding]:
    """Whether the group can start anywhere: the zones of the real subnets against those that offer the type."""
    listed = pages(aws.client("ec2"), "describe_subnets", "Subnets", Filters=[{"Name": "subnet-id", "Values": list(subnet_ids)}])
    zones = {str(one["SubnetId"]): str(one["AvailabilityZone"]) for one in listed}
    missing = sorted(set(subnet_ids) - set(zones))
    if missing:
        message = f"subnet {missing[0]} is not in {aws.region} of this account"
        yield PreflightFinding("offered", "error", message, "correct subnet_ids in inferstack.yaml")
    offers = offering(aws, plan.instance_type)
    if zones and not set(zones.values()) & set(offers):
        message = f"unsupported: {plan.instance_type} is offered in {', '.join(offers)}; the subnets are in {_listed(zones.values())}"
        yield PreflightFinding("offered", "error", message, "give a subnet in one of those zones, or plan with another --instance-type")


def offering(aws: Aws, instance_type: str) -> tuple[str, ...]:
    """The region's zones, by name, that offer the type."""
    asked = {"LocationType": "availability-zone", "Filters": [{"Name": "instance-type", "Values": [instance_type]}]}
    listed = pages(aws.client("ec2"), "describe_instance_type_offerings", "InstanceTypeOfferings", **asked)
    return tuple(sorted({str(entry["Location"]) for entry in listed}))


def _listed(names: Iterable[str]) -> str:
    return ", ".join(sorted(set(names)))


def within_quota(aws: Aws, config: StackConfig, plan: Plan) -> Iterator[PreflightFinding]:
    """Check the quota of the family, in vCPUs, what runs already included."""
    quota = quotas.on_demand(plan.instance_type)
    if quota is None:
        yield PreflightFinding(
            "within_quota", "warning", f"the quota of {plan.instance_type} is unknown", "check it in the Service Quotas console"
        )
        return
    allowed = float(aws.client("service-quotas").get_service_quota(ServiceCode=quota.service, QuotaCode=quota.code)["Quota"]["Value"])
    needed = plan.instance_count * plan.vcpus_per_instance
    used = _running_vcpus(aws, quota, except_stack=config.stack)
    if used + needed > allowed:
        hint = quotas.increase(quota, region=aws.region, desired=used + needed)
        message = f"quota: {quota.name} ({quota.code}) allows {allowed:.0f} {quota.unit}, {used} run, the plan needs {needed}"
        yield PreflightFinding("within_quota", "error", message, hint)


def one_way_out(aws: Aws, config: StackConfig, plan: Plan) -> Iterator[PreflightFinding]:
    """Two clusters on one base would fight for the default route of its tables, or for the names of its endpoints (private DNS)."""
    if config.kind != "cluster" or config.vpc_id:
        return
    from infra import naming

    ours = [{"Name": f"tag:{naming.BASE_TAG}", "Values": [config.base or ""]}]
    ec2 = aws.client("ec2")
    gateways = pages(ec2, "describe_nat_gateways", "NatGateways", Filters=ours) if config.egress == "nat" else ()
    endpoints = pages(ec2, "describe_vpc_endpoints", "VpcEndpoints", Filters=ours)
    named = [one for one in endpoints if one["VpcEndpointType"] == "Interface" and one.get("PrivateDnsEnabled")]
    held = [("already routes through the NAT gateway", one) for one in gateways] + [("already has the endpoints", one) for one in named]
    for what, one in held:
        owner = tag_map(one.get("Tags")).get(naming.STACK_TAG)
        if str(one["State"]).lower() in {"pending", "available"} and owner not in {None, config.stack}:
            hint = f"inferstack down --stack {owner}, or run up with another --base"
            yield PreflightFinding("one_way_out", "error", f"base {config.base} {what} of stack {owner}", hint)
            return


def _running_vcpus(aws: Aws, quota: quotas.Quota, *, except_stack: str) -> int:
    from infra import naming

    counts: dict[str, int] = {}
    for reservation in pages(
        aws.client("ec2"), "describe_instances", "Reservations", Filters=[{"Name": "instance-state-name", "Values": list(RUNNING)}]
    ):
        for instance in reservation["Instances"]:
            same = quotas.on_demand(instance["InstanceType"]) == quota
            if same and tag_map(instance.get("Tags")).get(naming.STACK_TAG) != except_stack:
                counts[instance["InstanceType"]] = counts.get(instance["InstanceType"], 0) + 1
    if not counts:
        return 0
    types = aws.client("ec2").describe_instance_types(InstanceTypes=sorted(counts))["InstanceTypes"]
    return sum(counts[entry["InstanceType"]] * int(entry["VCpuInfo"]["DefaultVCpus"]) for entry in types)
