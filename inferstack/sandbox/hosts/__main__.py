"""By hand: `python -m inferstack.sandbox.hosts try|prepare|why-not|sweep`."""

from __future__ import annotations

import argparse
import select
import signal
import sys
import tempfile
import time
from pathlib import Path
from types import FrameType

from inferstack.records.errors import InferstackError
from inferstack.sandbox.hosts import Launcher, choose, sweep


def main(argv: list[str] | None = None) -> int:
    options = _parser().parse_args(argv)
    try:
        return options.run(options)
    except InferstackError as error:
        _say(f"{error.message}\n  hint: {error.hint}" if error.hint else error.message)
        return error.code


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="python -m inferstack.sandbox.hosts", description=__doc__)
    verbs = parser.add_subparsers(required=True)
    tried = verbs.add_parser("try", help="start one host (or more), print how to reach it, clean up at Ctrl-C or end of input")
    tried.add_argument("--key", required=True, type=Path, help="the public key, or the private one with its .pub beside it")
    tried.add_argument("--count", type=int, default=1)
    tried.add_argument("--folder", type=Path, help="default: a temporary folder")
    tried.set_defaults(run=_try)
    verbs.add_parser("prepare", help="build the root file system and fetch the artefacts").set_defaults(run=_prepare)
    verbs.add_parser("why-not", help="say why this machine cannot run nspawn nodes").set_defaults(run=_why_not)
    swept = verbs.add_parser("sweep", help="remove what a dead owner left")
    swept.add_argument("--folder", required=True, type=Path)
    swept.set_defaults(run=_sweep)
    return parser


def _try(options: argparse.Namespace) -> int:
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, _interrupt)
    with tempfile.TemporaryDirectory(prefix="inferstack-hosts-") as temporary:
        launcher = choose(options.folder or Path(temporary) / "hosts")
        try:
            launcher.open(_say)
            _started(launcher, _public_key(options.key), options.count)
            select.select([sys.stdin], [], [])
        except KeyboardInterrupt:
            pass
        finally:
            launcher.close()
    return 0


def _started(launcher: Launcher, key: str, count: int) -> None:
    _out(f"kind {launcher.kind}\nnote {launcher.note}\ngateway {launcher.gateway}")
    _out(f"package_proxy_url {launcher.package_proxy_url}\nartefacts_path {launcher.artefacts_path}")
    for number in range(count):
        before = time.monotonic()
        host = launcher.start(f"i-{number:017x}", f"#cloud-config\nssh_authorized_keys:\n  - {key}\n", "by-hand")
        _out(f"host {host.name} {host.address} {host.ssh_port} after {time.monotonic() - before:.2f} s, root {host.root}")
    _out("ready: end of input or Ctrl-C stops and removes all of it")


def _public_key(path: Path) -> str:
    beside = path.with_name(path.name + ".pub")
    return (beside if beside.is_file() else path).read_text().strip()


def _prepare(options: argparse.Namespace) -> int:
    from inferstack.sandbox.hosts.artefacts import artefacts
    from inferstack.sandbox.hosts.rootfs import rootfs

    _out(str(rootfs(say=_say)))
    _out(str(artefacts(say=_say)))
    return 0


def _why_not(options: argparse.Namespace) -> int:
    from inferstack.sandbox.hosts.possible import why_not

    reason = why_not(Path.cwd())
    _out(reason or "nothing: nspawn nodes can run here")
    return 3 if reason else 0


def _sweep(options: argparse.Namespace) -> int:
    for line in sweep(options.folder):
        _out(line)
    return 0


def _out(line: str) -> None:
    sys.stdout.write(f"{line}\n")
    sys.stdout.flush()


def _say(line: str) -> None:
    sys.stderr.write(f"{line}\n")


def _interrupt(number: int, frame: FrameType | None) -> None:
    raise KeyboardInterrupt


if __name__ == "__main__":
    sys.exit(main())
