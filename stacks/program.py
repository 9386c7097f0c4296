"""The program: which components a stack has, the tags on everything, and the cost as outputs. Run by `pulumi` and by the engine alike."""

from __future__ import annotations

import asyncio
import inspect
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import UTC, date, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pulumi
import pulumi_aws as aws

from inferstack.pricing.bill.registration import Registration
from inferstack.records.errors import InputError
from inferstack.records.plan import Plan
from inferstack.records.preview import Bill
from inferstack.records.settings import StackConfig
from infra import naming
from infra.components.base import Base
from infra.components.cluster import Cluster
from stacks import settings
from stacks.registered import ProgramResource

if TYPE_CHECKING:
    from inferstack.pricing.bill.usage import Usage

ROOT = Path(__file__).resolve().parent.parent
GROUP = "aws:autoscaling/group:Group"
# Made by AWS with the network and gone with it: only what the program makes carries its tags, and may be tagged by it.
ADOPTED = frozenset({"aws:ec2/defaultSecurityGroup:DefaultSecurityGroup"})
COST = ("estimatedUsdPerHour", "estimatedUsdUntilExpiry", "priceDate", "unpricedCount")


@dataclass(frozen=True)
class Surroundings:
    """What a caller may set: `base_is_there` False lets a preview go on with unknown base outputs; `on_bill` is told the bill."""

    root: Path = ROOT
    now: datetime | None = None
    base_is_there: bool = True
    on_bill: Callable[[Bill, tuple[Registration, ...]], None] | None = None

    @property
    def today(self) -> date:
        return (self.now or datetime.now(UTC)).date()

    def usage(self, config: StackConfig) -> Usage:
        """What the stack's usage.yaml says. Raises InputError."""
        from inferstack.pricing.bill import usage

        return usage.read(self.root / config.usage) if config.usage else usage.Usage()


def main(around: Surroundings = Surroundings()) -> None:
    """One line for every mistake of the user: a RunError."""
    try:
        build(configured(), around)
    except InputError as error:
        raise pulumi.RunError(f"{error.message}: {error.hint}" if error.hint else error.message) from None


def configured() -> StackConfig:
    """The running stack's configuration. Raises InputError."""
    from pulumi.runtime import config

    return settings.from_pulumi(pulumi.get_stack(), config.CONFIG.get())


def build(config: StackConfig, around: Surroundings = Surroundings()) -> None:
    """Registers everything of the stack. Raises InputError."""
    now, usage = around.now or datetime.now(UTC), around.usage(config)
    tags = naming.stack_tags(config.stack, base=config.base, expires_at=config.expires_at, extra=config.tags)
    registered = ProgramResource()
    pulumi.runtime.register_stack_transformation(lambda args: _tagged(args, tags, registered))
    outputs = _base(config) if config.kind == "base" else _cluster(config, around, tags, now)
    hours = _hours(config, now)
    cost: pulumi.Output[Any] = pulumi.Output.from_input(asyncio.ensure_future(_cost(registered, config, hours, around, usage)))
    for name, value in {**outputs, **{name: cost[name] for name in COST}}.items():
        pulumi.export(name, value)


def _hours(config: StackConfig, now: datetime) -> float | None:
    """Hours until the stack expires; None for a base, which does not."""
    return None if config.expires_at is None else max(0.0, (config.expires_at - now).total_seconds() / 3600)


def _base(config: StackConfig) -> Mapping[str, Any]:
    return Base("base", config=config).outputs


def _cluster(config: StackConfig, around: Surroundings, tags: Mapping[str, str], now: datetime) -> Mapping[str, Any]:
    assert config.plan and config.expires_at and config.base
    if config.expires_at <= now:
        passed = f"stack {config.stack} expired at {naming.expires(config.expires_at)}"
        raise InputError(passed, hint=f"inferstack up --stack {config.stack} builds it again, or inferstack down --stack {config.stack}")
    plan = Plan.read(around.root / config.plan)
    if plan.region != config.region:
        raise InputError(
            f"the plan is for {plan.region}, but the stack is in {config.region}", hint="plan again with --region, or another --stack"
        )
    cluster = Cluster("cluster", config=config, plan=plan, base=_reference(config, around), efa_cards=_efa_cards(plan), shared_tags=tags)
    told = {
        "stack": config.stack,
        "baseStack": config.base,
        "rehearsal": config.rehearsal,
        "region": config.region,
        "accountId": config.account_id,
        "expiresAt": naming.expires(config.expires_at),
        "egress": config.egress,
        "amiId": config.ami_id,
    }
    return {**told, **cluster.outputs}


def _reference(config: StackConfig, around: Surroundings) -> Mapping[str, pulumi.Output[Any]]:
    """The base's outputs, by name. Before the base's first `up` a preview shows them as unknown."""
    if not around.base_is_there:
        return _Unknown()
    base = pulumi.StackReference(f"{pulumi.get_organization()}/{naming.PROJECT}/{config.base}")
    return _Required(base, str(config.base))


class _Required(dict[str, Any]):
    """An output that the base lacks is unknown to a preview, and one line in an `up`: plain `pulumi` may look before the base is built."""

    def __init__(self, base: pulumi.StackReference, stack: str) -> None:
        super().__init__()
        self._base, self._stack = base, stack

    def __missing__(self, name: str) -> pulumi.Output[Any]:
        return self._base.outputs.apply(lambda told: told[name] if name in (told or {}) else self._absent(name))

    def _absent(self, name: str) -> pulumi.Output[Any]:
        if pulumi.runtime.is_dry_run():
            return _Unknown()[name]
        raise pulumi.RunError(f"base {self._stack} is not built (its output {name} is missing): run pulumi up --stack {self._stack} first")


class _Unknown(dict[str, Any]):
    def __missing__(self, name: str) -> pulumi.Output[Any]:
        def known_later(value: Any) -> asyncio.Future[Any]:
            future: asyncio.Future[Any] = asyncio.Future()
            future.set_result(value)
            return future

        return pulumi.Output(set(), known_later(None), known_later(False))


def _efa_cards(plan: Plan) -> tuple[int, ...]:
    """The network cards of the type that carry EFA; asked only where a replica spans nodes. Raises InputError where that is unknown."""
    if plan.nodes_per_replica == 1:
        return ()
    from inferstack.records.files.facts import load

    records = (record for part in load("sizing")["instances"].values() for record in part.get("records", ()))
    found = next((record for record in records if record.get("instance_type") == plan.instance_type), None)
    efa = (found or {}).get("efa")
    if efa is not None and not efa["supported"]:
        return ()
    if efa is None or not efa.get("cards"):
        raise InputError(
            f"{plan.instance_type}: it is not known which of its network cards support EFA, so a replica over "
            f"{plan.nodes_per_replica} nodes cannot be built on it",
            hint="plan with another --instance-type, or with --pp 1",
        )
    return tuple(range(efa["cards"]["first"], efa["cards"]["last"] + 1))


def _tagged(
    args: pulumi.ResourceTransformationArgs, shared: Mapping[str, str], registered: ProgramResource
) -> pulumi.ResourceTransformationResult | None:
    """Tag all resources in one place; what cannot carry tags dies with a parent that does."""
    if not args.type_.startswith("aws:"):
        return None
    props = dict(args.props)
    if args.type_ == GROUP:
        props["tags"] = _group_tags(naming.resource_tags(shared, args.type_, args.name))
    elif args.type_ not in ADOPTED and _taggable(args.resource):
        props["tags"] = naming.resource_tags(shared, args.type_, args.name)
    registered.note(args.resource, args.type_, args.name, props)
    return pulumi.ResourceTransformationResult(props=props, opts=args.opts)


def _taggable(resource: pulumi.Resource) -> bool:
    return "tags" in inspect.signature(type(resource)._internal_init).parameters  # type: ignore[attr-defined]  # every generated class has it


def _group_tags(tags: Mapping[str, str]) -> list[aws.autoscaling.GroupTagArgs]:
    """Not handed on: the launch template gives the nodes tags of their own."""
    return [aws.autoscaling.GroupTagArgs(key=key, value=value, propagate_at_launch=False) for key, value in sorted(tags.items())]


async def _cost(
    registered: ProgramResource, config: StackConfig, hours: float | None, around: Surroundings, usage: Usage
) -> dict[str, Any]:
    """The outputs count from the stack's begin to its end, both fixed: a second look shows no change. The bill counts from now."""
    from inferstack.pricing.bill.bill import bill, until_expiry

    found = await registered.all()
    shown = bill(found, region=config.region, hours_until_expiry=hours, usage=usage, today=around.today)
    if around.on_bill:
        around.on_bill(shown, found)
    whole = _hours(config, config.begins_at) if config.begins_at else hours
    until = None if whole is None else until_expiry(shown, whole)
    return {
        "estimatedUsdPerHour": shown.refused or _rounded(shown.usd_per_hour),
        "estimatedUsdUntilExpiry": shown.refused or _rounded(until),
        "priceDate": shown.price_date.isoformat() if shown.price_date else None,
        "unpricedCount": shown.resources_by_bucket.get("unpriced", 0),
    }


def _rounded(usd: float | None) -> float | None:
    return None if usd is None else round(usd, 4)
