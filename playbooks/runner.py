"""Runs the playbooks: `configure` to a Configured record, `drain` before a teardown.

`python -m playbooks.runner` is the other half: one play through ansible-runner in a process of its own, events as JSON lines on its output.
"""

from __future__ import annotations

import json
import os
import shutil
import signal
import sys
import threading
import time
from collections.abc import Callable, Mapping
from concurrent.futures import ThreadPoolExecutor
from datetime import datetime
from pathlib import Path
from typing import Any

import yaml

from inferstack.records import engines
from inferstack.records.configured import CheckedRole, Configured, HostResult, Inventory
from inferstack.records.errors import CloudRefused, Interrupted
from inferstack.records.outputs import ClusterOutputs
from inferstack.records.plan import Plan
from inferstack.records.serving import Serving
from playbooks import certificates, checks, descendants
from playbooks import inventory as inventories
from playbooks.outcome import Drained, RunOutcome
from playbooks.process import GO_ON, STOPPED, OnEvent, Play, run_play

FOLDER = Path(__file__).parent
FOLDER_DIGITS = 12


def configure(
    plan: Plan,
    outputs: ClusterOutputs,
    inventory: Inventory,
    *,
    private_dir: Path,
    key_file: Path,
    known_hosts: Path,
    endpoint_ca_dir: Path,
    environment: Mapping[str, str],
    weights_manifest_sha256: str,
    now: datetime,
    on_event: OnEvent = lambda host, role, task, status: None,
    cancelled: Callable[[], bool] = lambda: False,
    deadline_s: float = 3600,
) -> Configured:
    """Raises CloudRefused(kind "host") with host, task and reason; CloudRefused(kind "timeout"); Interrupted."""
    began = time.monotonic()
    certificates.ensure_authority(endpoint_ca_dir, outputs.stack)
    weights = _weights(outputs, inventory, weights_manifest_sha256)
    play = Play(
        private_dir=private_dir,
        inventory=_ansible(
            inventory.replaced(variables={**inventory.variables, **weights}), outputs, key_file, known_hosts, endpoint_ca_dir
        ),
        environment=environment,
        facts_folder=endpoint_ca_dir / "facts",
        deadline_s=deadline_s,
    )
    outcome, checked = _both(play, inventory, folder=endpoint_ca_dir, on_event=_one_at_a_time(on_event), cancelled=cancelled)
    return Configured(
        created_at=now,
        stack=outputs.stack,
        rehearsal=inventory.rehearsal,
        planned_model=plan.model.id,
        planned_engine=plan.engine,
        served_model=inventory.variables["inferstack_served_model"],
        served_engine=inventory.variables["inferstack_served_engine"],
        weights_manifest_sha256=weights_manifest_sha256,
        hosts=_serving(outcome, inventory, weights_manifest_sha256),
        checked_only=checked,
        duration_s=round(time.monotonic() - began, 1),
        serving=None if inventory.rehearsal else serving(plan),
    )


def serving(plan: Plan) -> Serving:
    """Describe what the roles were told to run. They install the one pinned version of an engine, whichever the plan was made for."""
    pins = yaml.safe_load((FOLDER / "versions.yml").read_text(encoding="utf-8"))
    return Serving.of_plan(plan, engine_version=str(pins[f"{engines.roles()[plan.engine]['name']}_version"]))


def drain(
    outputs: ClusterOutputs,
    inventory: Inventory,
    *,
    private_dir: Path,
    key_file: Path,
    known_hosts: Path,
    environment: Mapping[str, str],
    on_event: OnEvent = lambda host, role, task, status: None,
    cancelled: Callable[[], bool] = lambda: False,
    wait_s: float = 30,
    deadline_s: float = 180,
) -> tuple[Drained, ...]:
    """Stop taking requests, wait for the running ones at most `wait_s`, stop the engine. Raises as `configure` does.

    A process host is not drained: its processes end with it.
    """
    if _is_process(inventory):
        return tuple(Drained(host.name, 0.0, 0) for host in inventory.hosts)
    play = Play(
        private_dir=private_dir,
        inventory=_ansible(_with(inventory, {"inferstack_drain_wait_s": wait_s}), outputs, key_file, known_hosts, known_hosts.parent),
        environment=environment,
        facts_folder=known_hosts.parent / "facts",
        deadline_s=deadline_s,
    )
    outcome = run_play(play, "drain.yml", on_event=on_event, cancelled=cancelled)
    return tuple(outcome.drained(host) for host in inventory.hosts)


def _both(
    play: Play, inventory: Inventory, *, folder: Path, on_event: OnEvent, cancelled: Callable[[], bool]
) -> tuple[RunOutcome, tuple[CheckedRole, ...]]:
    """What serves, and beside it the check of what cannot run here. When one fails the other is stopped, and the failure is raised."""
    failed = threading.Event()

    def checking() -> tuple[CheckedRole, ...]:
        try:
            return checks.check(play, inventory, folder=folder, on_event=on_event, cancelled=lambda: cancelled() or failed.is_set())
        except BaseException:
            failed.set()
            raise

    with ThreadPoolExecutor(1) as pool:
        checked = pool.submit(checking)
        try:
            playbook = "process.yml" if _is_process(inventory) else "site.yml"
            return run_play(play, playbook, on_event=on_event, cancelled=lambda: cancelled() or failed.is_set()), checked.result()
        except Interrupted:
            raise (checked.exception() or Interrupted(STOPPED, hint=GO_ON)) from None
        finally:
            failed.set()


def _serving(outcome: RunOutcome, inventory: Inventory, manifest_sha256: str) -> tuple[HostResult, ...]:
    """What every host's engine says that it serves. Raises CloudRefused for a host that serves other weights than those in the bucket."""
    hosts = tuple(outcome.host_result(host) for host in inventory.hosts)
    for host in hosts:
        if host.weights_manifest_sha256 != manifest_sha256:
            serves = host.weights_manifest_sha256 or "weights that it does not name"
            raise CloudRefused(
                f"{host.name}: the engine serves {serves}, but {manifest_sha256} was fetched", kind="host", hint=f"read {outcome.log}"
            )
    return hosts


def _one_at_a_time(on_event: OnEvent) -> OnEvent:
    lock = threading.Lock()

    def told(host: str, role: str, task: str, status: str) -> None:
        with lock:
            on_event(host, role, task, status)

    return told


def _is_process(inventory: Inventory) -> bool:
    return bool(inventory.variables["inferstack_host_kind"] == "process")


def _with(inventory: Inventory, more: dict[str, Any]) -> Inventory:
    return inventory.replaced(variables={**inventory.variables, **more})


def _weights(outputs: ClusterOutputs, inventory: Inventory, manifest_sha256: str) -> dict[str, Any]:
    """A folder for each manifest: what a running engine has loaded is never changed under it."""
    name, role = inventory.variables["inferstack_served_model"], inventory.variables["inferstack_engine_role"]
    folder = f"{inventory.variables['model_weights_path']}/{manifest_sha256[:FOLDER_DIGITS]}"
    return {
        "model_weights_source": f"s3://{outputs.weights_bucket}/models/{inventories.safe(name)}",
        "model_weights_manifest_sha256": manifest_sha256,
        "model_weights_path": folder,
        f"{role}_model_folder": folder,
        f"{role}_manifest_sha256": manifest_sha256,
        "endpoint_proxy_manifest_sha256": manifest_sha256,
    }


def _ansible(inventory: Inventory, outputs: ClusterOutputs, key_file: Path, known_hosts: Path, ca_folder: Path) -> dict[str, Any]:
    return inventories.ansible(
        inventory,
        region=outputs.region,
        python=sys.executable,
        key_file=key_file.absolute(),
        known_hosts=known_hosts.absolute(),
        ca_folder=ca_folder.absolute(),
    )


def main() -> int:
    """One play: its description on standard input, its events on standard output. SIGTERM, or the parent's end, cancels it."""
    parent, stop = os.getppid(), threading.Event()
    signal.signal(signal.SIGTERM, lambda *_: stop.set())
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    descendants.bind()
    told = json.load(sys.stdin)
    try:
        status = _play(told, cancelled=lambda: stop.is_set() or os.getppid() != parent)
    finally:
        descendants.end()
        shutil.rmtree(told["sockets"], ignore_errors=True)
    _tell({"event": "end", "status": status})
    return 0


def _play(told: dict[str, Any], *, cancelled: Callable[[], bool]) -> str:
    import ansible_runner

    def handle(event: dict[str, Any]) -> bool:
        _tell(event)
        return True  # None would mean "do not store", and then there are no statistics

    done = ansible_runner.run(
        private_data_dir=told["private_dir"],
        ident=told["ident"],
        playbook=str(FOLDER / told["playbook"]),
        inventory=told["inventory"],
        settings={"pexpect_timeout": 1},
        fact_cache=told["facts_folder"],
        cmdline=told["command_line"] or None,
        timeout=told["deadline_s"],
        quiet=True,
        suppress_env_files=True,
        event_handler=handle,
        cancel_callback=cancelled,
    )
    return str(done.status)


def _tell(event: dict[str, Any]) -> None:
    """A parent that is gone reads nothing; the play is then cancelled by its end, not by the broken pipe."""
    try:
        sys.stdout.write(json.dumps(event) + "\n")
        sys.stdout.flush()
    except BrokenPipeError:
        pass


if __name__ == "__main__":
    sys.exit(main())
