"""Keeps the hosts equal to the members of the Auto Scaling groups: boots what is pending, stops what is gone, retries what failed."""

from __future__ import annotations

import contextlib
import threading
import time
import traceback
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime
from typing import Any

from inferstack.records.errors import InferstackError
from inferstack.sandbox.aws.instances.host_launcher import Launcher, RehearsalHost
from inferstack.sandbox.aws.world import Activity, SandboxWorld

RETRY_S = 15.0
PARALLEL_BOOTS = 4


class HostFleet:
    """`launcher` gives the opened launcher; it may take a minute the first time, so only a boot asks for it."""

    def __init__(self, world: SandboxWorld, launcher: Callable[[], Launcher], *, retry_s: float = RETRY_S) -> None:
        self._world = world
        self._launcher = launcher
        self._retry_s = retry_s
        self._hosts: dict[str, RehearsalHost] = {}
        self._busy: set[str] = set()
        self._not_before: dict[str, float] = {}
        self._guard = threading.Lock()
        self._wake = threading.Event()
        self._closed = False
        self._pool = ThreadPoolExecutor(PARALLEL_BOOTS, thread_name_prefix="host")

    def start(self) -> None:
        threading.Thread(target=self._loop, name="fleet", daemon=True).start()

    def wake(self) -> None:
        self._wake.set()

    def close(self) -> None:
        """No further boots; the launcher's own close stops the hosts."""
        self._closed = True
        self._wake.set()
        self._pool.shutdown(wait=True, cancel_futures=True)

    def host_of(self, instance_id: str) -> RehearsalHost | None:
        return self._hosts.get(instance_id)

    def instance_at(self, address: str) -> str | None:
        return next((instance_id for instance_id, host in self._hosts.items() if host.address == address), None)

    def stack_at(self, address: str) -> str:
        """The rehearsal whose node has this address, by the name of its group; empty where it is nobody's."""
        instance_id = self.instance_at(address)
        state = _member(instance_id) if instance_id else None
        return str(state.auto_scaling_group.name).removeprefix("inferstack-").removesuffix("-nodes") if state else ""

    def listed(self) -> list[dict[str, Any]]:
        up = [(i, {"name": h.name, "address": h.address, "ssh_port": h.ssh_port, "state": "up"}) for i, h in list(self._hosts.items())]
        booting = [(i, {"name": "", "address": "", "ssh_port": 0, "state": "changing"}) for i in list(self._busy) if i not in self._hosts]
        return [{"instance_id": instance_id, **facts} for instance_id, facts in [*up, *booting]]

    def reboot(self, instance_id: str) -> None:
        if instance_id in self._hosts:
            self._submit(instance_id, self._rebooted)

    def step(self) -> None:
        """One look: what should run, what runs, and the difference put to work."""
        with self._world.lock:
            members = {state.instance_id: state for group in _groups() for state in group.instance_states}
            living = {i for i, state in members.items() if state.instance.state in ("pending", "running")}
        self._forget_dead()
        for instance_id in sorted(set(self._hosts) - living):
            self._submit(instance_id, self._stopped)
        for instance_id in sorted(living - set(self._hosts)):
            self._submit(instance_id, self._booted)
        self._refill()

    def _loop(self) -> None:
        while not self._closed:
            self._wake.wait(1.0)
            self._wake.clear()
            with contextlib.suppress(Exception), _told():
                self.step()

    def _submit(self, instance_id: str, work: Callable[[str], None]) -> None:
        with self._guard:
            if instance_id in self._busy or self._closed:
                return
            self._busy.add(instance_id)

        def run() -> None:
            try:
                with _told():
                    work(instance_id)
            finally:
                self._busy.discard(instance_id)
                self._wake.set()

        self._pool.submit(run)

    def _booted(self, instance_id: str) -> None:
        with self._world.lock:
            state = _member(instance_id)
            if state is None:
                return
            user_data = state.instance.user_data.decode() if state.instance.user_data else ""
            instance_type = str(state.instance_type)
        try:
            self._hosts[instance_id] = self._launcher().start(instance_id, user_data, instance_type)
        except InferstackError as error:
            self._given_up(instance_id, error.message)
            return
        except Exception as error:
            self._given_up(instance_id, f"{type(error).__name__}: {error}")
            raise
        self._in_service(instance_id)

    def _in_service(self, instance_id: str) -> None:
        with self._world.lock:
            state = _member(instance_id)
            if state is None or state.instance.state != "pending":
                return
            state.instance._state.name, state.instance._state.code = "running", 16
            state.lifecycle_state = "InService"
            state.activity.ended("Successful")

    def _forget_dead(self) -> None:
        """A host that ended by itself: the health check of the group takes its instance out and the group replaces it."""
        if not self._hosts:
            return
        up = {host.name for host in self._launcher().hosts()}
        for instance_id, host in list(self._hosts.items()):
            if host.name not in up and instance_id not in self._busy:
                self._hosts.pop(instance_id, None)
                self._taken_out(instance_id)

    def _taken_out(self, instance_id: str) -> None:
        with self._world.lock:
            state = _member(instance_id)
            if state is None:
                return
            cause = "an instance was taken out of service in response to an EC2 health check indicating it has been terminated or stopped."
            group = state.auto_scaling_group
            activity = Activity(group.name, f"Terminating EC2 instance: {instance_id}", cause, "PreInService", datetime.now(UTC))
            self._world.record(group.region, activity).ended("Successful")
            self._remove(state)

    def _remove(self, state: Any) -> None:
        group = state.auto_scaling_group
        group.instance_states = [other for other in group.instance_states if other.instance_id != state.instance_id]
        group.ec2_backend.terminate_instances([state.instance_id])
        self._not_before[group.arn] = time.monotonic() + self._retry_s

    def _given_up(self, instance_id: str, reason: str) -> None:
        """A launch that failed after EC2 took it: the member goes, the group tries again later."""
        with self._world.lock:
            state = _member(instance_id)
            if state is None:
                return
            state.activity.ended("Failed", f"Server.InternalError: the host of {instance_id} did not start: {reason}")
            self._remove(state)

    def _stopped(self, instance_id: str) -> None:
        self._launcher().stop(instance_id)
        self._hosts.pop(instance_id, None)

    def _rebooted(self, instance_id: str) -> None:
        self._hosts[instance_id] = self._launcher().reboot(instance_id)

    def _refill(self) -> None:
        """A group below its desired capacity launches again, as Auto Scaling does, but not at once."""
        with self._world.lock:
            for group in _groups():
                if len(group.instance_states) >= (group.desired_capacity or 0):
                    self._not_before.pop(group.arn, None)
                elif time.monotonic() >= self._not_before.setdefault(group.arn, time.monotonic() + self._retry_s):
                    self._not_before[group.arn] = time.monotonic() + self._retry_s
                    group.set_desired_capacity(group.desired_capacity)


def _groups() -> Iterator[Any]:
    from moto.autoscaling.models import autoscaling_backends

    for account in list(autoscaling_backends.values()):
        for backend in list(account.values()):
            yield from list(backend.autoscaling_groups.values())


def _member(instance_id: str) -> Any:
    return next((state for group in _groups() for state in group.instance_states if state.instance_id == instance_id), None)


@contextlib.contextmanager
def _told() -> Iterator[None]:
    try:
        yield
    except Exception:
        traceback.print_exc()
        raise
