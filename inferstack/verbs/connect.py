"""`inferstack connect`: a way from this machine to the endpoint of what `up` built, and the line that uses it, until Ctrl-C.

The endpoint's name stands in its certificate alone; nothing resolves it. A session forwards a port of this machine to a node.
"""

from __future__ import annotations

import json
import shlex
import signal
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from types import FrameType

import typer

from inferstack.chain import stack_access
from inferstack.chain.endpoint_files import write_files
from inferstack.cli import options
from inferstack.cli.command import Command, begin
from inferstack.cli.options import DEFAULT_STACK, Backend, Json, Profile, Stack, Verbose, Yes
from inferstack.records.configured import Configured
from inferstack.records.errors import Finding, InputError
from inferstack.records.outputs import ClusterOutputs
from inferstack.records.receipt import Receipt
from inferstack.stack import world
from inferstack.stack.workdir import Run

LOOK_EVERY_S = 0.2
ENDING = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)


def app() -> typer.Typer:
    return options.one(connect)


def connect(
    profile: Profile = None,
    backend: Backend = None,
    stack: Stack = DEFAULT_STACK,
    as_json: Json = False,
    yes: Yes = False,
    verbose: Verbose = False,
) -> int:
    """Forward a local port to the endpoint, print the curl line that calls it, and stay until Ctrl-C."""
    at = begin("connect", stack, as_json=as_json, yes=yes, verbose=verbose, profile=profile, backend=backend)
    return hold_open(at, stack_access.built(at))


@dataclass(frozen=True)
class OpenWay:
    """An open way to one node. The key is in `header_file`, never on a command line, where every user of the machine could read it."""

    hostname: str
    port: int
    local_port: int
    model: str
    ca_file: Path
    header_file: Path

    @property
    def url(self) -> str:
        return f"https://{self.hostname}:{self.port}/v1"

    @property
    def curl(self) -> str:
        """The line to paste: certificate and name are checked, whatever proxy the shell is set up for."""
        question = {"model": self.model, "messages": [{"role": "user", "content": "Say hello."}], "max_tokens": 32}
        words = [
            *("curl", "--silent", "--show-error", "--noproxy", "*"),
            *("--cacert", str(self.ca_file)),
            *("--connect-to", f"{self.hostname}:{self.port}:127.0.0.1:{self.local_port}"),
            *("--header", f"@{self.header_file}"),
            *("--header", "Content-Type: application/json"),
            *("--data", json.dumps(question)),
            f"{self.url}/chat/completions",
        ]
        return shlex.join(words)


def hold_open(at: Command, run: Run) -> int:
    """Stays until it is told to end, or the stack is taken down. Raises InputError when there is nothing to connect to; CloudRefused."""
    outputs, served = run.read(ClusterOutputs), _configured(at, run)
    if not outputs.nodes:
        raise InputError(f"--stack {at.name}: there is no node", hint=f"inferstack up --stack {at.name}")
    # Not under the stack's lock: `bench` and `down` go on beside an open way.
    with _until_told() as told, world.opened(at, at.stack.record()) as here:
        from infra.calls import secrets
        from infra.session import forwarding

        aws = here.aws()
        key = secrets.api_key(aws, outputs.api_key_secret_arn)
        if key is None:
            raise Finding(f"--stack {at.name}: no API key is stored", hint=f"inferstack up --stack {at.name}")
        node = outputs.nodes[0].instance_id
        with (
            forwarding.forward(aws, node, outputs.endpoint_port) as local_port,
            write_files(at, run, key) as (ca_file, header_file),
        ):
            way = OpenWay(outputs.endpoint_hostname, outputs.endpoint_port, local_port, served.served_model, ca_file, header_file)
            _tell(at, way, node, len(outputs.nodes))
            while not told:
                if run.has(Receipt):
                    at.screen.say(f"{at.name} was taken down.")
                    break
                time.sleep(LOOK_EVERY_S)
    return 0


def _configured(at: Command, run: Run) -> Configured:
    if not run.has(Configured):
        raise InputError(f"--stack {at.name}: the nodes are not configured", hint=f"inferstack configure --stack {at.name}")
    return run.read(Configured)


@contextmanager
def _until_told() -> Iterator[list[int]]:
    """The signals of Ctrl-C, a closed terminal and `kill` that have come.

    A list, not a threading.Event: a handler runs in the main thread, and would wait for ever for the lock of an Event that this thread
    was waiting on when the signal came.
    """
    told: list[int] = []

    def end(number: int, frame: FrameType | None) -> None:
        told.append(number)

    before = {number: signal.signal(number, end) for number in ENDING}
    try:
        yield told
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)


def _tell(at: Command, way: OpenWay, node: str, nodes: int) -> None:
    at.screen.answer(
        {
            "url": way.url,
            "connect_to": f"127.0.0.1:{way.local_port}",
            "model": way.model,
            "node": node,
            "ca_file": str(way.ca_file),
            "header_file": str(way.header_file),
            "curl": way.curl,
        }
    )
    beside = f" (one of {nodes} independent nodes)" if nodes > 1 else ""
    at.screen.say(f"127.0.0.1:{way.local_port} forwards to {way.url} on node {node}{beside}, model {way.model}. In another shell:")
    at.screen.say()
    at.screen.verbatim(way.curl)
    at.screen.say()
    at.screen.say("Ctrl-C closes the connection and deletes the files with the key and the certificate.")
