"""`inferstack doctor`: what is missing on this machine, and the one line that mends it."""

from __future__ import annotations

import os
import shutil
import sys
from collections.abc import Iterator, Mapping
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import typer

from inferstack.cli import extras, options
from inferstack.cli.command import begin
from inferstack.cli.options import DEFAULT_STACK, Json, Stack, Verbose, Yes
from inferstack.records.errors import InferstackError
from inferstack.records.files import places
from inferstack.stack import toolchain, workdir

EVERYTHING, CLUSTERS, REHEARSALS, REAL = "everything", "clusters", "rehearsals", "real stacks"
FREE_BYTES = 3 * 10**9


def app() -> typer.Typer:
    return options.one(doctor)


def doctor(stack: Stack = DEFAULT_STACK, as_json: Json = False, yes: Yes = False, verbose: Verbose = False) -> int:
    """Show what is missing on this machine and the command that fixes it; exit 3 if nothing works without it."""
    at = begin("doctor", stack, as_json=as_json, yes=yes, verbose=verbose)
    found = findings()
    code = exit_code(found)
    at.screen.answer({"ready": code == 0, "findings": [one.as_dict() for one in found]})
    for one in found:
        mark = "ok     " if one.ok else "missing"
        at.screen.say(f"{mark} {one.name:<24} {one.found}" + ("" if one.ok else f"  [for {one.needed_for}]  fix: {one.mend}"))
    ready = "Ready to plan; to build a cluster, install what is missing for clusters." if only_plans() else "Ready."
    at.screen.say(ready if code == 0 else "Not ready: fix the lines marked missing for everything or for clusters.")
    return code


@dataclass(frozen=True)
class Examined:
    """`needed_for` says what does not work without it; `mend` is one command, empty when nothing is to be done."""

    name: str
    ok: bool
    found: str
    needed_for: str
    mend: str = ""

    def as_dict(self) -> dict[str, Any]:
        return asdict(self)


def findings(environment: Mapping[str, str] = os.environ) -> list[Examined]:
    return [*_python(), *_engine(environment), *_ssh(environment), *_hosts(environment), *_real(environment), *_disk(environment)]


def exit_code(found: list[Examined]) -> int:
    """3 when something is missing that a rehearsal or any stack cannot do without; a plain install only plans, and lacks nothing for it."""
    needed = (EVERYTHING,) if only_plans() else (EVERYTHING, CLUSTERS)
    return 3 if any(not one.ok and one.needed_for in needed for one in found) else 0


def only_plans() -> bool:
    """Whether nothing was installed that builds: a plan, its price and its report need none of it."""
    return bool(extras.missing(extras.CLOUD))


def _python() -> Iterator[Examined]:
    version = ".".join(map(str, sys.version_info[:3]))
    yield Examined("python", (3, 11) <= sys.version_info[:2] <= (3, 13), version, EVERYTHING, "PYTHON=python3.12 make setup")
    yield _extra(extras.CLOUD, CLUSTERS)
    yield _extra(extras.REHEARSAL, REHEARSALS)
    compiled = not sys.dont_write_bytecode or bool(list(Path(workdir.__file__).parent.glob("__pycache__/workdir.*.pyc")))
    yield Examined(
        "byte-code", compiled, "compiled" if compiled else "missing: every start takes three times as long", "speed", "make setup"
    )


def _extra(name: str, needed_for: str) -> Examined:
    lacking = extras.missing(name)
    found = f"missing: {', '.join(lacking)}" if lacking else "installed"
    return Examined(f"python: {name}", not lacking, found, needed_for, extras.install_line(name))


def _engine(environment: Mapping[str, str]) -> Iterator[Examined]:
    try:
        cli = toolchain.find(environment=environment)
    except InferstackError as error:
        yield Examined("pulumi", False, error.message, CLUSTERS, error.hint)
        return
    if cli:
        yield Examined("pulumi", True, f"{cli.version} ({cli.how}) {cli.path}", CLUSTERS)
        return
    line = "make toolchain" if places.is_checkout() else "python -m inferstack.stack.toolchain"
    go = shutil.which("go", path=environment.get("PATH"))
    how = f"{line} (builds it with Go, once, 3 to 6 minutes)" if go else f"install pulumi, or Go 1.25.11 or newer and run {line}"
    yield Examined("pulumi", False, "no CLI on PATH or in the cache", CLUSTERS, how)


def _ssh(environment: Mapping[str, str]) -> Iterator[Examined]:
    for tool in ("ssh", "ssh-keygen"):
        yield _tool(tool, environment, CLUSTERS, "apt-get install openssh-client")


def _hosts(environment: Mapping[str, str]) -> Iterator[Examined]:
    from inferstack.stack import rehearsal

    reason = rehearsal.why_no_nodes(workdir.find(environment))
    found = "systemd-nspawn nodes" if reason is None else f"process hosts: {reason}"
    yield Examined("rehearsal hosts", reason is None, found, "nodes in rehearsals", "sudo make system-packages")


def _real(environment: Mapping[str, str]) -> Iterator[Examined]:
    from inferstack.stack import world

    yield _tool("aws", environment, REAL, "install the AWS command line, version 2")
    yield _tool("session-manager-plugin", environment, REAL, "install AWS's session-manager-plugin package")
    backend = environment.get("PULUMI_BACKEND_URL") or world.logged_in_to()
    yield Examined("pulumi backend", bool(backend), backend or "none chosen", REAL, "pulumi login s3://BUCKET, or --backend of a verb")
    chosen = [name for name in ("AWS_PROFILE", "AWS_ACCESS_KEY_ID", "AWS_WEB_IDENTITY_TOKEN_FILE") if environment.get(name)]
    files = [path for path in (Path.home() / ".aws" / "credentials", Path.home() / ".aws" / "config") if path.exists()]
    found = ", ".join([*chosen, *map(str, files)])
    yield Examined("aws credentials", bool(found), found or "none", REAL, "aws configure sso")


def _disk(environment: Mapping[str, str]) -> Iterator[Examined]:
    root = workdir.root(environment)
    folder = next(one for one in (root, *root.parents) if one.exists())
    free = shutil.disk_usage(folder).free
    yield Examined("disk", free >= FREE_BYTES, f"{free / 1e9:.1f} GB free", REHEARSALS, f"free {FREE_BYTES / 1e9:.0f} GB")


def _tool(name: str, environment: Mapping[str, str], needed_for: str, mend: str) -> Examined:
    there = shutil.which(name, path=environment.get("PATH"))
    return Examined(name, bool(there), there or "missing", needed_for, "" if there else mend)
