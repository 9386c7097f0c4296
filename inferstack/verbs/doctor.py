"""`inferstack doctor`: what is missing on this machine, and the one line that mends it."""

from __future__ import annotations

import os
import shutil
import sys
from collections.abc import Iterator, Mapping
from dataclasses import asdict, dataclass
from importlib import util
from pathlib import Path
from typing import Any

import typer

from inferstack.cli import options
from inferstack.cli.command import begin
from inferstack.cli.options import DEFAULT_STACK, Json, Stack, Verbose, Yes
from inferstack.records.errors import InferstackError
from inferstack.stack import toolchain, workdir

EVERYTHING, REHEARSALS, REAL = "everything", "rehearsals", "real stacks"
FREE_BYTES = 3 * 10**9


def app() -> typer.Typer:
    return options.one(doctor)


def doctor(stack: Stack = DEFAULT_STACK, as_json: Json = False, yes: Yes = False, verbose: Verbose = False) -> int:
    """Say what is missing on this machine and the command that mends it; exit 3 if nothing works without it."""
    at = begin("doctor", stack, as_json=as_json, yes=yes, verbose=verbose)
    found = findings()
    code = exit_code(found)
    at.screen.answer({"ready": code == 0, "findings": [one.as_dict() for one in found]})
    for one in found:
        mark = "ok     " if one.ok else "missing"
        at.screen.say(f"{mark} {one.name:<24} {one.found}" + ("" if one.ok else f"  [for {one.needed_for}]  mend: {one.mend}"))
    at.screen.say("Ready." if code == 0 else "Not ready: mend the lines marked missing for everything.")
    return code


@dataclass(frozen=True)
class Finding:
    """`needed_for` says what does not work without it; `mend` is one command, empty when nothing is to be done."""

    name: str
    ok: bool
    found: str
    needed_for: str
    mend: str = ""

    def as_dict(self) -> dict[str, Any]:
        return asdict(self)


def findings(environment: Mapping[str, str] = os.environ) -> list[Finding]:
    return [*_python(), *_engine(environment), *_ssh(environment), *_hosts(environment), *_real(environment), *_disk(environment)]


def exit_code(found: list[Finding]) -> int:
    """3 when something is missing that a rehearsal or any stack cannot do without."""
    return 3 if any(not one.ok and one.needed_for == EVERYTHING for one in found) else 0


def _python() -> Iterator[Finding]:
    version = ".".join(map(str, sys.version_info[:3]))
    yield Finding("python", (3, 11) <= sys.version_info[:2] <= (3, 13), version, EVERYTHING, "PYTHON=python3.12 make setup")
    for module in ("pulumi", "pulumi_aws", "ansible_runner", "boto3", "httpx"):
        yield _module(module, EVERYTHING)
    for module in ("moto", "xllamacpp", "gguf"):
        yield _module(module, REHEARSALS)
    compiled = not sys.dont_write_bytecode or bool(list(Path(workdir.__file__).parent.glob("__pycache__/workdir.*.pyc")))
    yield Finding("byte-code", compiled, "compiled" if compiled else "missing: every start is three times slower", "speed", "make setup")


def _module(name: str, needed_for: str) -> Finding:
    there = util.find_spec(name) is not None
    return Finding(f"python: {name}", there, "installed" if there else "missing", needed_for, "make setup")


def _engine(environment: Mapping[str, str]) -> Iterator[Finding]:
    try:
        cli = toolchain.find(environment=environment)
    except InferstackError as error:
        yield Finding("pulumi", False, error.message, EVERYTHING, error.hint)
        return
    if cli:
        yield Finding("pulumi", True, f"{cli.version} ({cli.how}) {cli.path}", EVERYTHING)
        return
    go = shutil.which("go", path=environment.get("PATH"))
    how = (
        "make toolchain (builds it with Go, once, 3 to 6 minutes)"
        if go
        else "install pulumi, or Go 1.25.11 or newer and run make toolchain"
    )
    yield Finding("pulumi", False, "no CLI on PATH or in the cache", EVERYTHING, how)


def _ssh(environment: Mapping[str, str]) -> Iterator[Finding]:
    for tool in ("ssh", "ssh-keygen"):
        yield _tool(tool, environment, EVERYTHING, "apt-get install openssh-client")


def _hosts(environment: Mapping[str, str]) -> Iterator[Finding]:
    from inferstack.stack import rehearsal

    reason = rehearsal.why_no_nodes(workdir.find(environment))
    found = "systemd-nspawn nodes" if reason is None else f"process hosts: {reason}"
    yield Finding("rehearsal hosts", reason is None, found, "nodes in rehearsals", "sudo make system-packages")


def _real(environment: Mapping[str, str]) -> Iterator[Finding]:
    from inferstack.stack import world

    yield _tool("aws", environment, REAL, "install the AWS command line, version 2")
    yield _tool("session-manager-plugin", environment, REAL, "install AWS's session-manager-plugin package")
    backend = environment.get("PULUMI_BACKEND_URL") or world.logged_in_to()
    yield Finding("pulumi backend", bool(backend), backend or "none chosen", REAL, "pulumi login s3://BUCKET, or --backend")
    chosen = [name for name in ("AWS_PROFILE", "AWS_ACCESS_KEY_ID", "AWS_WEB_IDENTITY_TOKEN_FILE") if environment.get(name)]
    files = [path for path in (Path.home() / ".aws" / "credentials", Path.home() / ".aws" / "config") if path.exists()]
    found = ", ".join([*chosen, *map(str, files)])
    yield Finding("aws credentials", bool(found), found or "none", REAL, "aws configure sso")


def _disk(environment: Mapping[str, str]) -> Iterator[Finding]:
    folder = workdir.root(environment)
    free = shutil.disk_usage(folder if folder.exists() else Path.home()).free
    yield Finding("disk", free >= FREE_BYTES, f"{free / 1e9:.1f} GB free", REHEARSALS, f"free {FREE_BYTES / 1e9:.0f} GB")


def _tool(name: str, environment: Mapping[str, str], needed_for: str, mend: str) -> Finding:
    there = shutil.which(name, path=environment.get("PATH"))
    return Finding(name, bool(there), there or "missing", needed_for, "" if there else mend)
