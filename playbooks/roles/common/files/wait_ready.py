"""Waits until an engine is ready, looking at its unit all the while, and prints what it found as one line of JSON.

Ready means: the unit has not failed, /health answers 200, its process was started with the weights of --manifest-sha256, and with
--completion one real completion through the TLS proxy has at least one token. A unit that failed, or that starts again and again,
ends the wait at once with the tail of its journal.
Standard library only.
"""

from __future__ import annotations

import argparse
import http.client
import json
import pathlib
import socket
import ssl
import subprocess
import sys
import time

RESTARTS_ALLOWED = 1
MANIFEST = b"INFERSTACK_WEIGHTS_MANIFEST_SHA256="
JOURNAL_LINES, JOURNAL_CHARACTERS = 25, 6000


class Failed(Exception):
    pass


class Unit:
    """A systemd unit, or the state file of a process host's service (its name ends in .json)."""

    def __init__(self, name: str) -> None:
        self.name = name
        self.restarts_before = self._shown()[1]

    def refuse_failed(self) -> str:
        """Its state, while that can still become ready."""
        state, restarts = self._shown()
        if state in ("failed", "inactive"):
            raise Failed(f"{self.name} is {state}")
        if restarts - self.restarts_before > RESTARTS_ALLOWED:
            raise Failed(f"{self.name} has restarted {restarts - self.restarts_before} times")
        return state

    def refuse_other_weights(self, manifest_sha256: str) -> None:
        """Held against the environment of its main process: what that was started with, whatever the unit's file says by now."""
        words = pathlib.Path("/proc", self._pid(), "environ").read_bytes().split(b"\0")
        serves = next((word.removeprefix(MANIFEST).decode() for word in words if word.startswith(MANIFEST)), "(none named)")
        if serves == manifest_sha256:
            return
        text = f"{self.name} serves the weights of manifest {serves}, not those of {manifest_sha256}"
        raise ValueError(text) if self.name.endswith(".json") else Failed(text)  # a process host's service is started anew a moment later

    def _pid(self) -> str:
        if self.name.endswith(".json"):
            return str(json.loads(pathlib.Path(self.name).read_text())["pid"])
        command = ["systemctl", "show", "--property=MainPID", "--value", self.name]
        return subprocess.run(command, capture_output=True, text=True, check=True).stdout.strip()

    def _shown(self) -> tuple[str, int]:
        if self.name.endswith(".json"):
            told = json.loads(pathlib.Path(self.name).read_text())
            return "active" if told["active"] else "activating", told["starts"]
        command = ["systemctl", "show", "--property=ActiveState,NRestarts", self.name]
        lines = subprocess.run(command, capture_output=True, text=True, check=True).stdout.split()
        told = dict(line.split("=", 1) for line in lines)
        return told["ActiveState"], int(told["NRestarts"])

    def journal(self) -> str:
        if self.name.endswith(".json"):
            log = pathlib.Path(self.name).parent.parent / "log" / pathlib.Path(self.name).with_suffix(".log").name
            return log.read_text(errors="replace")
        command = ["journalctl", "--unit", self.name, "--lines", str(JOURNAL_LINES), "--no-pager", "--output", "cat"]
        return subprocess.run(command, capture_output=True, text=True, check=False).stdout


def main() -> int:
    told = _arguments()
    unit = Unit(told.unit)
    try:
        tokens = _wait(told, unit)
    except Failed as error:
        sys.stderr.write(f"{error}\n{unit.journal()[-JOURNAL_CHARACTERS:]}\n")
        return 1
    sys.stdout.write(json.dumps({"ready": True, "completion_tokens": tokens, "weights_manifest_sha256": told.manifest_sha256}) + "\n")
    return 0


def _wait(told: argparse.Namespace, unit: Unit) -> int:
    ends = time.monotonic() + told.deadline_s
    while True:
        state = unit.refuse_failed()
        try:
            if state == "active" and _healthy(told.address, told.engine_port):
                unit.refuse_other_weights(told.manifest_sha256)
                return _completion(told) if told.completion else 0
            seen = f"{unit.name} is {state}, /health is not 200 yet"
        except (OSError, http.client.HTTPException, ValueError, KeyError) as error:
            seen = f"{unit.name} is {state}: {type(error).__name__}: {error}"
        if time.monotonic() > ends:
            raise Failed(f"not ready after {told.deadline_s} s: {seen}")
        time.sleep(0.2)


def _healthy(address: str, port: int) -> bool:
    connection = http.client.HTTPConnection(address, port, timeout=10)
    try:
        connection.request("GET", "/health")
        return connection.getresponse().status == 200
    finally:
        connection.close()


def _completion(told: argparse.Namespace) -> int:
    connection = Endpoint(told)
    body = json.dumps({"model": told.model, "prompt": "ready", "max_tokens": 4, "temperature": 0})
    headers = {"Content-Type": "application/json", "Authorization": f"Bearer {_key(pathlib.Path(told.keys_file))}"}
    try:
        connection.request("POST", "/v1/completions", body, headers)
        answer = connection.getresponse()
        text = answer.read().decode()
        if answer.status != 200:
            raise ValueError(f"completion answered {answer.status}: {text[:300]}")
        tokens: int = json.loads(text)["usage"]["completion_tokens"]
        if tokens < 1:
            raise ValueError("the completion contains no token")
        return tokens
    finally:
        connection.close()


class Endpoint(http.client.HTTPSConnection):
    """Connects to this machine, but asks for and checks the certificate of the endpoint's name."""

    def __init__(self, told: argparse.Namespace) -> None:
        super().__init__(told.hostname, told.port, timeout=120)
        self.address = told.address
        self.trust = ssl.create_default_context(cafile=told.ca_file)

    def connect(self) -> None:
        plain = socket.create_connection((self.address, self.port), self.timeout)
        self.sock = self.trust.wrap_socket(plain, server_hostname=self.host)


def _key(path: pathlib.Path) -> str:
    """Read the key from nginx's comparisons, or from a plain list."""
    first = path.read_text().splitlines()[0]
    return first.split('"Bearer ', 1)[1].split('"', 1)[0] if '"' in first else first


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser()
    parser.add_argument("--unit", required=True)
    parser.add_argument("--address", default="127.0.0.1")
    parser.add_argument("--engine-port", type=int, required=True)
    parser.add_argument("--deadline-s", type=int, required=True)
    parser.add_argument("--manifest-sha256", required=True)
    parser.add_argument("--completion", action="store_true")
    parser.add_argument("--port", type=int)
    for name in ("hostname", "ca-file", "keys-file", "model"):
        parser.add_argument(f"--{name}")
    return parser.parse_args()


if __name__ == "__main__":
    sys.exit(main())
