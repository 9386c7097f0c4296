"""The work of `preview` and `up`: from a plan to a running, configured cluster. Every step may be repeated."""

from __future__ import annotations

from pydantic import SecretStr

from inferstack import pulumi_stacks
from inferstack.command import Command, Work
from inferstack.workdir import Run, StackRecord
from inferstack.world import World
from records.outputs import ClusterOutputs
from records.preview import Preview


def preview(work: Work, world: World, run: Run) -> Preview:
    """What would change and what it costs. Makes nothing; writes the stack's configuration, so that plain `pulumi preview` agrees."""
    command = work.command
    with work.step("preview") as progress:
        stacks = pulumi_stacks.of(work, world, run)
        found = stacks.preview(progress)
    run.write(found)
    _refuse_too_dear(command, found)
    return found


def up(work: Work, world: World, run: Run, *, api_key: SecretStr | None) -> ClusterOutputs:
    """Base, weights, cluster, key, group: then outputs.json."""
    stacks = pulumi_stacks.of(work, world, run)
    record = _begun(work.command)
    with work.step("base") as progress:
        stacks.repair()
        base = stacks.up_base(progress)
    with work.step("weights") as progress:
        weights = stacks.put_weights(base, progress)
    with work.step("cluster") as progress:
        stacks.up_cluster(progress)
    with work.step("api key"):
        stacks.put_api_key(api_key)
    with work.step("nodes") as progress:
        outputs = stacks.scale(progress)
    run.write(outputs)
    return outputs


def _begun(command: Command) -> StackRecord:
    record = command.stack.record()
    return record if record.built_at else command.stack.write(record.replaced(built_at=command.now()))
