"""The work of `configure`: inventory, playbooks, configured.json. A second run changes nothing."""

from __future__ import annotations

import os

from inferstack.chain import flag_check
from inferstack.cli.command import Work
from inferstack.cli.progress import Progress
from inferstack.records.configured import Configured, Inventory
from inferstack.records.outputs import ClusterOutputs
from inferstack.records.plan import Plan
from inferstack.stack import keys
from inferstack.stack.workdir import Run
from inferstack.stack.world import World


def configure(work: Work, world: World, run: Run, *, weights_manifest_sha256: str) -> Configured:
    """Raises CloudRefused with host, task and reason."""
    from playbooks import inventory, runner

    plan, outputs = run.read(Plan), run.read(ClusterOutputs)
    flag_check.refuse_dangerous(plan, allowed=work.command.stack.record().allowed_flags)
    hosts = world.rehearsal.hosts() if world.rehearsal else None
    wanted = inventory.build(plan, outputs, rehearsal=hosts, now=work.command.now())
    run.write(wanted)
    folder = work.command.stack.folder
    with work.step("configure") as progress:
        done = runner.configure(
            plan,
            outputs,
            wanted,
            private_dir=run.folder / "ansible",
            key_file=folder / keys.PRIVATE,
            known_hosts=folder / keys.KNOWN_HOSTS,
            endpoint_ca_dir=folder,
            environment=os.environ,
            weights_manifest_sha256=weights_manifest_sha256,
            now=work.command.now(),
            on_event=Tasks(progress),
            cancelled=lambda: work.stop.asked,
        )
    run.write(done)
    return done


def drain(work: Work, run: Run) -> None:
    """Best effort: a node that cannot be reached is destroyed undrained."""
    from playbooks import runner

    folder = work.command.stack.folder
    with work.step("drain") as progress:
        runner.drain(
            run.read(ClusterOutputs),
            run.read(Inventory),
            private_dir=run.folder / "ansible",
            key_file=folder / keys.PRIVATE,
            known_hosts=folder / keys.KNOWN_HOSTS,
            environment=os.environ,
            on_event=Tasks(progress),
        )


class Tasks:
    """Each task of a host is one item of the step, from its start to what Ansible says of it."""

    def __init__(self, progress: Progress) -> None:
        self.progress = progress

    def __call__(self, host: str, role: str, task: str, status: str) -> None:
        name = f"{host}  {role}: {task}" if role else f"{host}  {task}"
        if status == "running":
            self.progress.item(name, "begun", "running")
        else:
            self.progress.item(name, "failed" if status in ("failed", "unreachable") else "done", status)
