"""The init of a process host: runs what lies in `services/`, says in `state/` how it goes, ends with the owner. Standard library only.

A service is `services/NAME.json` = {"argv": [...], "environment": {...}}: written, it starts; changed, it restarts; removed, it stops.
`state/NAME.json` = {"active", "pid", "starts", "exit", "sha256"} follows; output goes to `log/NAME.log`. SIGHUP restarts all (a reboot).
"""

from __future__ import annotations

import contextlib
import ctypes
import hashlib
import json
import os
import select
import signal
import subprocess
import sys
import time
from dataclasses import dataclass
from pathlib import Path

PAUSE_S, GRACE_S, RETRY_S = 0.2, 10.0, 2.0
PR_SET_PDEATHSIG = 1


@dataclass
class Service:
    text: bytes
    process: subprocess.Popen[bytes]
    starts: int
    started: float


def main() -> int:
    root, owner_fd = Path(sys.argv[1]), int(sys.argv[2])
    asked: set[int] = set()
    for number in (signal.SIGTERM, signal.SIGINT, signal.SIGHUP):
        signal.signal(number, lambda number, _: asked.add(number))
    for part in ("services", "log", "state"):
        (root / part).mkdir(parents=True, exist_ok=True)
    services: dict[str, Service] = {}
    while not asked & {signal.SIGTERM, signal.SIGINT}:
        if signal.SIGHUP in asked:
            _ended(services)
            services.clear()
            asked.clear()
        _converged(root, services)
        if select.select([owner_fd], [], [], PAUSE_S)[0]:
            break
    _ended(services)
    return 0


def _converged(root: Path, services: dict[str, Service]) -> None:
    wanted = {path.stem: path.read_bytes() for path in (root / "services").glob("*.json")}
    changed = [name for name, service in services.items() if wanted.get(name) != service.text]
    _ended({name: services.pop(name) for name in changed})
    for name, text in wanted.items():
        service = services.get(name)
        if service is None:
            services[name] = _started(root, name, text, starts=1)
        elif service.process.poll() is not None and time.monotonic() - service.started > RETRY_S:
            _tell(root, name, service)
            services[name] = _started(root, name, text, starts=service.starts + 1)
        _tell(root, name, services[name])
    for stale in {path.stem for path in (root / "state").glob("*.json")} - set(wanted):
        (root / "state" / f"{stale}.json").unlink(missing_ok=True)


def _started(root: Path, name: str, text: bytes, *, starts: int) -> Service:
    with (root / "log" / f"{name}.log").open("ab") as log:
        try:
            wanted = json.loads(text)
            argv, environment = [str(word) for word in wanted["argv"]], {**os.environ, **wanted.get("environment", {})}
        except (ValueError, KeyError, TypeError, AttributeError) as error:
            log.write(f"services/{name}.json: {type(error).__name__}: {error}\n".encode())
            argv, environment = ["false"], dict(os.environ)
        process = subprocess.Popen(
            argv, cwd=root, env=environment, stdin=subprocess.DEVNULL, stdout=log, stderr=subprocess.STDOUT, preexec_fn=_die_with_parent
        )
    return Service(text, process, starts, time.monotonic())


def _die_with_parent() -> None:
    ctypes.CDLL(None).prctl(PR_SET_PDEATHSIG, signal.SIGKILL)


def _ended(services: dict[str, Service]) -> None:
    until = time.monotonic() + GRACE_S
    for service in services.values():
        with contextlib.suppress(ProcessLookupError):
            service.process.terminate()
    for service in services.values():
        try:
            service.process.wait(max(0.0, until - time.monotonic()))
        except subprocess.TimeoutExpired:
            service.process.kill()
            service.process.wait()


def _tell(root: Path, name: str, service: Service) -> None:
    status = service.process.poll()
    state = {
        "active": status is None,
        "pid": service.process.pid,
        "starts": service.starts,
        "exit": status,
        "sha256": hashlib.sha256(service.text).hexdigest(),
    }
    path, text = root / "state" / f"{name}.json", json.dumps(state) + "\n"
    if path.exists() and path.read_text() == text:
        return
    part = path.with_suffix(".part")
    part.write_text(text)
    part.replace(path)


if __name__ == "__main__":
    sys.exit(main())
