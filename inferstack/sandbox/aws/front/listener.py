"""The sockets of the daemon: who may connect, and under which Host name."""

from __future__ import annotations

import ipaddress
import threading
from collections.abc import Iterable
from typing import Any

from moto.moto_server.werkzeug_app import MotoRequestHandler
from werkzeug.serving import BaseWSGIServer, make_server

from inferstack.sandbox.aws.front.front import StartResponse, Wsgi

OF_A_BROWSER = ("HTTP_ORIGIN", "HTTP_SEC_FETCH_SITE", "HTTP_SEC_FETCH_MODE")


class DaemonListener:
    """Serves `app` on one address to the clients of one network, in threads of its own."""

    def __init__(self, app: Wsgi, address: str, port: int, *, clients: str) -> None:
        self._app = app
        self._clients = ipaddress.ip_network(clients, strict=False)
        self._server: BaseWSGIServer = make_server(address, port, self._guarded, threaded=True, request_handler=_Handler)
        self._server.daemon_threads = True  # type: ignore[attr-defined]
        self.address, self.port = address, int(self._server.server_port)
        self._host = f"{address}:{self.port}"
        self._thread = threading.Thread(target=self._server.serve_forever, kwargs={"poll_interval": 0.1}, daemon=True)

    @property
    def url(self) -> str:
        return f"http://{self._host}"

    def start(self) -> DaemonListener:
        self._thread.start()
        return self

    def close(self) -> None:
        self._server.shutdown()
        self._server.server_close()

    def _guarded(self, environ: dict[str, Any], start_response: StartResponse) -> Iterable[bytes]:
        """No page in a browser may ask here: neither under another Host (DNS rebinding), nor across sites, which sends an Origin."""
        client = ipaddress.ip_address(environ["REMOTE_ADDR"])
        if any(name in environ for name in OF_A_BROWSER):
            return self._forbidden(start_response)
        if environ.get("HTTP_HOST") == self._host and client in self._clients:
            return self._app(environ, start_response)
        return self._forbidden(start_response)

    def _forbidden(self, start_response: StartResponse) -> Iterable[bytes]:
        start_response("403 Forbidden", [("Content-Type", "text/plain"), ("Content-Length", "0"), ("Connection", "close")])
        return []


class _Handler(MotoRequestHandler):
    protocol_version = "HTTP/1.1"
    disable_nagle_algorithm = True

    def log(self, type: str, message: str, *args: Any) -> None:
        """calls.log is the log."""
