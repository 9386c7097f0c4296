"""EC2: spot prices by zone instead of moto's one price of 2006, and capacity-block offerings, which moto has not. All synthetic."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

from moto.core.responses import ActionResult
from moto.core.utils import utcnow
from moto.ec2.responses import EC2Response
from moto.ec2.responses.spot_instances import SpotInstances

from inferstack.sandbox.aws.gaps.patch import Patch
from inferstack.sandbox.aws.services import synthetic_prices
from inferstack.sandbox.aws.world import SandboxWorld


def patches(world: SandboxWorld) -> list[Patch]:
    return [
        Patch(SpotInstances, "describe_spot_price_history", lambda _: _spot),
        Patch(EC2Response, "describe_capacity_block_offerings", lambda _: _blocks),
    ]


def _spot(self: SpotInstances) -> ActionResult:
    """The newest price of each zone, and one that is older: history, as AWS answers it."""
    asked, now = set(self._get_param("InstanceTypes", []) or []), utcnow()
    rows = []
    for row in synthetic_prices.recorded()["spot"] if self.region in synthetic_prices.regions() else ():
        for letter, usd in row["zones"].items() if not asked or row["type"] in asked else ():
            for price, at in ((usd * 2, now - timedelta(days=2)), (usd, now - timedelta(hours=1))):
                rows.append(
                    {
                        "InstanceType": row["type"],
                        "ProductDescription": "Linux/UNIX",
                        "SpotPrice": synthetic_prices.price(price, self.region),
                        "AvailabilityZone": f"{self.region}{letter}",
                        "Timestamp": at,
                    }
                )
    return ActionResult({"SpotPriceHistory": rows, "NextToken": ""})


def _blocks(self: Any) -> ActionResult:
    kind, count = self._get_param("InstanceType"), int(self._get_param("InstanceCount") or 1)
    begins = (utcnow() + timedelta(days=1)).replace(hour=11, minute=30, second=0, microsecond=0)
    offered = synthetic_prices.recorded()["capacity_blocks"] if self.region in synthetic_prices.regions() else ()
    rows = [
        {
            "CapacityBlockOfferingId": f"cb-synthetic-{number}",
            "InstanceType": row["type"],
            "AvailabilityZone": f"{self.region}{row['zone']}",
            "InstanceCount": count,
            "StartDate": begins,
            "EndDate": begins + timedelta(hours=row["hours"]),
            "CapacityBlockDurationHours": row["hours"],
            "UpfrontFee": f"{float(synthetic_prices.price(row['fee'], self.region)) * count:.4f}",
            "CurrencyCode": "USD",
            "Tenancy": "default",
        }
        for number, row in enumerate(offered)
        if row["type"] == kind
    ]
    return ActionResult({"CapacityBlockOfferings": rows})
