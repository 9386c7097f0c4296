"""Stops taking requests at the proxy, then waits until the engine has none left; prints one line of JSON.

New requests get 503. A running request is an established connection to the engine: the proxy opens one for each and keeps none.
"""

import argparse
import json
import os
import pathlib
import subprocess
import time

ESTABLISHED = "01"


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--folder", type=pathlib.Path, required=True)
    parser.add_argument("--engine-port", type=int, required=True)
    parser.add_argument("--deadline-s", type=float, required=True)
    told = parser.parse_args()
    began = time.monotonic()
    _close(told.folder / "draining.conf")
    while (running := _running(told.engine_port)) and time.monotonic() - began < told.deadline_s:
        time.sleep(0.2)
    print(json.dumps({"waited_s": round(time.monotonic() - began, 1), "cut_off": running}))


def _close(mark):
    if not mark.is_file():
        with os.fdopen(os.open(mark, os.O_WRONLY | os.O_CREAT, 0o644), "w") as file:
            file.write("return 503;\n")
    if subprocess.run(["systemctl", "is-active", "--quiet", "nginx.service"], check=False).returncode == 0:
        subprocess.run(["systemctl", "reload", "nginx.service"], check=True)


def _running(port):
    local = f"0100007F:{port:04X}"
    with open("/proc/net/tcp") as file:
        rows = [line.split() for line in file.readlines()[1:]]
    return sum(1 for row in rows if row[1] == local and row[3] == ESTABLISHED)


if __name__ == "__main__":
    main()
