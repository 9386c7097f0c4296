"""What outlives clusters: network, weights, key, budget."""

from __future__ import annotations

from collections.abc import Sequence

import pulumi
import pulumi_aws as aws
from pulumi import ResourceOptions

from inferstack.records.settings import StackConfig
from infra import naming
from infra.components import subnets
from infra.components.documents import Place
from infra.components.network import Network
from infra.components.storage import Weights

ALARMS = (("ACTUAL", 50.0), ("ACTUAL", 80.0), ("ACTUAL", 100.0), ("FORECASTED", 100.0))
"""Kind and percent of the month's amount; AWS allows five."""


class Base(pulumi.ComponentResource):
    """`outputs` is what a cluster stack reads through its StackReference."""

    def __init__(self, name: str, *, config: StackConfig, opts: ResourceOptions | None = None) -> None:
        super().__init__("inferstack:infra:Base", name, None, opts)
        kept = ResourceOptions(parent=self, protect=config.protect)
        place = Place(config.region, config.account_id)
        weights = Weights("weights", base=config.stack, place=place, disposable=config.rehearsal, opts=kept)
        aws.budgets.Budget(
            "budget",
            name=naming.budget(config.stack),
            budget_type="COST",
            time_unit="MONTHLY",
            limit_amount=f"{config.budget_usd_per_month:.2f}",
            limit_unit="USD",
            cost_filters=[{"name": "TagKeyValue", "values": [f"user:{naming.BASE_TAG}${config.stack}"]}],
            notifications=_alarms(config.budget_alarm_to),
            opts=ResourceOptions(parent=self),
        )
        network = _adopted(config) if config.vpc_id else _made(config, kept)
        self.outputs = {
            "kind": "base",
            "weightsBucket": pulumi.Output.format("{0}", weights.bucket.id),
            "kmsKeyArn": weights.key.arn,
            **network,
        }
        self.register_outputs(self.outputs)


def _alarms(addresses: Sequence[str]) -> list[aws.budgets.BudgetNotificationArgs] | None:
    """None where there is nobody to tell: AWS refuses a notification without a subscriber."""
    topics = [one for one in addresses if one.startswith("arn:")]
    mail = [one for one in addresses if one not in topics]
    made = [
        aws.budgets.BudgetNotificationArgs(
            comparison_operator="GREATER_THAN",
            threshold=percent,
            threshold_type="PERCENTAGE",
            notification_type=kind,
            subscriber_email_addresses=mail or None,
            subscriber_sns_topic_arns=topics or None,
        )
        for kind, percent in ALARMS
    ]
    return made if addresses else None


def _made(config: StackConfig, kept: ResourceOptions) -> dict[str, pulumi.Input[object]]:
    network = Network("network", region=config.region, zones=_zones(config), opts=kept)
    return {
        "vpcId": network.vpc.id,
        "vpcCidr": subnets.NETWORK,
        "privateSubnetIds": network.subnet_ids(public=False),
        "privateSubnetZones": network.zones(),
        "natSubnetId": network.subnet_ids(public=True)[0],
        "privateRouteTableId": network.private_routes.id,
        "storagePrefixListId": network.storage_gateway.prefix_list_id,
    }


def _adopted(config: StackConfig) -> dict[str, pulumi.Input[object]]:
    """The network of somebody else: nothing is made in it here, and its own way out is used."""
    found = aws.ec2.get_vpc_output(id=config.vpc_id)
    return {
        "vpcId": config.vpc_id,
        "vpcCidr": found.cidr_block,
        "privateSubnetIds": list(config.subnet_ids),
        "privateSubnetZones": pulumi.Output.all(*[aws.ec2.get_subnet_output(id=one).availability_zone for one in config.subnet_ids]),
    }


def _zones(config: StackConfig) -> Sequence[str]:
    """Every zone of the region unless the configuration names some: a subnet costs nothing, and no zone offers every instance type.

    Asked without a state: a zone that is impaired for a day must not take its protected subnets out of the program.
    """
    if config.zones:
        return config.zones
    ordinary = aws.GetAvailabilityZonesFilterArgs(name="opt-in-status", values=["opt-in-not-required"])
    return list(aws.get_availability_zones(filters=[ordinary]).names)
