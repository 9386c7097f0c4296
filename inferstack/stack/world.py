"""The world a stack lives in: a real account, or the embedded AWS. Everything that differs between the two is here or in `rehearsal`."""

from __future__ import annotations

import json
import os
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any, Protocol

from inferstack.cli import extras
from inferstack.cli.command import Command
from inferstack.records.errors import InputError
from inferstack.stack import environment, toolchain
from inferstack.stack.workdir import StackRecord

if TYPE_CHECKING:
    from infra.calls.aws import Aws

LOGIN = "--backend s3://BUCKET or INFERSTACK_BACKEND=URL, or pulumi login. Without any of them: inferstack bill --stack {stack}"


class Rehearsal(Protocol):
    """What only a rehearsal can do."""

    def hosts(self) -> dict[str, Any]: ...

    def weights(self, folder: Path) -> tuple[str, Path]: ...

    def now(self) -> datetime: ...


@dataclass(frozen=True)
class World:
    """`cli` is the Pulumi command. `change` is already applied to this process while the world is open."""

    region: str
    cli: Path
    change: environment.Change = field(repr=False)
    profile: str | None = None
    endpoint_url: str | None = None
    access_key: str | None = field(default=None, repr=False)
    rehearsal: Rehearsal | None = None

    def aws(self) -> Aws:
        from infra.calls.aws import Aws

        return Aws(region=self.region, profile=self.profile, endpoint_url=self.endpoint_url, access_key=self.access_key)

    def now(self) -> datetime:
        """The time by which schedules fire; a rehearsal's clock may have been moved."""
        return self.rehearsal.now() if self.rehearsal else datetime.now(UTC)


@contextmanager
def opened(command: Command, record: StackRecord) -> Iterator[World]:
    """Starts what the world needs. Raises MissingTool, CloudRefused, or InputError when no backend was chosen."""
    if record.rehearsal:
        from inferstack.stack import rehearsal

        found = rehearsal.start(command, record)
    else:
        found = _real(command, record)
    # Children stand in the checkout: own prices and models are looked for where this command looks.
    found = replace(found, change={**found.change, "INFERSTACK_DIR": str(command.workdir.root)})
    with environment.applied(found.change):
        yield found


def _real(command: Command, record: StackRecord) -> World:
    """Backend and profile are recorded with the stack, so that `down` needs no flag."""
    extras.require(extras.CLOUD, by=f"inferstack {command.verb}")
    backend, profile = chosen(command, record)
    say_endpoints(command, profile)
    if not backend:
        raise InputError("no Pulumi backend: choose where the state of a real stack is kept", hint=LOGIN.format(stack=command.name))
    if (backend, profile) != (record.backend, record.profile):
        command.stack.write(record.replaced(backend=backend, profile=profile))
    cli = toolchain.pulumi(say=command.screen.say)
    change = environment.real(region=record.region, profile=profile, backend=backend, cli=cli)
    return World(record.region, cli, change, profile=profile)


def chosen(command: Command, record: StackRecord) -> tuple[str | None, str | None]:
    """Return the Pulumi backend and the AWS profile of a real stack."""
    settings = command.loaded.settings
    backend = settings.backend or record.backend or os.environ.get("PULUMI_BACKEND_URL") or logged_in_to()
    return backend, settings.profile or record.profile


def question(command: Command, record: StackRecord) -> str:
    """Return what a person is told before a real stack is built: where its state goes and whose account it is, and which file says so."""
    if record.rehearsal:
        return ""
    backend, profile = chosen(command, record)
    told = [f"{name} {value} ({_from(command, name)})" for name, value in (("backend", backend), ("profile", profile)) if value]
    return f"With {' and '.join(told)}. " if told else ""


def say_endpoints(command: Command, profile: str | None) -> None:
    """Raises InputError for an endpoint on this machine or without TLS; names any other that is not AWS's own."""
    from infra.components import endpoints

    found = endpoints.chosen(profile)
    endpoints.refuse_unsafe(found)
    if found:
        command.screen.say_once(f"AWS is called at {', '.join(f'{one.url} ({one.where})' for one in found)}")


def _from(command: Command, name: str) -> str:
    """Where a setting is from; a value that no setting gives is the stack's own or of Pulumi's login."""
    source = command.loaded.sources[name]
    return source if getattr(command.loaded.settings, name) else "from the stack, or from pulumi login"


def logged_in_to() -> str | None:
    home = Path(os.environ.get("PULUMI_HOME") or Path.home() / ".pulumi")
    try:
        told = json.loads((home / "credentials.json").read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return None
    return str(told.get("current") or "") or None
