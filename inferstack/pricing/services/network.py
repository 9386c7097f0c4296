"""Gateways, endpoints, addresses, load balancers, web ACLs and DNS: hours are priced, bytes and requests are usage-based."""

from __future__ import annotations

from collections.abc import Iterator

from inferstack.pricing.bill.lines import Component, free, priced, unpriced, usage_based
from inferstack.pricing.bill.registration import UNKNOWN, Registration, rows, switched_on, word
from inferstack.pricing.bill.whole import Whole
from inferstack.pricing.services import transfer
from inferstack.records.preview import BillLine

SUBNET = "aws:ec2/subnet:Subnet"
ADDRESS = Component("public IPv4 address", "vpc/public-ipv4/hour")
INTERFACES = {"Interface": "vpc/interface-endpoint", "GatewayLoadBalancer": "vpc/gateway-lb-endpoint"}


def nat_gateway(one: Registration, whole: Whole) -> Iterator[BillLine]:
    """A regional gateway is billed in each zone that it stands in; AWS chooses them where the program names none."""
    regional = one.inputs.get("availabilityMode") == "regional"
    quantity = (len(rows(one.inputs.get("availabilityZoneAddresses"))) or None) if regional else 1
    yield priced(one, Component("gateway hours", "vpc/nat-gateway/hour"), quantity=quantity, whole=whole)
    yield from usage_based(one, Component("data through the gateway", "vpc/nat-gateway/data"), "data_gb", whole=whole)
    if one.inputs.get("connectivityType") != "private":
        yield from _further_addresses(one, whole)


def address(one: Registration, whole: Whole) -> Iterator[BillLine]:
    """Charge a public address, attached or not; one that was brought from outside (a pool of the account's own) is free."""
    pool = word(one.inputs, "publicIpv4Pool", default="amazon")
    if pool not in ("amazon", UNKNOWN):
        yield free(one, "an address from your own pool (BYOIP) has no charge")
    else:
        yield priced(one, ADDRESS, quantity=1, whole=whole)


def endpoint(one: Registration, whole: Whole) -> Iterator[BillLine]:
    kind = word(one.inputs, "vpcEndpointType", default="Gateway")
    if kind == "Gateway":
        yield free(one, "gateway endpoints have no charge")
    elif kind not in INTERFACES:
        yield unpriced(one, "endpoint hours", f"no price of a {kind} endpoint is known")
    else:
        hours = Component("hours in each zone", f"{INTERFACES[kind]}/hour")
        yield priced(one, hours, quantity=zones(one, whole), whole=whole)
        yield from usage_based(one, Component("data", f"{INTERFACES[kind]}/data"), "data_gb", whole=whole)


def zones(one: Registration, whole: Whole) -> int | None:
    """One network interface, and one charge, for each subnet; counted by reference where the list itself is not known yet."""
    listed = one.inputs.get("subnetIds", one.inputs.get("subnets"))
    if isinstance(listed, list | tuple):
        return len(listed)
    mapped = rows(one.inputs.get("subnetMappings", one.inputs.get("subnetConfigurations")))
    if mapped:
        return len(mapped)
    urns = {urn for name in ("subnetIds", "subnets") for urn in one.refs.get(name, ())}
    return sum(1 for found in whole.registrations if found.urn in urns and found.type == SUBNET) or None


def load_balancer(one: Registration, whole: Whole) -> Iterator[BillLine]:
    kind = word(one.inputs, "loadBalancerType", default="application")
    if kind not in ("application", "network"):
        yield unpriced(one, "hours", f"no price of a {'not yet known' if kind == UNKNOWN else kind} load balancer is known")
        return
    yield priced(one, Component("hours", f"elb/{kind}/hour"), quantity=1, whole=whole)
    yield from usage_based(one, Component("capacity units", f"elb/{kind}/capacity-unit"), "capacity_units", whole=whole)
    if not switched_on(one.inputs.get("internal")):
        yield from _public_addresses(one, whole)
        yield from transfer.out(one, whole)


def web_acl(one: Registration, whole: Whole) -> Iterator[BillLine]:
    listed = one.inputs.get("rules")
    rules = None if listed == UNKNOWN else len(rows(listed))
    yield priced(one, Component("web ACL", "waf/web-acl"), quantity=1, whole=whole)
    if rules != 0:
        yield priced(one, Component("rules", "waf/rule"), quantity=rules, whole=whole)
    yield from usage_based(one, Component("requests", "waf/requests"), "requests", whole=whole)


def zone(one: Registration, whole: Whole) -> Iterator[BillLine]:
    """The price of the first 25 zones of an account."""
    yield priced(one, Component("hosted zone", "route53/zone"), quantity=1, whole=whole)
    yield from usage_based(one, Component("queries", "route53/queries"), "queries", whole=whole)


def _public_addresses(one: Registration, whole: Whole) -> Iterator[BillLine]:
    """An address in each zone, less those that the program allocates: these are resources of their own."""
    count = zones(one, whole)
    own = sum(1 for row in rows(one.inputs.get("subnetMappings")) if row.get("allocationId"))
    if count is None or count > own:
        yield priced(one, Component("public IPv4 addresses", ADDRESS.key), quantity=None if count is None else count - own, whole=whole)


def _further_addresses(one: Registration, whole: Whole) -> Iterator[BillLine]:
    """Its first address is a resource of its own (`allocationId`), like those named beside it."""
    if one.inputs.get("availabilityMode") == "regional" and not one.inputs.get("availabilityZoneAddresses"):
        yield unpriced(one, ADDRESS.name, "the number of addresses that AWS uses is known only after up")


PRICERS = {
    "aws:ec2/natGateway:NatGateway": nat_gateway,
    "aws:ec2/eip:Eip": address,
    "aws:ec2/vpcEndpoint:VpcEndpoint": endpoint,
    "aws:lb/loadBalancer:LoadBalancer": load_balancer,
    "aws:alb/loadBalancer:LoadBalancer": load_balancer,
    "aws:wafv2/webAcl:WebAcl": web_acl,
    "aws:route53/zone:Zone": zone,
}
