"""`inferstack down`: remove everything of a stack, and prove it."""

from __future__ import annotations

from typing import Annotated

import typer

from inferstack.chain import teardown
from inferstack.cli import options
from inferstack.cli.command import Command, begin
from inferstack.cli.options import DEFAULT_STACK, Backend, Json, Profile, Stack, Verbose, Yes
from inferstack.records.receipt import Receipt

AllRehearsals = Annotated[bool, typer.Option("--all-rehearsals", help="Every rehearsal of this work folder.")]


def app() -> typer.Typer:
    return options.one(down)


def down(
    all_rehearsals: AllRehearsals = False,
    profile: Profile = None,
    backend: Backend = None,
    stack: Stack = DEFAULT_STACK,
    as_json: Json = False,
    yes: Yes = False,
    verbose: Verbose = False,
) -> int:
    """Destroy the cluster, sweep by tag, id and name, write receipt.json; exit 1 if anything is left. May be run again."""
    at = begin("down", stack, as_json=as_json, yes=yes, verbose=verbose, profile=profile, backend=backend)
    return take_down_all(at) if all_rehearsals else take_down(at)


def take_down(at: Command) -> int:
    """1 when anything is left."""
    at.known.record()
    at.screen.confirm(f"Remove everything of stack {at.name}?")
    receipt = teardown.down(at)
    at.screen.answer(receipt)
    return _told(at, receipt)


def take_down_all(at: Command) -> int:
    """Every rehearsal; the exit code is the worst of them."""
    names = [stack.name for stack in at.workdir.stacks() if stack.record().rehearsal]
    at.screen.confirm(f"Remove the rehearsals {', '.join(names) or '(none)'}?")
    receipts = [teardown.down(at.for_stack(name)) for name in names]
    at.screen.answer([receipt.model_dump(mode="json") for receipt in receipts])
    return max((_told(at, receipt) for receipt in receipts), default=0)


def _told(at: Command, receipt: Receipt) -> int:
    from inferstack.show import records

    at.screen.say(f"Stack {receipt.stack}:")
    records.received(at.screen, receipt)
    return 1 if receipt.left else 0
