"""`down` goes on past what fails: a state that cannot be repaired is destroyed all the same, and what a repair deletes is recorded."""

from __future__ import annotations

import io
from contextlib import nullcontext
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from inferstack.chain import provisioning, teardown
from inferstack.chain.removal import Removal
from inferstack.cli.screen import Screen
from inferstack.records.errors import CloudRefused, InputError
from inferstack.records.outputs import RecordedId
from inferstack.records.receipt import Item
from stacks.engine.repair import Repaired

ADDRESS = Item(type="aws:ec2/eip:Eip", id="eipalloc-1", name="nat", note="found by tag; not in the state")


class Engine:
    """As much of the engine as a removal uses."""

    name = "x"

    def __init__(self, repaired: Repaired | Exception) -> None:
        self._repaired = repaired
        self.destroyed = False

    def select(self) -> bool:
        return True

    def repair(self, aws: Any, *, approve: Any = None) -> Repaired:
        if isinstance(self._repaired, Exception):
            raise self._repaired
        if approve and self._repaired.removed:
            approve(self._repaired.removed)
        return self._repaired

    def destroy(self, *, on_event: Any) -> None:
        self.destroyed = True
        on_event(SimpleNamespace(op="delete", status="done", type="aws:iam/role:Role", name="node-role", message=""))


def stacks(tmp_path: Path, *, yes: bool = False) -> Any:
    events: list[dict[str, str]] = []
    log = SimpleNamespace(event=lambda what, **more: events.append({"what": what, **more}), events=events)
    command = SimpleNamespace(screen=Screen(out=io.StringIO(), yes=yes), log=log)
    return SimpleNamespace(command=command, aws=None)


def destroyed(tmp_path: Path, engine: Engine, *recorded: RecordedId) -> Removal:
    removal, here = Removal(), stacks(tmp_path)
    work: Any = SimpleNamespace(command=here.command)
    progress: Any = SimpleNamespace(item=lambda *_: None)
    teardown._destroy(work, engine, here, recorded, removal, progress)  # type: ignore[arg-type]
    return removal


def test_a_refused_repair_does_not_keep_the_engine_from_destroying(tmp_path: Path) -> None:
    """A denied call in the repair once left a GPU running for a week."""
    engine = Engine(CloudRefused("permission: no", kind="permission"))
    destroyed(tmp_path, engine)
    assert engine.destroyed


def test_what_the_repair_deletes_stands_in_the_receipt(tmp_path: Path) -> None:
    """With the way it was found."""
    removal = destroyed(tmp_path, Engine(Repaired(removed=(ADDRESS,), kept=(ADDRESS,))))
    assert [ADDRESS] == removal.deleted
    assert [ADDRESS] == removal.left


def test_only_deletes_that_the_engine_reported_are_its_own(tmp_path: Path) -> None:
    """A resource of the state without a delete event is not said to be deleted."""
    recorded = [RecordedId(type="aws:iam/role:Role", id=name, name=name) for name in ("node-role", "reaper-role")]
    removal = destroyed(tmp_path, Engine(Repaired()), *recorded)
    assert ["node-role"] == [one.id for one in removal.deleted]


@pytest.mark.parametrize("yes", [True, False])
def test_up_shows_what_it_would_delete_and_asks(tmp_path: Path, yes: bool) -> None:
    """Where nobody can be asked, only --yes allows it."""
    here, engine = stacks(tmp_path, yes=yes), Engine(Repaired(removed=(ADDRESS,)))
    progress: Any = SimpleNamespace(paused=nullcontext)
    with nullcontext() if yes else pytest.raises(InputError, match="Delete these 1 resources"):
        provisioning._repaired(here, engine, progress)  # type: ignore[arg-type]
    assert "aws:ec2/eip:Eip  eipalloc-1" in here.command.screen.out.getvalue()
    assert yes == any(one["what"] == "deleted by the repair" for one in here.command.log.events)
