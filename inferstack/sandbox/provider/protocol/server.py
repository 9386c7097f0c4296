"""The process: a gRPC server whose first line on stdout is its port, which ends with its parent and at once on a signal."""

from __future__ import annotations

import importlib.metadata
import os
import signal
import threading
import time
from concurrent import futures
from pathlib import Path

import grpc
from pulumi.runtime.proto import provider_pb2_grpc

from inferstack.sandbox.provider.cloud import guard, service_models
from inferstack.sandbox.provider.protocol.servicer import Provider

THREADS = 64
UNLIMITED = [("grpc.max_receive_message_length", -1), ("grpc.max_send_message_length", -1)]


def serve() -> None:
    """Never returns: the engine ends it, by a signal or by going away."""
    guard.strip_environment()
    sandbox = guard.folder()
    server, port = started(sandbox)
    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, lambda *_: os._exit(0))
    threading.Thread(target=leave_with_parent, args=(os.getppid(),), daemon=True).start()
    print(port, flush=True)  # noqa: T201  the protocol: nothing may be printed before it
    threading.Thread(target=warm, daemon=True).start()
    server.wait_for_termination()


def started(sandbox: Path) -> tuple[grpc.Server, int]:
    """The server on a free loopback port; boto3 blocks, so the engine's parallelism needs threads."""
    server = grpc.server(futures.ThreadPoolExecutor(THREADS), options=UNLIMITED)
    provider_pb2_grpc.add_ResourceProviderServicer_to_server(Provider(sandbox, version=importlib.metadata.version("pulumi-aws")), server)
    port = server.add_insecure_port("127.0.0.1:0")
    server.start()
    return server, port


def leave_with_parent(parent: int) -> None:
    """A killed CLI says nothing; without this its providers live for ever."""
    while os.getppid() == parent:
        time.sleep(0.5)
    os._exit(3)


def warm() -> None:
    """botocore's import and its largest model cost half a second: paid while the program still imports."""
    service_models.service("ec2")
