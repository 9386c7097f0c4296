"""llama.cpp's server from its prebuilt library, under the options of `llama-server` that the unit uses.

An unknown option exits 2, as the binary does. Every size is an option: the library's own defaults move between versions.
"""

from __future__ import annotations

import argparse
import signal
import sys
import threading
from typing import Any


def main() -> None:
    told = _arguments()
    import xllamacpp

    server = xllamacpp.Server(_parameters(xllamacpp.CommonParams(), told))
    sys.stdout.write(f"ready {server.listening_address}\n")
    stop = threading.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, lambda *_: stop.set())
    stop.wait()


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(allow_abbrev=False)
    parser.add_argument("--model", required=True)
    parser.add_argument("--alias", required=True)
    parser.add_argument("--host", required=True)
    for name in ("port", "ctx-size", "parallel", "threads", "threads-http"):
        parser.add_argument(f"--{name}", type=int, required=True)
    return parser.parse_args()


def _parameters(given: Any, told: argparse.Namespace) -> Any:
    given.model.path = told.model
    given.model_alias = {told.alias}
    given.hostnames = [told.host]
    given.port = told.port
    given.n_ctx = told.ctx_size
    given.n_parallel = told.parallel
    given.n_threads_http = told.threads_http
    given.cpuparams.n_threads = given.cpuparams_batch.n_threads = told.threads
    given.endpoint_metrics = given.endpoint_slots = True
    given.warmup = False
    return given


if __name__ == "__main__":
    main()
