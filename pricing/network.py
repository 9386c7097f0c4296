"""Gateways, endpoints, addresses and load balancers: hours are priced, bytes are usage-based."""

from __future__ import annotations

from collections.abc import Iterator

from pricing.lines import Component, free, priced, unpriced, usage_based
from pricing.registration import UNKNOWN, Registration, Whole, switched_on
from records.preview import BillLine

SUBNET = "aws:ec2/subnet:Subnet"
ADDRESS = Component("public IPv4 address", "vpc/public-ipv4/hour")


def nat_gateway(one: Registration, whole: Whole) -> Iterator[BillLine]:
    yield priced(one, Component("gateway hours", "vpc/nat-gateway/hour"), quantity=1, whole=whole)
    yield usage_based(one, Component("data through the gateway", "vpc/nat-gateway/data"), whole=whole, note="by its bytes")


def address(one: Registration, whole: Whole) -> Iterator[BillLine]:
    yield priced(one, ADDRESS, quantity=1, whole=whole)


def endpoint(one: Registration, whole: Whole) -> Iterator[BillLine]:
    kind = one.inputs.get("vpcEndpointType") or "Gateway"
    if kind == "Gateway":
        yield free(one, "gateway endpoints have no charge")
    elif kind != "Interface":
        yield unpriced(one, "endpoint hours", f"no price of a {kind} endpoint is known")
    else:
        hours = Component("hours in each zone", "vpc/interface-endpoint/hour")
        yield priced(one, hours, quantity=zones(one, whole), whole=whole)
        yield usage_based(one, Component("data", "vpc/interface-endpoint/data"), whole=whole, note="by the bytes through it")


def zones(one: Registration, whole: Whole) -> int | None:
    """One network interface, and one charge, for each subnet; counted by reference where the list itself is not known yet."""
    listed = one.inputs.get("subnetIds", one.inputs.get("subnets"))
    if isinstance(listed, list | tuple):
        return len(listed)
    urns = {urn for name in ("subnetIds", "subnets") for urn in one.refs.get(name, ())}
    return sum(1 for found in whole.registrations if found.urn in urns and found.type == SUBNET) or None


def load_balancer(one: Registration, whole: Whole) -> Iterator[BillLine]:
    kind = one.inputs.get("loadBalancerType") or "application"
    if kind not in ("application", "network"):
        yield unpriced(one, "hours", f"no price of a {'not yet known' if kind == UNKNOWN else kind} load balancer is known")
        return
    yield priced(one, Component("hours", f"elb/{kind}/hour"), quantity=1, whole=whole)
    yield usage_based(one, Component("capacity units", f"elb/{kind}/capacity-unit"), whole=whole, note="by connections, bytes and rules")
    if not switched_on(one.inputs.get("internal")):
        yield priced(one, Component("public IPv4 addresses", ADDRESS.key), quantity=zones(one, whole), whole=whole)


PRICERS = {
    "aws:ec2/natGateway:NatGateway": nat_gateway,
    "aws:ec2/eip:Eip": address,
    "aws:ec2/vpcEndpoint:VpcEndpoint": endpoint,
    "aws:lb/loadBalancer:LoadBalancer": load_balancer,
}
