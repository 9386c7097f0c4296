"""Pulumi's Python language host, for a CLI that was built from its Go module and so comes without one.

Speaks pulumirpc.LanguageRuntime: runs the program in this process, in the main thread, and policy packs in a child.
`options` of Pulumi.yaml are ignored: the launcher beside this file has already picked the interpreter.
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
import os
import queue
import runpy
import signal
import subprocess
import sys
import threading
import time
import traceback
from collections.abc import Iterator
from concurrent import futures
from importlib import metadata
from pathlib import Path
from typing import Any

import grpc
from google.protobuf import empty_pb2
from pulumi import RunError, log, runtime
from pulumi.runtime.proto import language_pb2 as pb
from pulumi.runtime.proto import language_pb2_grpc, plugin_pb2

PARENT_POLL_S = 0.5

Jobs = queue.Queue[tuple[Any, "futures.Future[pb.RunResponse]"]]


def main() -> None:
    parent = os.getppid()
    engine = [argument for argument in sys.argv[1:] if not argument.startswith("-")][-1]  # flags such as -v=9 come first
    jobs: Jobs = queue.Queue()
    server = grpc.server(futures.ThreadPoolExecutor(16))
    language_pb2_grpc.add_LanguageRuntimeServicer_to_server(LanguageHost(jobs), server)
    port = server.add_insecure_port("127.0.0.1:0")
    server.start()
    for number in (signal.SIGINT, signal.SIGTERM):
        # At once: a host that winds down lets the engine wait five seconds for it after every failing run.
        signal.signal(number, lambda *_: os._exit(0))
    threading.Thread(target=leave_with_parent, args=(parent,), daemon=True).start()
    print(port, flush=True)
    while True:
        request, done = jobs.get()
        try:
            done.set_result(run(request, engine))
        except BaseException as error:  # noqa: BLE001  whatever it is, the engine waits for an answer
            done.set_exception(error)


class LanguageHost(language_pb2_grpc.LanguageRuntimeServicer):
    def __init__(self, jobs: Jobs) -> None:
        self.jobs = jobs

    def Handshake(self, request: Any, context: Any) -> Any:
        return pb.LanguageHandshakeResponse()

    def GetRequiredPackages(self, request: Any, context: Any) -> Any:
        return pb.GetRequiredPackagesResponse()  # empty: plugins are loaded when they are first used

    def GetPluginInfo(self, request: Any, context: Any) -> Any:
        return plugin_pb2.PluginInfo(version="0.0.0")

    def About(self, request: Any, context: Any) -> Any:
        return pb.AboutResponse(executable=sys.executable, version=sys.version.split()[0])

    def GetProgramDependencies(self, request: Any, context: Any) -> Any:
        found = ((dist.metadata["Name"], dist.version) for dist in metadata.distributions())
        return pb.GetProgramDependenciesResponse(dependencies=[pb.DependencyInfo(name=name, version=version) for name, version in found])

    def InstallDependencies(self, request: Any, context: Any) -> Iterator[Any]:
        yield pb.InstallDependenciesResponse(stdout=b"The environment is made by `make setup`.\n")

    def Cancel(self, request: Any, context: Any) -> Any:
        return empty_pb2.Empty()

    def Run(self, request: Any, context: Any) -> Any:
        done: futures.Future[pb.RunResponse] = futures.Future()
        self.jobs.put((request, done))
        return done.result()

    def RunPlugin(self, request: Any, context: Any) -> Iterator[Any]:
        """Policy packs, and plugins given as a source folder. The engine ends one by dropping the stream."""
        process = start_plugin(request)
        context.add_callback(lambda: process.poll() is None and process.terminate())
        yield from pumped(process)
        yield pb.RunPluginResponse(exitcode=process.wait())


def start_plugin(request: Any) -> subprocess.Popen[bytes]:
    program = os.path.normpath(Path(request.info.program_directory) / request.info.entry_point)
    head = ["-m", "pulumi.policy", request.args[0], program] if request.kind == "analyzer" else [program, request.args[0]]
    return subprocess.Popen(
        [sys.executable, "-u", *head, *request.args[1:]],
        cwd=request.pwd,
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        env=dict(entry.split("=", 1) for entry in request.env if "=" in entry),
    )


def pumped(process: subprocess.Popen[bytes]) -> Iterator[Any]:
    chunks: queue.Queue[dict[str, bytes] | None] = queue.Queue()

    def pump(pipe: Any, field: str) -> None:
        while data := os.read(pipe.fileno(), 65536):
            chunks.put({field: data})
        chunks.put(None)

    for pipe, field in ((process.stdout, "stdout"), (process.stderr, "stderr")):
        threading.Thread(target=pump, args=(pipe, field), daemon=True).start()
    for _ in range(2):
        while (chunk := chunks.get()) is not None:
            yield pb.RunPluginResponse(**chunk)


def run(request: Any, engine: str) -> Any:
    """The program, to its end. `bail` means that the error has been said already; the CLI then exits 1."""
    os.chdir(request.pwd)
    entry = entry_of(request.info)
    configure(request, engine)
    loop = asyncio.new_event_loop()
    asyncio.set_event_loop(loop)

    def program() -> None:
        sys.argv = [entry, *request.args]
        sys.path.insert(0, str(Path(entry).parent))
        runpy.run_path(entry, run_name="__main__")

    try:
        loop.run_until_complete(runtime.run_in_stack(program))
        return pb.RunResponse()
    except RunError as error:
        log.error(str(error))
    except BaseException as error:  # noqa: BLE001  SystemExit of a program is an error of the program too
        log.error("Program failed with an unhandled exception:\n" + users_frames(error, entry))
    finally:
        close(loop)
    return pb.RunResponse(bail=True)


def entry_of(info: Any) -> str:
    entry = Path(os.path.normpath(Path(info.program_directory) / info.entry_point))
    return str(entry / "__main__.py" if entry.is_dir() else entry)


def configure(request: Any, engine: str) -> None:
    runtime.configure(
        runtime.Settings(
            project=request.project,
            stack=request.stack,
            monitor=request.monitor_address,
            engine=engine,
            parallel=request.parallel,
            dry_run=request.dryRun,
            organization=request.organization or "organization",
            root_directory=request.info.root_directory,
        )
    )
    runtime.set_all_config(dict(request.config), list(request.configSecretKeys))
    logging.getLogger("asyncio").setLevel(logging.CRITICAL)


def users_frames(error: BaseException, entry: str) -> str:
    told = traceback.TracebackException.from_exception(error)
    frames = list(told.stack)
    first = next((number for number, frame in enumerate(frames) if frame.filename == entry), 0)
    told.stack = traceback.StackSummary.from_list(frames[first:])
    return "".join(told.format())


def close(loop: asyncio.AbstractEventLoop) -> None:
    for task in asyncio.all_tasks(loop):
        task.cancel()
        with contextlib.suppress(BaseException):
            loop.run_until_complete(task)
    loop.close()
    sys.stdout.flush()
    sys.stderr.flush()


def leave_with_parent(parent: int) -> None:
    """End this process with its parent: after SIGKILL of the CLI nobody else ends it. PDEATHSIG would follow a thread of Go's, not the
    CLI."""
    while os.getppid() == parent:
        time.sleep(PARENT_POLL_S)
    os._exit(3)


if __name__ == "__main__":
    main()
