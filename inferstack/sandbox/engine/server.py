"""llama-server's command line over the prebuilt library: the flags that the engine's role uses; an unknown one exits 2 as in the binary.

Standard library and xllamacpp only: this file is copied to the hosts and run there by their own Python.
"""

from __future__ import annotations

import argparse
import signal
import sys
import threading
from pathlib import Path
from typing import Any


def main(argv: list[str] | None = None) -> int:
    options = parser().parse_args(argv)
    import xllamacpp

    server = xllamacpp.Server(parameters(options, xllamacpp.CommonParams()))
    sys.stdout.write(f"ready {server.listening_address}\n")
    sys.stdout.flush()
    _until_told_to_stop()
    return 0


def parser() -> argparse.ArgumentParser:
    """Every flag of llama-server that is understood here. Abbreviations are not: the binary has none."""
    made = argparse.ArgumentParser(prog="llama-server", allow_abbrev=False)
    made.add_argument("--model", required=True, type=_file)
    made.add_argument("--alias", required=True)
    made.add_argument("--host", default="127.0.0.1")
    made.add_argument("--port", type=int, default=8000)
    made.add_argument("--ctx-size", type=_positive, default=8192, help="divided by the slots")
    made.add_argument("--parallel", type=_positive, default=4, help="slots")
    made.add_argument("--threads", type=_positive, default=1)
    made.add_argument("--threads-http", type=_positive, default=64)
    made.add_argument("--api-key-file", type=_file)
    made.add_argument("--metrics", action="store_true")
    made.add_argument("--slots", action="store_true")
    made.add_argument("--no-warmup", action="store_true")
    return made


def parameters(options: argparse.Namespace, params: Any) -> Any:
    """`params` (xllamacpp.CommonParams) filled from the flags."""
    params.model.path = options.model
    params.model_alias = {options.alias}
    params.hostnames = [options.host]
    params.port = options.port
    params.n_ctx = options.ctx_size
    params.n_parallel = options.parallel
    params.n_threads_http = options.threads_http
    params.cpuparams.n_threads = params.cpuparams_batch.n_threads = options.threads
    params.endpoint_metrics = options.metrics
    params.endpoint_slots = options.slots
    params.warmup = not options.no_warmup
    if options.api_key_file:
        params.api_keys = Path(options.api_key_file).read_text().split()
    return params


def _until_told_to_stop() -> None:
    stop = threading.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, lambda *_: stop.set())
    stop.wait()


def _file(text: str) -> str:
    if not Path(text).is_file():
        raise argparse.ArgumentTypeError(f"{text}: no such file")
    return text


def _positive(text: str) -> int:
    if not text.isdigit() or int(text) == 0:
        raise argparse.ArgumentTypeError(f"{text}: a number from 1 is needed")
    return int(text)


if __name__ == "__main__":
    raise SystemExit(main())
