"""The work of `down`: drain, destroy, sweep, and a receipt of it. Works without state, without daemon, and after any kill."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from inferstack import command, configuring, keys, receipts, rehearsal, world
from inferstack.command import Command, Work
from inferstack.pulumi_stacks import Stacks, shown
from inferstack.workdir import Run, StackRecord
from inferstack.world import World
from records.configured import Configured, Inventory
from records.errors import InferstackError, Interrupted
from records.outputs import ClusterOutputs, RecordedId
from records.receipt import Item, Receipt

if TYPE_CHECKING:
    from inferstack.progress import Progress
    from stacks.engine import Engine

ENGINE, NODE, KEPT = "destroyed by the engine", "node of the group", "the base is kept on purpose: weights, network, key"


@dataclass
class Removal:
    """What was there and what became of it."""

    state_was_found: bool = False
    deleted: list[Item] = field(default_factory=list)
    kept: list[Item] = field(default_factory=list)
    left: list[Item] = field(default_factory=list)
    swept_by: dict[str, int] = field(default_factory=dict)

    def destroyed(self, recorded: Iterable[RecordedId]) -> None:
        self.deleted += [Item(type=one.type, id=one.id, name=one.name, note=ENGINE) for one in recorded]


def down(at: Command) -> Receipt:
    record = at.known.record()
    with command.at_work(at, world="rehearsal" if record.rehearsal else "aws") as work:
        run = at.stack.current() or at.stack.new_run(at.now())
        at.keep_log_in(run)
        removal = _removed(work, record, run)
        receipt = receipts.write(run, record, removal, now=at.now())
        if not receipt.left:
            keys.remove(at.stack.folder)
            at.stack.write(at.stack.record().replaced(built_at=None, expires_at=None, ami_id=None))
    return receipt


def remove(work: Work, here: World, run: Run) -> Removal:
    """Everything of the stack, in a world that is open."""
    at, removal = work.command, Removal()
    stacks = Stacks(at, here, run)
    _drain(work, run)
    recorded = _recorded(stacks, run, removal)
    with work.step("destroy") as progress:
        _destroy(work, stacks.cluster, stacks, progress)
    with work.step("sweep") as progress:
        _sweep(stacks, at.name, recorded, removal, base=False, progress=progress)
    if stacks.record.rehearsal and not removal.left:
        _forget(stacks.cluster)
    _base(work, stacks, removal)
    return removal


def _removed(work: Work, record: StackRecord, run: Run) -> Removal:
    at = work.command
    if record.rehearsal:
        if rehearsal.clear_lost(at) or not rehearsal.running(at.workdir):
            rehearsal.end(at)
            return Removal()
        with world.opened(at, record) as here:
            removal = remove(work, here, run)
        with work.step("release"):
            if not removal.left:
                rehearsal.end(at)
        return removal
    if record.account_id is None:
        at.screen.say("Nothing was ever built on this stack.")
        return Removal()
    with world.opened(at, record) as here:
        return remove(work, here, run)


def _drain(work: Work, run: Run) -> None:
    if not (run.has(Configured) and run.has(Inventory) and run.has(ClusterOutputs)) or run.has(Receipt):
        return
    try:
        configuring.drain(work, run)
    except Interrupted:
        raise
    except InferstackError as error:
        work.command.screen.say(f"  not drained: {error.message}")


def _recorded(stacks: Stacks, run: Run, removal: Removal) -> tuple[RecordedId, ...]:
    """From the state if it is there, and from outputs.json: each may know what the other has lost."""
    told: dict[str, RecordedId] = {}
    if run.has(ClusterOutputs) and not run.has(Receipt):
        outputs = run.read(ClusterOutputs)
        told |= {one.id: one for one in outputs.recorded_ids}
        removal.deleted += [
            Item(type="aws:ec2/instance:Instance", id=node.instance_id, name=node.private_ip, note=NODE) for node in outputs.nodes
        ]
    if stacks.cluster.select():
        removal.state_was_found = True
        told |= {one.id: one for one in stacks.cluster.recorded_ids()}
    removal.destroyed(told.values())
    return tuple(told.values())


def _destroy(work: Work, engine: Engine, stacks: Stacks, progress: Progress) -> None:
    """What the engine cannot delete is left to the sweep; only a stop by the user ends the command here."""
    if not engine.select():
        return
    say = work.command.screen.say
    try:
        engine.repair(stacks.aws)
        engine.destroy(on_event=shown(progress))
    except Interrupted:
        raise
    except InferstackError as error:
        work.command.log.event("destroy failed", message=error.message)
        say(f"  the engine could not destroy all: {error.message}; the sweep goes on")


def _sweep(stacks: Stacks, stack: str, recorded: tuple[RecordedId, ...], removal: Removal, *, base: bool, progress: Progress) -> None:
    from infra import sweep

    def show(item: Item, status: str) -> None:
        progress.item(f"{item.type}  {item.name or item.id}", "begun", status)

    found = sweep.sweep(stacks.aws, stack, recorded, base=base, on_progress=show)
    for item in found.found:
        stacks.command.log.event("swept", type=item.type, id=item.id, name=item.name, note=item.note)
    known = {item.id for item in removal.deleted}
    removal.deleted += [item for item in found.deleted if item.id not in known]
    left = {item.id for item in found.left}
    removal.deleted = [item for item in removal.deleted if item.id not in left]
    removal.left += found.left
    for way, number in found.swept_by.items():
        removal.swept_by[way] = removal.swept_by.get(way, 0) + number


def _base(work: Work, stacks: Stacks, removal: Removal) -> None:
    """A real base is never touched. A rehearsal's base goes with the last rehearsal that stands on it."""
    record = stacks.record
    there = stacks.base.select()
    if not record.rehearsal or _others_on(stacks.command, record):
        recorded = stacks.base.recorded_ids() if there else ()
        removal.kept += [Item(type=one.type, id=one.id, name=one.name, note=KEPT) for one in recorded]
        return
    with work.step("base") as progress:
        recorded = stacks.base.recorded_ids() if there else ()
        removal.destroyed(recorded)
        if there:
            _unprotected(work, stacks)
        _destroy(work, stacks.base, stacks, progress)
        _sweep(stacks, record.base, recorded, removal, base=True, progress=progress)
        if not removal.left:
            _forget(stacks.base)


def _unprotected(work: Work, stacks: Stacks) -> None:
    """Repaired first: the lock of a killed engine would refuse the change of protection."""
    try:
        stacks.base.repair(stacks.aws)
        stacks.base.unprotect()
    except Interrupted:
        raise
    except InferstackError as error:
        work.command.log.event("unprotect failed", message=error.message)
        work.command.screen.say(f"  the base's state could not be repaired: {error.message}; the sweep goes on")


def _forget(engine: Engine) -> None:
    """An empty rehearsal stack: its history and configuration file go as well. What the sweep removed leaves the state first."""
    if not engine.select():
        return
    if engine.recorded_ids():
        engine.unprotect()
        engine.destroy()
    engine.remove()


def _others_on(at: Command, record: StackRecord) -> list[str]:
    others = [stack.record() for stack in at.workdir.stacks() if stack.name != at.name]
    return [other.stack for other in others if other.rehearsal and other.base == record.base and other.built_at is not None]
