"""Process hosts: they run what the playbook leaves in their folder, answer over TLS with a key, and end with their owner."""

from __future__ import annotations

import ipaddress
import json
import os
import signal
import ssl
import subprocess
import sys
import time
import urllib.error
import urllib.request
from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from inferstack.sandbox.hosts import RehearsalHost, sweep
from inferstack.sandbox.hosts.liveness import started
from inferstack.sandbox.hosts.process import ProcessLauncher
from tests.bench.authority import usage

OWNER = """
import sys, time
from pathlib import Path
from inferstack.sandbox.hosts.process import ProcessLauncher
launcher = ProcessLauncher(Path(sys.argv[1]), instead_because="test")
launcher.open()
print(launcher.start("i-0", "", "test").root, flush=True)
time.sleep(60)
"""


@pytest.fixture
def launcher(tmp_path: Path) -> Iterator[ProcessLauncher]:
    made = ProcessLauncher(tmp_path / "hosts", instead_because="test")
    made.open()
    yield made
    made.close()
    assert not (tmp_path / "hosts/nodes").exists()


def put(host_root: Path, name: str, argv: list[str]) -> None:
    part = host_root / f"{name}.part"
    part.write_text(json.dumps({"argv": argv}))
    part.replace(host_root / "services" / f"{name}.json")


def until(true: Callable[[], object], *, seconds: float = 10) -> None:
    end = time.monotonic() + seconds
    while not true():
        assert time.monotonic() < end, "did not happen"
        time.sleep(0.02)


def state(host: RehearsalHost, name: str) -> dict[str, object]:
    path = host.root / "state" / f"{name}.json"
    return json.loads(path.read_text()) if path.exists() else {}


def test_a_service_starts_restarts_on_change_and_stops_when_removed(launcher: ProcessLauncher) -> None:
    """Rule: the folder says what runs."""
    host = launcher.start("i-1", "#cloud-config\n", "g6.xlarge")
    put(host.root, "a", ["sh", "-c", "echo one; exec sleep 60"])
    until(lambda: (host.root / "log/a.log").exists() and "one\n" == (host.root / "log/a.log").read_text() and state(host, "a"))
    before = state(host, "a")["sha256"]
    put(host.root, "a", ["sh", "-c", "echo two; exec sleep 60"])
    until(lambda: (host.root / "log/a.log").read_text() == "one\ntwo\n" and state(host, "a")["sha256"] != before)
    assert state(host, "a")["active"] is True
    (host.root / "services/a.json").unlink()
    until(lambda: state(host, "a") == {})


def test_a_service_that_cannot_start_is_told_as_failed(launcher: ProcessLauncher) -> None:
    """Rule: a broken service is inactive with its exit, its reason in the log, and does not end the host."""
    host = launcher.start("i-1", "", "g6.xlarge")
    (host.root / "services/bad.json").write_text("{}")
    until(lambda: state(host, "bad").get("active") is False)
    assert 1 == state(host, "bad")["exit"]
    assert "KeyError: 'argv'" in (host.root / "log/bad.log").read_text()
    assert (host,) == launcher.hosts()


def test_two_hosts_have_their_own_addresses(launcher: ProcessLauncher) -> None:
    """Rule: the same port on two hosts never clashes."""
    one, two = launcher.start("i-1", "", "t"), launcher.start("i-2", "", "t")
    assert one.address.startswith("127.")
    assert one.address != two.address


@pytest.mark.parametrize("killed", ["owner", "runner"])
def test_kill_9_leaves_no_process_and_the_sweep_clears_the_rest(tmp_path: Path, killed: str) -> None:
    """Rule: hosts end with their owner, SIGKILL included."""
    owner = subprocess.Popen([sys.executable, "-c", OWNER, str(tmp_path / "hosts")], stdout=subprocess.PIPE, text=True)
    assert owner.stdout
    root = Path(owner.stdout.readline().strip())
    put(root, "sleeper", ["sh", "-c", "echo $$; exec sleep 60"])
    until(lambda: (root / "log/sleeper.log").exists() and (root / "log/sleeper.log").read_text())
    service = int((root / "log/sleeper.log").read_text())
    assert [] == sweep(tmp_path / "hosts")
    runner = json.loads((root.parent / "node.json").read_text())["process"]["pid"]
    os.kill(owner.pid if killed == "owner" else runner, signal.SIGKILL)
    until(lambda: started(runner) is None and started(service) is None, seconds=5)
    owner.kill()
    owner.wait()
    owner.stdout.close()
    assert ["folder of i-0", f"records of the owner {owner.pid}"] == sweep(tmp_path / "hosts")
    assert [] == sweep(tmp_path / "hosts")


def test_the_endpoint_wants_tls_and_the_key_and_passes_three_paths(launcher: ProcessLauncher, tmp_path: Path) -> None:
    """Rule: what the nginx of a node refuses, this endpoint refuses: no key, a wrong key, any other path."""
    host = launcher.start("i-1", "", "t")
    facts = json.loads((host.root / "host.json").read_text())
    context = certified(host.root, host.address)
    (host.root / "keys").write_text("canary\n")
    put(host.root, "engine", [facts["python"], "-c", ECHO, host.address, str(facts["engine_port"])])
    argv = [facts["python"], "-I", facts["endpoint_script"], "--listen", f"{host.address}:{facts['endpoint_port']}"]
    argv += ["--engine", f"{host.address}:{facts['engine_port']}", "--certificate", "cert.pem", "--key", "key.pem", "--keys-file", "keys"]
    put(host.root, "endpoint", argv)
    url = f"https://{host.address}:{facts['endpoint_port']}"
    until(lambda: ask(f"{url}/v1/models", context, "canary")[0] == 200)
    assert (200, "POST /v1/completions hello") == ask(f"{url}/v1/completions", context, "canary", body=b"hello")
    assert [401] * 4 == [ask(f"{url}/v1/models", context, key)[0] for key in ("", "wrong", "canary2", "CANARY")]
    paths = ["/metrics", "/v1/embeddings", "/v1/../metrics", "/health", "/v1/models/"]
    assert [404] * 5 == [ask(url + path, context, "canary")[0] for path in paths]
    assert 200 == ask(f"{url}/healthz", context, "")[0]


ECHO = """
import sys
from http.server import BaseHTTPRequestHandler, HTTPServer
class Echo(BaseHTTPRequestHandler):
    def do_GET(self):
        body = f"{self.command} {self.path} ".encode() + self.rfile.read(int(self.headers.get("Content-Length", 0)))
        self.send_response(200); self.end_headers(); self.wfile.write(body)
    do_POST = do_GET
HTTPServer((sys.argv[1], int(sys.argv[2])), Echo).serve_forever()
"""


def ask(url: str, context: ssl.SSLContext, key: str, *, body: bytes | None = None) -> tuple[int, str]:
    request = urllib.request.Request(url, data=body, headers={"Authorization": f"Bearer {key}"} if key else {})
    opener = urllib.request.build_opener(urllib.request.ProxyHandler({}), urllib.request.HTTPSHandler(context=context))
    try:
        with opener.open(request, timeout=5) as answer:
            return answer.status, answer.read().decode()
    except urllib.error.HTTPError as error:
        return error.code, ""
    except OSError:
        return 0, ""


def certified(folder: Path, address: str) -> ssl.SSLContext:
    from cryptography import x509
    from cryptography.hazmat.primitives import hashes, serialization
    from cryptography.hazmat.primitives.asymmetric import ec

    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, "test")])
    now = datetime.now(UTC)
    made = x509.CertificateBuilder().subject_name(name).issuer_name(name).public_key(key.public_key()).serial_number(1)
    made = made.not_valid_before(now - timedelta(hours=1)).not_valid_after(now + timedelta(hours=1))
    made = made.add_extension(x509.SubjectAlternativeName([x509.IPAddress(ipaddress.ip_address(address))]), critical=False)
    made = made.add_extension(x509.BasicConstraints(ca=True, path_length=0), critical=True)
    made = made.add_extension(usage(signs_certificates=True, serves=True), critical=True)
    made = made.add_extension(x509.SubjectKeyIdentifier.from_public_key(key.public_key()), critical=False)
    certificate = made.sign(key, hashes.SHA256())
    (folder / "cert.pem").write_bytes(certificate.public_bytes(serialization.Encoding.PEM))
    plain = serialization.NoEncryption()
    (folder / "key.pem").write_bytes(key.private_bytes(serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, plain))
    return ssl.create_default_context(cafile=str(folder / "cert.pem"))
