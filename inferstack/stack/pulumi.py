"""The two Pulumi stacks of a cluster, base and cluster: what each is told, and the engine that works on it."""

from __future__ import annotations

import os
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime, timedelta
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any

from inferstack.cli import settings as settings_of
from inferstack.cli.command import Command
from inferstack.cli.progress import Progress
from inferstack.records.files import places
from inferstack.records.plan import Plan
from inferstack.records.record import write_text
from inferstack.records.settings import StackConfig
from inferstack.stack import image, keys, workdir
from inferstack.stack.workdir import Run, StackRecord
from inferstack.stack.world import World

if TYPE_CHECKING:
    from infra.calls.aws import Aws
    from stacks.engine.run import Engine


@dataclass
class Stacks:
    """`run` holds the plan that the cluster is built from. Asking for an engine makes nothing."""

    command: Command
    world: World
    run: Run | None

    @property
    def record(self) -> StackRecord:
        return self.command.stack.record()

    @cached_property
    def aws(self) -> Aws:
        return self.world.aws()

    @cached_property
    def base(self) -> Engine:
        return self._engine(self.record.base)

    @cached_property
    def cluster(self) -> Engine:
        return self._engine(self.command.name)

    def bind(self) -> None:
        """Resolves once what must never change under the stack: account, image, key."""
        record, settings = self.record, self.command.loaded.settings
        account_id = record.account_id or self.aws.account_id()
        ami_id = record.ami_id or settings.ami_id or image.newest(self.aws)
        keys.ensure(self.command.stack.folder, comment=f"inferstack-{record.stack}")
        if (account_id, ami_id) != (record.account_id, record.ami_id):
            self.command.stack.write(record.replaced(account_id=account_id, ami_id=ami_id))

    def base_config(self) -> StackConfig:
        settings = self.command.loaded.settings
        budget: dict[str, Any] = {"budget_usd_per_month": settings.budget_usd_per_month, "budget_alarm_to": settings.budget_alarm_to}
        return StackConfig(stack=self.record.base, kind="base", **budget, **self._shared())

    def cluster_config(self, expires_at: datetime) -> StackConfig:
        record, settings = self.record, self.command.loaded.settings
        assert self.run
        return StackConfig(
            stack=record.stack,
            kind="cluster",
            plan=_from_root(self.run.path(Plan)),
            base=record.base,
            expires_at=expires_at,
            begins_at=in_minutes(record.built_at or self.command.now()),
            egress=settings.egress,
            permissions_boundary=settings.permissions_boundary,
            ami_id=record.ami_id,
            ssh_public_key=keys.ensure(self.command.stack.folder, comment=f"inferstack-{record.stack}"),
            max_usd_per_hour=settings.max_usd_per_hour,
            max_usd=settings.max_usd,
            zones=self._offering(),
            **self._shared(),
        )

    def _offering(self) -> tuple[str, ...]:
        """The zones in which the planned type may start. Empty where this identity may not ask: AWS then tries each subnet."""
        from infra.calls import preflight
        from infra.calls.aws import refused

        assert self.run
        try:
            return preflight.offering(self.aws, self.run.read(Plan).instance_type)
        except Exception as error:  # noqa: BLE001  refused() gives back what is not AWS's
            told = refused(error)
            if told.kind == "permission":
                return ()
            raise told from None

    def expiry(self, now: datetime) -> datetime:
        """Return when the stack expires: the first `up` fixes it until it is over; before and after that it is counted from now.

        Whole minutes: the scheduler knows no finer ones.
        """
        record = self.record
        if record.expires_at is not None and record.built_at is not None and record.expires_at > now:
            return record.expires_at
        return in_minutes(now + self.command.loaded.settings.lifetime)

    def base_is_there(self) -> bool:
        return self.base.select() and bool(self.base.outputs())

    def _shared(self) -> dict[str, Any]:
        record, settings = self.record, self.command.loaded.settings
        usage = settings_of.usage_file(self.command.loaded)
        settings_of.usage(self.command.loaded)  # a mistake in it is told before the engine starts
        world = {"rehearsal": record.rehearsal, "region": record.region, "account_id": record.account_id}
        return (
            world
            | {"tags": settings.tags, "vpc_id": settings.vpc_id, "subnet_ids": settings.subnet_ids}
            | ({"usage": _from_root(usage)} if usage else {})
        )

    def _engine(self, name: str) -> Engine:
        from stacks.engine.run import Engine

        return Engine(project_folder(), name, dict(os.environ), self.world.cli)


def project_folder() -> Path:
    """Where the Pulumi project lies: the checkout; for an installed wheel the user's state folder, into which its file is laid."""
    root, project = workdir.root(), places.of_checkout("Pulumi.yaml")
    laid, text = root / project.name, project.read_text(encoding="utf-8")
    if not laid.exists() or laid.read_text(encoding="utf-8") != text:
        write_text(laid, text)
    return root


def shown(progress: Progress) -> Callable[[Any], None]:
    """The engine's events as items of the step."""
    states = {"started": "begun", "done": "done", "failed": "failed"}

    def show(event: Any) -> None:
        if event.op not in ("same", "read"):
            state: Any = states[event.status]
            progress.item(f"{event.type}  {event.name}", state, event.message or event.op)

    return show


def in_minutes(moment: datetime) -> datetime:
    return moment.replace(second=0, microsecond=0) + timedelta(minutes=1 if moment.second or moment.microsecond else 0)


def _from_root(path: Path) -> str:
    """Return the path as the program reads it: from the checkout's root, or absolute where the work folder lies elsewhere."""
    inside, root = path.resolve(), workdir.root().resolve()
    return str(inside.relative_to(root)) if inside.is_relative_to(root) else str(inside)
