"""The Pulumi CLI as a child of ours: exactly the given environment, its own process group, interrupted only when we say so."""

from __future__ import annotations

import os
import signal
import subprocess
import threading
from collections.abc import Callable, Mapping
from pathlib import Path

from pulumi.automation import CommandResult, PulumiCommand
from pulumi.automation.errors import create_command_error
from semver import VersionInfo

from inferstack.records.errors import MissingTool

OURS = "INFERSTACK_"


class PulumiCli(PulumiCommand):
    """A terminal's Ctrl-C reaches the foreground group only: the CLI has a group of its own, and `interrupt` passes the signal on once."""

    def __init__(self, path: Path, environment: Mapping[str, str]) -> None:
        self.command = str(path)
        self._environment = dict(environment)
        self._child: subprocess.Popen[str] | None = None
        self.version = VersionInfo.parse(_version(path, self._environment))

    def run(
        self,
        args: list[str],
        cwd: str,
        additional_env: Mapping[str, str],
        on_output: Callable[[str], object] | None = None,
        on_error: Callable[[str], object] | None = None,
    ) -> CommandResult:
        """What the SDK calls for every command. Raises the SDK's CommandError and its kinds."""
        if "--non-interactive" not in args:
            args = ["--non-interactive", *args]
        said: tuple[list[str], list[str]] = ([], [])
        with self._started([self.command, *args], cwd, additional_env) as child:
            self._child = child
            try:
                readers = [_reader(child.stdout, on_output, said[0]), _reader(child.stderr, on_error, said[1])]
                for reader in readers:
                    reader.join()
                child.wait()
            finally:
                self._child = None
        result = CommandResult(stdout="\n".join(said[0]), stderr="\n".join(said[1]), code=child.returncode)
        if result.code:
            raise create_command_error(result)
        return result

    def interrupt(self) -> bool:
        """SIGINT to the running command: the first lets it finish what is in flight. False when none runs."""
        child = self._child
        if child is None or child.poll() is not None:
            return False
        try:
            os.kill(child.pid, signal.SIGINT)
        except ProcessLookupError:
            return False
        return True

    def _started(self, command: list[str], cwd: str, more: Mapping[str, str]) -> subprocess.Popen[str]:
        ours = {name: value for name, value in os.environ.items() if name.startswith(OURS)}
        environment = {**self._environment, **ours, **more, "PULUMI_AUTOMATION_API": "true"}
        environment["PATH"] = os.pathsep.join(filter(None, [str(Path(self.command).parent), environment.get("PATH", "")]))
        return subprocess.Popen(
            command,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            cwd=cwd,
            env=environment,
            encoding="utf-8",
            process_group=0,
        )


def _reader(stream: object, tell: Callable[[str], object] | None, kept: list[str]) -> threading.Thread:
    def read() -> None:
        for line in stream or []:  # type: ignore[attr-defined]  # a text stream
            kept.append(line.rstrip())
            if tell:
                tell(kept[-1])

    thread = threading.Thread(target=read, daemon=True)
    thread.start()
    return thread


def _version(path: Path, environment: Mapping[str, str]) -> str:
    """A cached build says its version in its folder's name; asking it costs 0.2 s."""
    parts = path.parent.name.split("-")
    if parts[0] == "pulumi" and len(parts) > 2:
        return parts[1]
    try:
        done = subprocess.run(
            [str(path), "version"], env=dict(environment), capture_output=True, text=True, check=True, stdin=subprocess.DEVNULL
        )
    except (OSError, subprocess.CalledProcessError) as error:
        raise MissingTool(f"the Pulumi CLI {path} does not run: {error}", hint="inferstack doctor says how to get it") from None
    return done.stdout.strip().lstrip("v")
