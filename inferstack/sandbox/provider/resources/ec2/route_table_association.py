"""aws:ec2 association of a route table with a subnet. It carries no tags: it dies with its table."""

from __future__ import annotations

from inferstack.sandbox.provider.cloud.clients import Cloud
from inferstack.sandbox.provider.cloud.refusals import is_gone
from inferstack.sandbox.provider.properties.values import Given
from inferstack.sandbox.provider.resources.ec2.find import by_filter
from inferstack.sandbox.provider.resources.resource_type import FREE, OWN_ROW, ResourceType, State, names


def types() -> list[ResourceType]:
    return [
        ResourceType(
            token="aws:ec2/routeTableAssociation:RouteTableAssociation",
            service="ec2",
            operation="associate_route_table",
            request=lambda i: {"RouteTableId": i["routeTableId"], "SubnetId": i["subnetId"], "GatewayId": i["gatewayId"]},
            identify=lambda answer, i: str(answer["AssociationId"]),
            read=_read_association,
            delete=lambda cloud, id, i: cloud.client("ec2").disassociate_route_table(AssociationId=id),
            fixed=names("routeTableId subnetId gatewayId"),
            sweep=OWN_ROW,
            price=FREE,
            actions=names("ec2:AssociateRouteTable ec2:ReplaceRouteTableAssociation ec2:DisassociateRouteTable ec2:DescribeRouteTables"),
        )
    ]


def _read_association(cloud: Cloud, id: str, i: Given) -> State | None:
    """An import names SUBNET/TABLE, as with the real provider."""
    ec2 = cloud.client("ec2")
    wanted = {"association.subnet-id": id.split("/")[0]} if "/" in id else {"association.route-table-association-id": id}
    try:
        table = by_filter(ec2, "route_tables", wanted)
    except ec2.exceptions.ClientError as error:
        if is_gone(error):
            return None
        raise
    for each in table.get("Associations", []):
        if id == each["RouteTableAssociationId"] or ("/" in id and each.get("SubnetId") == id.split("/")[0]):
            ends = {"subnetId": each.get("SubnetId"), "gatewayId": each.get("GatewayId")}
            return {"id": each["RouteTableAssociationId"], "routeTableId": table["RouteTableId"], **ends}
    return None
