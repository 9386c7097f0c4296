"""Stops taking requests at the proxy, then waits until the engine has none left; prints one line of JSON.

New requests get 503. A running request is an established connection to the engine: the proxy opens one for each and keeps none.
The line that the drain changes in nginx.conf is put back by the next configure.
"""

from __future__ import annotations

import argparse
import json
import pathlib
import subprocess
import sys
import time

ESTABLISHED = "01"
OPEN, CLOSED = "# drain: return 503;", "return 503;"


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("--site", type=pathlib.Path, required=True)
    parser.add_argument("--engine-port", type=int, required=True)
    parser.add_argument("--deadline-s", type=float, required=True)
    told = parser.parse_args()
    began = time.monotonic()
    _close(told.site)
    while (running := _running(told.engine_port)) and time.monotonic() - began < told.deadline_s:
        time.sleep(0.2)
    sys.stdout.write(json.dumps({"waited_s": round(time.monotonic() - began, 1), "cut_off": running}) + "\n")


def _close(site: pathlib.Path) -> None:
    text = site.read_text() if site.is_file() else ""
    if OPEN not in text:
        return
    site.write_text(text.replace(OPEN, CLOSED))
    if subprocess.run(["systemctl", "is-active", "--quiet", "nginx.service"], check=False).returncode == 0:
        subprocess.run(["systemctl", "reload", "nginx.service"], check=True)


def _running(port: int) -> int:
    local = f"0100007F:{port:04X}"
    rows = [line.split() for line in pathlib.Path("/proc/net/tcp").read_text().splitlines()[1:]]
    return sum(1 for row in rows if row[1] == local and row[3] == ESTABLISHED)


if __name__ == "__main__":
    main()
