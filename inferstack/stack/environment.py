"""The environment that decides which world the tools see: variables to set, and variables to take away.

For a rehearsal: loopback endpoint, dummy keys, own PULUMI_HOME and backend. Nothing of the user's AWS or Pulumi settings stays.
"""

from __future__ import annotations

import json
import os
import secrets
import shlex
import sys
from collections.abc import Iterator, Mapping, MutableMapping
from contextlib import contextmanager
from pathlib import Path

Change = dict[str, str | None]
BEFORE = "INFERSTACK_ENV_BEFORE"
LARGEST = 4 * 2**20
FOREIGN = ("AWS_", "PULUMI_")
HERE = "127.0.0.1,localhost"


def rehearsal(
    *, endpoint_url: str, access_key: str, sandbox: Path, region: str, cli: Path, stack: str, environment: Mapping[str, str] = os.environ
) -> Change:
    changed: Change = {name: None for name in environment if name.startswith(FOREIGN)}
    changed |= {
        "AWS_ENDPOINT_URL": endpoint_url,
        "AWS_ACCESS_KEY_ID": access_key,
        "AWS_SECRET_ACCESS_KEY": "rehearsal",
        "AWS_REGION": region,
        "AWS_DEFAULT_REGION": region,
        "AWS_EC2_METADATA_DISABLED": "true",
        "AWS_SDK_UA_APP_ID": f"inferstack-{stack}",
        "PULUMI_HOME": str(sandbox / "home"),
        "PULUMI_BACKEND_URL": f"file://{sandbox / 'state'}",
        "PULUMI_CONFIG_PASSPHRASE": "",
        "PULUMI_DISABLE_AUTOMATIC_PLUGIN_ACQUISITION": "1",
        "PULUMI_IGNORE_AMBIENT_PLUGINS": "1",
        "NO_PROXY": _with_loopback(environment.get("NO_PROXY", "")),
        "no_proxy": _with_loopback(environment.get("no_proxy", "")),
    }
    return changed | _tools(cli, environment)


def real(*, region: str, profile: str | None, backend: str, cli: Path, environment: Mapping[str, str] = os.environ) -> Change:
    changed: Change = {"AWS_REGION": region, "AWS_DEFAULT_REGION": region, "PULUMI_BACKEND_URL": backend}
    if profile:
        changed["AWS_PROFILE"] = profile
    return changed | _tools(cli, environment)


@contextmanager
def applied(change: Change, environment: MutableMapping[str, str] = os.environ) -> Iterator[None]:
    """The process sees the world for a while: our own clients and every child."""
    before = {name: environment.get(name) for name in change}
    _put(change, environment)
    try:
        yield
    finally:
        _put(before, environment)


def leave_entered(environment: MutableMapping[str, str] = os.environ) -> None:
    """A verb run in a shell that `env` has changed sees the user's own variables: which world it works in is the stack's to say."""
    _put(_remembered(environment), environment)


def shell(change: Change, kept_in: Path, environment: Mapping[str, str] = os.environ) -> str:
    """Lines for `eval` in any sh: the change, and one variable that names the file of what was there before it.

    The file is the owner's alone (0600): the user's own keys are in it, and every child of the shell sees the variables.
    `environment` is the user's own (`leave_entered`), whatever the shell was changed to before.
    """
    remembered = _remembered(environment)
    before = {name: environment.get(name) for name in sorted(change)} | remembered
    undone = {name: value for name, value in remembered.items() if name not in change}
    return _lines({**undone, **change, BEFORE: str(_kept(before, kept_in, environment))})


def shell_unset(environment: Mapping[str, str] = os.environ) -> str:
    """Lines that undo what `shell` did; none when nothing was done."""
    if BEFORE not in environment:
        return ""
    before = _remembered(environment)
    Path(environment[BEFORE]).unlink(missing_ok=True) if before else None
    return _lines({**before, BEFORE: None})


def _kept(before: Change, folder: Path, environment: Mapping[str, str]) -> Path:
    """Written where the shell's earlier file lies, so that one shell has one file."""
    from inferstack.records.record import write_text

    known = Path(environment.get(BEFORE, ""))
    folder.mkdir(parents=True, exist_ok=True, mode=0o700)
    path = known if known.name and known.is_file() and _remembered(environment) else folder / f"{secrets.token_hex(8)}.json"
    return write_text(path.absolute(), json.dumps(before), mode=0o600)


def _tools(cli: Path, environment: Mapping[str, str]) -> Change:
    path = environment.get("PATH", "")
    folders = path.split(os.pathsep)
    first = path if folders and folders[0] == str(cli.parent) else os.pathsep.join(filter(None, [str(cli.parent), path]))
    return {"PATH": first, "PULUMI_PYTHON_CMD": sys.executable, "PULUMI_SKIP_UPDATE_CHECK": "1"}


def _with_loopback(hosts: str) -> str:
    listed = [host for host in hosts.split(",") if host]
    return ",".join([*listed, *(host for host in HERE.split(",") if host not in listed)])


def _remembered(environment: Mapping[str, str]) -> Change:
    """Nothing of a file that is another user's, or that others may write."""
    path = environment.get(BEFORE, "")
    if not path:
        return {}
    try:
        with Path(path).open("rb") as file:
            at = os.fstat(file.fileno())
            told = json.loads(file.read(LARGEST)) if at.st_uid == os.getuid() and at.st_mode & 0o077 == 0 else {}
    except (OSError, ValueError):
        return {}
    return told if isinstance(told, dict) else {}


def _lines(change: Change) -> str:
    return "".join(
        f"unset {name}\n" if value is None else f"export {name}={shlex.quote(value)}\n" for name, value in sorted(change.items())
    )


def _put(change: Mapping[str, str | None], environment: MutableMapping[str, str]) -> None:
    for name, value in change.items():
        if value is None:
            environment.pop(name, None)
        else:
            environment[name] = value
