"""The way out of a node: archives on the allow-list, nothing else, each request in the log."""

from __future__ import annotations

import http.client
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from urllib.parse import urlsplit

import pytest

from inferstack.sandbox.hosts import proxy
from inferstack.sandbox.hosts.proxy import PackageProxy


class Origin(BaseHTTPRequestHandler):
    def do_GET(self) -> None:
        body = f"{self.path} {self.headers.get('Proxy-Authorization')} {self.headers.get('Connection')}".encode()
        self.send_response(200)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *arguments: object) -> None:
        pass


@pytest.fixture
def origin() -> Iterator[int]:
    server = ThreadingHTTPServer(("127.0.0.1", 0), Origin)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    yield server.server_port
    server.shutdown()
    server.server_close()


@pytest.fixture
def lines() -> list[str]:
    return []


@pytest.fixture
def through(origin: int, lines: list[str], monkeypatch: pytest.MonkeyPatch) -> Iterator[PackageProxy]:
    monkeypatch.setattr(proxy, "PORTS", (80, 443, origin))
    running = PackageProxy("127.0.0.1", frozenset({"localhost"}), log=lines.append, upstream=lambda scheme: "")
    running.start()
    yield running
    running.close()


def ask(running: PackageProxy, method: str, target: str) -> tuple[int, str]:
    place = urlsplit(running.url)
    connection = http.client.HTTPConnection(str(place.hostname), place.port, timeout=5)
    connection.request(method, target, headers={"Proxy-Authorization": "secret"})
    answer = connection.getresponse()
    return answer.status, answer.read().decode()


def test_an_archive_is_reached_without_the_proxys_own_headers(through: PackageProxy, origin: int, lines: list[str]) -> None:
    """Rule: the request goes on as an origin request, Proxy-* headers stay here, and one line tells of it."""
    assert (200, "/dists/Release?a=1 None close") == ask(through, "GET", f"http://localhost:{origin}/dists/Release?a=1")
    through.close()
    assert [f"package-proxy 127.0.0.1 200 GET http://localhost:{origin}/dists/Release?a=1"] == lines


@pytest.mark.parametrize(
    ("method", "target", "status"),
    [
        ("GET", "http://elsewhere.example/x", 403),
        ("GET", "http://localhost.elsewhere.example/x", 403),
        ("GET", "http://localhost:1/x", 403),
        ("CONNECT", "elsewhere.example:443", 403),
        ("CONNECT", "localhost:22", 403),
        ("POST", "http://localhost/x", 405),
        ("GET", "/x", 400),
        ("GET", "ftp://localhost/x", 400),
    ],
)
def test_everything_else_is_refused(through: PackageProxy, lines: list[str], method: str, target: str, status: int) -> None:
    """Rule: exact host names and the two ports; a refused request is in the log too."""
    assert status == ask(through, method, target)[0]
    through.close()
    assert [f"package-proxy 127.0.0.1 {status} {method} {target}"] == lines


def test_a_connect_is_a_tunnel(through: PackageProxy, origin: int) -> None:
    """Rule: CONNECT to an allowed host passes bytes both ways, as apt over https needs it."""
    place = urlsplit(through.url)
    connection = http.client.HTTPConnection(str(place.hostname), place.port, timeout=5)
    connection.set_tunnel("localhost", origin)
    connection.request("GET", "/inside")
    assert b"/inside None None" == connection.getresponse().read()


def test_the_machines_own_proxy_is_the_next_hop(origin: int) -> None:
    """Rule: where the machine reaches the world through a proxy, the nodes' requests take it; the allow-list still holds."""
    running = PackageProxy("127.0.0.1", frozenset({"archive.example"}), upstream=lambda scheme: f"http://127.0.0.1:{origin}")
    running.start()
    try:
        assert (200, "http://archive.example/x None close") == ask(running, "GET", "http://archive.example/x")
        assert 403 == ask(running, "GET", "http://other.example/x")[0]
    finally:
        running.close()
