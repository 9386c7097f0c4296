"""The work of `down`: drain, destroy, sweep, and a receipt of it. Works without state, without daemon, and after any kill."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from inferstack.chain import configuration, endpoint_files
from inferstack.chain import receipt as receipts
from inferstack.chain.removal import KEPT, Removal
from inferstack.cli import command
from inferstack.cli.command import Command, Work
from inferstack.records.configured import Configured, Inventory
from inferstack.records.errors import InferstackError, Interrupted
from inferstack.records.outputs import ClusterOutputs, RecordedId
from inferstack.records.receipt import Item, Receipt
from inferstack.stack import keys, rehearsal, world
from inferstack.stack.pulumi import Stacks, shown
from inferstack.stack.workdir import Run, StackRecord
from inferstack.stack.world import World

__all__ = ["Removal", "down", "remove"]

if TYPE_CHECKING:
    from inferstack.cli.progress import Progress
    from stacks.engine.run import Engine

NODE = "aws:ec2/instance:Instance"


def down(at: Command) -> Receipt:
    record = at.known.record()
    with command.at_work(at, world="rehearsal" if record.rehearsal else "aws") as work:
        run = at.stack.standing() or at.stack.new_run(at.now())
        at.keep_log_in(run)
        removal = _removed(work, record, run)
        receipt = receipts.write(run, record, removal, now=at.now())
        if not receipt.left:
            keys.remove(at.stack.folder)
            endpoint_files.remove_files(at.stack.folder)
            at.stack.write(at.stack.record().replaced(built_at=None, built_run=None, expires_at=None, ami_id=None))
    return receipt


def remove(work: Work, here: World, run: Run) -> Removal:
    """Everything of the stack, in a world that is open."""
    at, removal = work.command, Removal()
    stacks = Stacks(at, here, run)
    removal.clock = here.now()
    _drain(work, run)
    recorded = _recorded(stacks, run, removal)
    running = _look_before(stacks, recorded, removal)
    with work.step("destroy") as progress:
        _destroy(work, stacks.cluster, stacks, recorded, removal, progress)
    with work.step("sweep") as progress:
        _sweep(stacks, at.name, recorded, removal, base=False, progress=progress)
    removal.nodes_ended(running)
    _note_lives(stacks, removal)
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
        configuration.drain(work, run)
    except Interrupted:
        raise
    except InferstackError as error:
        work.command.screen.say(f"  not drained: {error.message}")


def _recorded(stacks: Stacks, run: Run, removal: Removal) -> tuple[RecordedId, ...]:
    """Collect recorded ids from the state, if it is there, and from outputs.json: each may know what the other has lost.

    An earlier receipt with something left proves nothing yet, so that what was recorded is still looked for.
    """
    told: dict[str, RecordedId] = {}
    earlier = receipts.earlier(run)
    if run.has(ClusterOutputs) and (earlier is None or earlier.left):
        outputs = run.read(ClusterOutputs)
        told |= {one.id: one for one in outputs.recorded_ids}
        told |= {node.instance_id: RecordedId(type=NODE, id=node.instance_id, name=node.private_ip) for node in outputs.nodes}
    if stacks.cluster.select():
        removal.state_was_found = True
        told |= {one.id: one for one in stacks.cluster.recorded_ids()}
    return tuple(told.values())


def _look_before(stacks: Stacks, recorded: tuple[RecordedId, ...], removal: Removal) -> list[str]:
    """What of the recorded is no longer there is noted as gone before; answers the instances that run."""
    from infra.leftovers import sweep
    from stacks.engine import repair

    seen = sweep.survey(stacks.aws, sweep.scope_of(stacks.aws, stacks.record.stack, recorded), sweep.kinds(base=False))
    asked = {row.type for row in sweep.kinds(base=False)}
    gone = [one for one in repair.vanished(recorded, seen) if one.type in asked]
    removal.was_gone(gone, expires_at=stacks.record.expires_at, now=removal.clock or stacks.command.now())
    return [one.id for one in seen.found if one.type == NODE]


def _note_lives(stacks: Stacks, removal: Removal) -> None:
    """When each node of this run began and ended. Where AWS does not tell, the cost is counted from the records."""
    from infra.calls import node_lives

    begun = stacks.record.built_at
    try:
        found = node_lives.lives(stacks.aws, stacks.record.stack)
    except InferstackError as error:
        stacks.command.log.event("lives of nodes not told", message=error.message)
        return
    removal.nodes += [one for one in found if begun is None or one.began >= begun]


def _destroy(work: Work, engine: Engine, stacks: Stacks, recorded: tuple[RecordedId, ...], removal: Removal, progress: Progress) -> None:
    """What the engine cannot delete is left to the sweep; only a stop by the user ends the command here."""
    if not engine.select():
        return
    log, show, done = work.command.log, shown(progress), list[tuple[str, str]]()

    def heard(event: Any) -> None:
        if event.op == "delete" and event.status == "done":
            done.append((event.type, event.name))
        show(event)

    _repaired(work, engine, stacks, removal)
    try:
        engine.destroy(on_event=heard)
    except Interrupted:
        raise
    except InferstackError as error:
        log.event("destroy failed", message=error.message)
        work.command.screen.say(f"  the engine could not destroy everything: {error.message}; the sweep continues")
    finally:
        removal.engine_deleted(recorded, done)


def _repaired(work: Work, engine: Engine, stacks: Stacks, removal: Removal) -> None:
    """A state that cannot be repaired is destroyed as it is; what the repair deletes stands in the receipt."""
    try:
        done = engine.repair(stacks.aws)
    except Interrupted:
        raise
    except InferstackError as error:
        work.command.log.event("repair failed", message=error.message)
        work.command.screen.say(f"  the state could not be repaired: {error.message}; the destroy continues")
        return
    removal.deleted += done.removed
    for item in done.removed:
        work.command.log.event("deleted by the repair", type=item.type, id=item.id, name=item.name)
        work.command.screen.say(f"  not in the state, deleted: {item.type} {item.name or item.id}")
    removal.stays(done.kept)


def _sweep(stacks: Stacks, stack: str, recorded: tuple[RecordedId, ...], removal: Removal, *, base: bool, progress: Progress) -> None:
    from infra.leftovers import sweep

    def show(item: Item, status: str) -> None:
        progress.item(f"{item.type}  {item.name or item.id}", "begun", status)

    found = sweep.sweep(stacks.aws, stack, recorded, base=base, on_progress=show)
    for item in found.found:
        stacks.command.log.event("swept", type=item.type, id=item.id, name=item.name, note=item.note)
    for item in found.unknown:
        stacks.command.log.event("not checked", type=item.type, note=item.note)
    removal.swept(found)


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
        if there:
            _unprotected(work, stacks, removal)
        _destroy(work, stacks.base, stacks, recorded, removal, progress)
        _sweep(stacks, record.base, recorded, removal, base=True, progress=progress)
        if not removal.left:
            _forget(stacks.base)


def _unprotected(work: Work, stacks: Stacks, removal: Removal) -> None:
    """Repair the state, then lift protection: the lock of a killed engine would refuse the change."""
    _repaired(work, stacks.base, stacks, removal)
    try:
        stacks.base.unprotect()
    except Interrupted:
        raise
    except InferstackError as error:
        work.command.log.event("unprotect failed", message=error.message)
        work.command.screen.say(f"  the base's protection could not be lifted: {error.message}; the sweep continues")


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
