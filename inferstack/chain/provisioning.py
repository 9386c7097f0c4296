"""The work of `preview`, `up` and `extend`: from a plan to nodes in service. Every step may be repeated."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Any

from pydantic import SecretStr

from inferstack.chain import lifetime, weights_transfer
from inferstack.cli import limits
from inferstack.cli.command import Command, Work
from inferstack.cli.progress import Progress
from inferstack.records.outputs import ClusterOutputs, Node
from inferstack.records.plan import Plan
from inferstack.records.preview import Preview
from inferstack.records.receipt import Item
from inferstack.records.settings import StackConfig
from inferstack.stack.pulumi import Stacks, in_minutes, shown
from inferstack.stack.workdir import Run
from inferstack.stack.world import World

if TYPE_CHECKING:
    from stacks.engine.run import Engine


@dataclass(frozen=True)
class Built:
    outputs: ClusterOutputs
    weights_manifest_sha256: str


def preview(work: Work, world: World, run: Run) -> Preview:
    """What would change and what it costs. Makes nothing; writes the stack's configuration, so that plain `pulumi preview` agrees."""
    stacks = Stacks(work.command, world, run)
    with work.step("preview"):
        stacks.bind()
        base, cluster = stacks.base_config(), stacks.cluster_config(stacks.expiry(work.command.now()))
        stacks.base.select_or_create(base)
        there = stacks.base_is_there()
        first = None if there else stacks.base.preview(config=base)
        stacks.cluster.select_or_create(cluster)
        found = stacks.cluster.preview(config=cluster, base_is_there=there)
    if first:
        cost = (
            f"${first.bill.usd_per_hour:.4f}/h plus usage-based charges"
            if first.bill.usd_per_hour is not None
            else "usage-based charges only"
        )
        work.command.screen.say(f"Base {first.stack} is created first and kept: {len(first.changes)} resources, {cost}")
    run.write(found)
    return found


def up(work: Work, world: World, run: Run, *, api_key: SecretStr | None, hf_token: SecretStr | None) -> Built:
    """Base, weights, cluster, key, nodes: then outputs.json."""
    from infra.calls import preflight

    stacks, command = Stacks(work.command, world, run), work.command
    with work.step("base") as progress:
        stacks.bind()
        config = _begun(stacks, command)
        base = _up_base(stacks, progress)
        preflight.stop(tuple(preflight.placed(stacks.aws, _planned(run), base["privateSubnetIds"])))
    with work.step("weights") as progress:
        sha256 = weights_transfer.bring(stacks, base, _planned(run), hf_token=hf_token, progress=progress)
    with work.step("cluster") as progress:
        command.stack.write(stacks.record.replaced(built_run=run.name))
        stacks.cluster.select_or_create(config)
        _repaired(stacks, stacks.cluster, progress)
        cluster = stacks.cluster.up(on_event=shown(progress))
    with work.step("api key"):
        from infra.calls import secrets

        secrets.put_api_key(stacks.aws, cluster["apiKeySecretArn"], api_key)
    with work.step("nodes") as progress:
        lifetime.refuse_late(command, _planned(run), config.expires_at or command.now(), rehearsal=config.rehearsal)
        nodes = _scaled(stacks, cluster["autoscalingGroupName"], _planned(run), progress)
        outputs = _outputs(stacks, cluster, nodes, command.now())
    run.write(outputs)
    return Built(outputs, sha256)


def extend(work: Work, world: World, run: Run, *, span: timedelta) -> datetime:
    """The new end is counted from now; the schedules are moved by an `up` of the same plan, and the nodes' own tags follow."""
    from infra import naming
    from infra.calls import nodes

    stacks, command = Stacks(work.command, world, run), work.command
    expires_at = in_minutes(command.now() + span)
    limits.refuse_rate(_rate(run), command.loaded.settings, span=span, what=command.name)
    with work.step("extend") as progress:
        stacks.bind()
        command.stack.write(stacks.record.replaced(expires_at=expires_at))
        stacks.cluster.select_or_create(stacks.cluster_config(expires_at))
        _repaired(stacks, stacks.cluster, progress)
        cluster = stacks.cluster.up(on_event=shown(progress))
        nodes.tag(stacks.aws, cluster["autoscalingGroupName"], {naming.EXPIRES_TAG: naming.expires(expires_at)})
    if run.has(ClusterOutputs):
        run.write(run.read(ClusterOutputs).replaced(expires_at=expires_at))
    return expires_at


def _rate(run: Run) -> float:
    """USD an hour of what is built; of the plan where an `up` has not ended."""
    outputs = run.read(ClusterOutputs) if run.has(ClusterOutputs) else None
    return (outputs.estimated_usd_per_hour if outputs else None) or _planned(run).usd_per_hour


def put_named_weights(
    work: Work, world: World, run: Run, *, folder: Path | None, repository: str, model: str, hf_token: SecretStr | None
) -> dict[str, Any]:
    """`weights put`: makes the base if there is none. A folder that is not whole, or not the planned file, is refused before that."""
    stacks = Stacks(work.command, world, run)
    if folder is not None:
        weights_transfer.refuse_other(folder, _planned(run), model)
    revision: str | None = None
    code = _planned(run).request.trust_remote_code and model == _planned(run).model.id
    with work.step("base") as progress:
        stacks.bind()
        base = _up_base(stacks, progress)
    with work.step("weights") as progress:
        if folder is None:
            folder, revision = weights_transfer.download(repository, hf_token, progress, code=code)
            weights_transfer.refuse_other(folder, _planned(run), model)
        manifest = weights_transfer.put(stacks, base, model, folder=folder, revision=revision, code=code, progress=progress)
    weights_transfer.say_left_out(work.command, folder, code=code)
    files = [{"path": file.path, "size_bytes": file.size_bytes, "sha256": file.sha256} for file in manifest.files]
    told = {"model": model, "bucket": base["weightsBucket"], "manifest_sha256": manifest.sha256, "revision": revision}
    return {**told, "files": files}


def ends(work: Work, world: World, run: Run) -> datetime:
    """When AWS would remove what an `up` builds now."""
    return Stacks(work.command, world, run).expiry(work.command.now())


def say_built(command: Command, outputs: ClusterOutputs) -> None:
    nodes = len(outputs.nodes)
    command.screen.say(
        f"{command.name} is up: {nodes} node{'s' if nodes != 1 else ''}; to send a request: inferstack connect --stack {command.name}"
    )
    command.screen.say(f"AWS removes the GPUs at {outputs.expires_at:%Y-%m-%d %H:%M} UTC; to keep them longer: inferstack extend")
    command.screen.say(f"Next: inferstack bench --stack {command.name}; inferstack down --stack {command.name}")


def _begun(stacks: Stacks, command: Command) -> StackConfig:
    """Record that something may exist before anything does: `down` then looks for it. The end of life is fixed here, once."""
    from infra.calls import preflight

    expires_at = stacks.expiry(command.now())
    config = stacks.cluster_config(expires_at)

    found = preflight.findings(stacks.aws, config, _planned(stacks.run))
    for one in found:
        if one.severity == "warning":
            command.screen.say(f"  warning: {one.message}")
    preflight.stop(found)
    command.stack.write(stacks.record.replaced(built_at=stacks.record.built_at or command.now(), expires_at=expires_at))
    return config


def _up_base(stacks: Stacks, progress: Progress) -> dict[str, Any]:
    stacks.base.select_or_create(stacks.base_config())
    _repaired(stacks, stacks.base, progress)
    return stacks.base.up(on_event=shown(progress))


def _repaired(stacks: Stacks, engine: Engine, progress: Progress) -> None:
    """Nothing is deleted before it was shown and confirmed. Raises InputError where nobody can confirm."""
    command = stacks.command

    def approve(found: tuple[Item, ...]) -> None:
        with progress.paused():
            command.screen.say(
                f"  AWS has {len(found)} resources of stack {engine.name} that its state does not contain; they block this command:"
            )
            for item in found:
                command.screen.say(f"    {item.type}  {item.id}  {item.name}  {item.note}")
            command.screen.confirm(f"Delete these {len(found)} resources of stack {engine.name}?")

    done = engine.repair(stacks.aws, approve=approve)
    for item in done.removed:
        command.log.event("deleted by the repair", type=item.type, id=item.id, name=item.name)
        command.screen.say(f"  deleted: {item.type}  {item.id}  {item.name}")
    for item in done.kept:
        command.screen.say(f"  kept, and billed: {item.type}  {item.id}  {item.name}  {item.note}")


def _scaled(stacks: Stacks, group: str, plan: Plan, progress: Progress) -> tuple[Node, ...]:
    from infra.calls import nodes

    def show(instance_id: str, status: str) -> None:
        progress.item(f"node {instance_id}", "done" if status == nodes.READY else "begun", status)

    def refused(zone: str, said: str) -> None:
        progress.item(f"zone {zone}", "failed", said)

    return nodes.scale(stacks.aws, group, plan.instance_count, on_progress=show, on_refusal=refused)


def _outputs(stacks: Stacks, cluster: dict[str, Any], nodes: tuple[Node, ...], now: datetime) -> ClusterOutputs:
    from infra.calls import outputs

    return outputs.cluster_outputs(cluster, nodes=nodes, recorded_ids=stacks.cluster.recorded_ids(), now=now)


def _planned(run: Run | None) -> Plan:
    assert run
    return run.read(Plan)
