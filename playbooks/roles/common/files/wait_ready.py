"""Waits until an engine is ready, looking at its unit all the while, and prints what it found as one line of JSON.

Ready means: the unit has not failed, /health answers 200, and with --completion one real completion through the TLS proxy
has at least one token. A unit that failed ends the wait at once, with the tail of its journal. Standard library only.
"""

import argparse
import http.client
import json
import ssl
import subprocess
import sys
import time


def main():
    told = _arguments()
    ends = time.monotonic() + told.deadline_s
    while True:
        state = _unit_state(told.unit)
        if state in ("failed", "inactive"):
            return _give_up(told.unit, f"{told.unit} is {state}")
        try:
            if state == "active" and _healthy(told.engine_port):
                print(json.dumps({"ready": True, "completion_tokens": _completion(told) if told.completion else 0}))
                return 0
            seen = f"{told.unit} is {state}, /health is not 200 yet"
        except (OSError, http.client.HTTPException, ValueError, KeyError) as error:
            seen = f"{told.unit} is {state}: {type(error).__name__}: {error}"
        if time.monotonic() > ends:
            return _give_up(told.unit, f"not ready after {told.deadline_s} s: {seen}")
        time.sleep(0.2)


def _arguments():
    parser = argparse.ArgumentParser()
    parser.add_argument("--unit", required=True)
    parser.add_argument("--engine-port", type=int, required=True)
    parser.add_argument("--deadline-s", type=int, required=True)
    parser.add_argument("--completion", action="store_true")
    parser.add_argument("--port", type=int)
    parser.add_argument("--hostname")
    parser.add_argument("--ca-file")
    parser.add_argument("--keys-file")
    parser.add_argument("--model")
    return parser.parse_args()


def _unit_state(unit):
    if unit.startswith("pid:"):
        with open(f"/proc/{int(unit[4:])}/stat") as file:
            return "failed" if file.read().rsplit(")", 1)[1].split()[0] in "ZX" else "active"
    shown = subprocess.run(["systemctl", "show", "--value", "--property=ActiveState", unit], capture_output=True, text=True, check=True)
    return shown.stdout.strip()


def _healthy(port):
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=10)
    try:
        connection.request("GET", "/health")
        return connection.getresponse().status == 200
    finally:
        connection.close()


def _completion(told):
    trust = ssl.create_default_context(cafile=told.ca_file)
    connection = _Named(told.hostname, told.port, trust)
    body = json.dumps({"model": told.model, "prompt": "ready", "max_tokens": 4, "temperature": 0})
    try:
        connection.request(
            "POST", "/v1/completions", body, {"Content-Type": "application/json", "Authorization": f"Bearer {_key(told.keys_file)}"}
        )
        answer = connection.getresponse()
        text = answer.read().decode()
        if answer.status != 200:
            raise ValueError(f"completion answered {answer.status}: {text[:300]}")
        tokens = json.loads(text)["usage"]["completion_tokens"]
        if tokens < 1:
            raise ValueError("the completion has no token")
        return tokens
    finally:
        connection.close()


class _Named(http.client.HTTPSConnection):
    """Connects to this machine, but asks for and checks the certificate of the endpoint's name."""

    def __init__(self, hostname, port, trust):
        super().__init__(hostname, port, timeout=120, context=trust)
        self._create_connection = lambda address, *rest: http.client.socket.create_connection(("127.0.0.1", address[1]), *rest)


def _key(path):
    with open(path) as file:
        return file.read().split('"Bearer ', 1)[1].split('"', 1)[0]


def _give_up(unit, reason):
    journal = subprocess.run(
        ["journalctl", "--unit", unit, "--lines", "25", "--no-pager", "--output", "cat"], capture_output=True, text=True, check=False
    )
    print(reason, file=sys.stderr)
    print(journal.stdout[-6000:], file=sys.stderr)
    return 1


if __name__ == "__main__":
    sys.exit(main())
