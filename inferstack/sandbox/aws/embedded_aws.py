"""The embedded AWS put together: moto with its gaps filled, the front, the control surface, hosts, sessions and clock."""

from __future__ import annotations

import dataclasses
import os
import secrets
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from functools import partial
from pathlib import Path

from moto.moto_server.werkzeug_app import DomainDispatcherApplication, create_backend_app

from inferstack.records.errors import CloudRefused
from inferstack.sandbox.aws import daemon_record, gaps, moto_settings
from inferstack.sandbox.aws.daemon_record import DaemonRecord, SandboxInfo
from inferstack.sandbox.aws.faults import ArmedFaults
from inferstack.sandbox.aws.front.control_questions import questions
from inferstack.sandbox.aws.front.control_surface import Controls
from inferstack.sandbox.aws.front.front import Front
from inferstack.sandbox.aws.front.listener import DaemonListener
from inferstack.sandbox.aws.instances import host_launcher
from inferstack.sandbox.aws.instances.fleet import HostFleet
from inferstack.sandbox.aws.instances.host_launcher import Launcher, OpenedOnce
from inferstack.sandbox.aws.instances.metadata import Imds
from inferstack.sandbox.aws.instances.sessions import Sessions
from inferstack.sandbox.aws.lifetime import Lifetime
from inferstack.sandbox.aws.rights import caller_rights
from inferstack.sandbox.aws.services.price_list import PriceList
from inferstack.sandbox.aws.services.schedules import ScheduleClock, Schedules, call_ourselves
from inferstack.sandbox.aws.world import SandboxWorld

NO_HOSTS = "no hosts: instances are records only, nothing can be configured or measured on them"


class EmbeddedAws:
    """One of these per process: moto's stores are the process's own."""

    def __init__(self, folder: Path, *, launcher: Launcher | None = None, slow_s: float = 5.0) -> None:
        self.folder = folder
        self.token = secrets.token_urlsafe(32)
        self.access_key = f"rehearsal-{secrets.token_urlsafe(24)}"
        self.own_key = f"own-{secrets.token_urlsafe(24)}"
        self.lifetime = Lifetime()
        self.faults = ArmedFaults(folder, account_id=moto_settings.ACCOUNT_ID, slow_s=slow_s)
        self.world = SandboxWorld(account_id=moto_settings.ACCOUNT_ID, launch_refusal=self.faults.launch_refusal)
        self.launcher = launcher or host_launcher.choose(folder)
        self.fleet: HostFleet | None = None
        self.opened: OpenedOnce | None = None
        self.clock = ScheduleClock()
        self.schedules: Schedules | None = None
        self._doors: list[DaemonListener] = []
        self._info: SandboxInfo | None = None
        self._front: Front | None = None

    @property
    def info(self) -> SandboxInfo:
        assert self._info is not None, "the cloud is not served yet"
        return self._info

    def as_record(self) -> DaemonRecord:
        return DaemonRecord(self.info, self.token)

    @contextmanager
    def served(self, *, announce: Callable[[], None] = lambda: None) -> Iterator[None]:
        """While it holds, the API answers on loopback, and on the bridge as soon as the launcher has one.

        `announce` is called when the door is open: calls that come before moto's services are loaded wait for them, the caller need not.
        """
        with ExitStack() as stack:
            if self.launcher is not None:
                self._back(self.launcher, stack)
            self.world.sessions = Sessions(self.world.host_of)
            stack.callback(self.world.sessions.close)
            with self.world.lock:
                door = self._open_door(stack)
                announce()
                stack.enter_context(gaps.filled(self.world))
                self._make_account()
            self._schedule(door, stack)
            if self.fleet is not None:
                self.fleet.start()
            yield

    def _make_account(self) -> None:
        """An account whose administrator has made the boundary, and given the caller the published policies and no others."""
        from inferstack.sandbox.aws.gaps.iam import make_boundaries

        make_boundaries(self.world.account_id, caller_rights.PUBLISHED)
        allowed = caller_rights.documents()
        if allowed is not None:
            assert self._front is not None
            self._front.caller_rights = caller_rights.CallerRights(self.world.account_id, allowed, log=self.folder / "rights.jsonl")

    def _open_door(self, stack: ExitStack) -> DaemonListener:
        self._front = self._make_front()
        door = DaemonListener(self._front.on_loopback, "127.0.0.1", 0, clients="127.0.0.0/8").start()
        self._doors.append(door)
        stack.callback(self._close_doors)
        self._info = self._first_info(door)
        return door

    def _back(self, launcher: Launcher, stack: ExitStack) -> None:
        opened = self.opened = OpenedOnce(launcher, say=_say, on_open=self._open_bridge)
        fleet = HostFleet(self.world, opened)
        self.fleet = fleet
        self.world.backed = True
        self.world.host_of = fleet.host_of
        self.world.wake, self.world.reboot = fleet.wake, fleet.reboot
        stack.callback(opened.close)
        stack.callback(fleet.close)

    def _schedule(self, door: DaemonListener, stack: ExitStack) -> None:
        from inferstack.sandbox.aws.gaps.scheduler import role_may

        may = partial(role_may, self.world.account_id)
        self.schedules = Schedules(self.world, self.clock, call_ourselves(door.url, self.own_key), may=may, say=_say)
        self.schedules.start()
        stack.callback(self.schedules.close)

    def _make_front(self) -> Front:
        controls = Controls(self.token, questions(self))
        moto = DomainDispatcherApplication(create_backend_app)
        own = PriceList(lambda: self.faults.armed, self.faults.met).services()
        front = Front(
            moto=moto,
            controls=controls,
            faults=self.faults,
            lock=self.world.lock,
            own=own,
            access_key=self.access_key,
            own_key=self.own_key,
        )
        front.log_to(self.folder / "calls.log")
        front.seen = self.lifetime.seen
        return front

    def _open_bridge(self, launcher: Launcher) -> None:
        """The nodes' door and their metadata service, on the address that only they and this machine have."""
        assert self._front is not None and self.fleet is not None
        from inferstack.sandbox.aws.rights.node_rights import NodeRights

        if not self._doors:
            raise CloudRefused("the embedded AWS ends", kind="host", hint="start the command again")
        self._front.stack_at = self.fleet.stack_at
        self._front.node_rights = NodeRights(self.world, self.fleet.instance_at, self.access_key)
        gateway = launcher.gateway
        shared = gateway == self._doors[0].address
        nodes = "127.0.0.0/8" if shared else f"{gateway}/24"
        door = DaemonListener(self._front.on_bridge, gateway, 0 if shared else self._doors[0].port, clients=nodes).start()
        imds = DaemonListener(Imds(self.world, self.fleet.instance_at), gateway, 0, clients=nodes).start()
        self._doors += [door, imds]
        self._info = dataclasses.replace(
            self.info,
            node_endpoint_url=door.url,
            node_imds_url=imds.url,
            bridge=launcher.bridge,
            package_proxy_url=launcher.package_proxy_url,
            artefacts_path=launcher.artefacts_path,
        )
        daemon_record.write(self.folder, self.as_record())

    def _first_info(self, door: DaemonListener) -> SandboxInfo:
        return SandboxInfo(
            pid=os.getpid(),
            started=daemon_record.start_ticks(os.getpid()) or 0,
            endpoint_url=door.url,
            account_id=moto_settings.ACCOUNT_ID,
            host_kind=self.launcher.kind if self.launcher else "none",
            host_note=self.launcher.note if self.launcher else NO_HOSTS,
            access_key=self.access_key,
            own_key=self.own_key,
        )

    def _close_doors(self) -> None:
        while self._doors:
            self._doors.pop().close()


def _say(line: str) -> None:
    print(line, flush=True)  # noqa: T201  the daemon's stdout is its log
