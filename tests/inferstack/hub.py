"""A Hugging Face hub on the loopback, as `huggingface_hub` asks it: its gate, checksums, redirect to another host, and its failures."""

from __future__ import annotations

import hashlib
import json
import threading
import urllib.parse
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

SHA = "0123456789abcdef0123456789abcdef01234567"


@dataclass
class Repository:
    """`fault`: truncated, cut-once, no-ranges, silent-tree, 500, 429, loop."""

    files: dict[str, bytes]
    gated: bool = False
    license: str | None = "apache-2.0"
    fault: str = ""


@dataclass
class Hub:
    """`asked`: every request as (host, path, Range, Authorization); `sent_bytes`: of weight files; `cut`: files that came short once."""

    repositories: dict[str, Repository] = field(default_factory=dict)
    token: str = "hf_of_somebody"
    asked: list[tuple[str, str, str | None, str | None]] = field(default_factory=list)
    sent_bytes: int = 0
    cut: set[str] = field(default_factory=set)
    closing: threading.Event = field(default_factory=threading.Event)
    address: str = ""
    store_address: str = ""


@contextmanager
def serving(**repositories: Repository) -> Iterator[Hub]:
    """`org__name=Repository(...)`: two servers, the hub and the store that large files are redirected to."""
    hub = Hub({name.replace("__", "/").replace("_", "-"): one for name, one in repositories.items()})
    servers = [ThreadingHTTPServer(("127.0.0.1", 0), _handler(hub, name)) for name in ("hub", "store")]
    hub.address, hub.store_address = (f"http://127.0.0.1:{server.server_port}" for server in servers)
    threads = [threading.Thread(target=server.serve_forever, args=(0.02,), daemon=True) for server in servers]
    for thread in threads:
        thread.start()
    try:
        yield hub
    finally:
        hub.closing.set()
        for server in servers:
            server.shutdown()
            server.server_close()


def _handler(hub: Hub, host: str) -> type[BaseHTTPRequestHandler]:
    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def do_GET(self) -> None:
            hub.asked.append((host, self.path, self.headers.get("Range"), self.headers.get("Authorization")))
            parts = urllib.parse.unquote(self.path.split("?")[0]).strip("/").split("/")
            api = parts[:2] == ["api", "models"]
            name = "/".join(parts[2:4] if api else parts[:2])
            repository = hub.repositories.get(name)
            if repository is None:
                return self._send(404, b'{"error":"Repository not found"}', {"X-Error-Code": "RepoNotFound"})
            if repository.fault.isdigit():
                return self._send(int(repository.fault), b"{}")
            if api and len(parts) > 5 and parts[5] not in ("main", SHA):
                return self._send(404, b'{"error":"Invalid rev id"}', {"X-Error-Code": "RevisionNotFound"})
            if repository.fault == "silent-tree" and parts[4:5] == ["tree"]:
                hub.closing.wait(5)
            if api:
                found: Any = _tree(repository) if parts[4:5] == ["tree"] else _listing(name, repository)
                return self._send(200, json.dumps(found).encode())
            if host == "hub" and repository.gated and self.headers.get("Authorization") != f"Bearer {hub.token}":
                status = 403 if self.headers.get("Authorization") else 401
                return self._send(status, b"Access to model is restricted", {"X-Error-Code": "GatedRepo"})
            return self._file(repository, "/".join(parts[4:]))

        do_HEAD = do_GET

        def _file(self, repository: Repository, path: str) -> None:
            content = repository.files.get(path)
            if content is None:
                return self._send(404, b"Entry not found", {"X-Error-Code": "EntryNotFound", "X-Repo-Commit": SHA})
            listed = _sibling(path, content)
            about = {"X-Repo-Commit": SHA, "ETag": f'"{listed.get("blobId")}"', "Accept-Ranges": "bytes"}
            if not path.endswith(".safetensors"):
                return self._send(200, content, about)
            if repository.fault == "loop":
                return self._send(302, b"", {"Location": hub.address + self.path})
            if host == "hub":
                about |= {"X-Linked-Size": str(len(content)), "X-Linked-ETag": f'"{listed.get("lfs", {}).get("sha256", "0" * 64)}"'}
                return self._send(302, b"", about | {"Location": hub.store_address + self.path})
            return self._weights(repository, path, content)

        def _weights(self, repository: Repository, path: str, content: bytes) -> None:
            asked, more = self.headers.get("Range"), {}
            status, part = 200, content
            if asked and repository.fault != "no-ranges":
                first, last = asked.removeprefix("bytes=").split("-")
                status, part = 206, content[int(first) : int(last) + 1 if last else None]
                more["Content-Range"] = f"bytes {first}-{int(first) + len(part) - 1}/{len(content)}"
            promised = len(part)
            if repository.fault == "truncated" or (repository.fault == "cut-once" and path not in hub.cut):
                hub.cut.add(path)
                part = part[:20]
            hub.sent_bytes += len(part)
            self._send(status, part, {"Content-Length": str(promised), **more})
            if len(part) < promised:
                self.close_connection = True

        def _send(self, status: int, body: bytes, headers: dict[str, str] | None = None) -> None:
            self.send_response(status)
            for key, value in {"Content-Length": str(len(body)), **(headers or {})}.items():
                self.send_header(key, value)
            self.end_headers()
            try:
                self.wfile.write(body if self.command != "HEAD" else b"")
            except OSError:
                self.close_connection = True

        def log_message(self, *_: Any) -> None:
            pass

    return Handler


def _listing(name: str, repository: Repository) -> dict[str, Any]:
    return {
        "id": name,
        "sha": SHA,
        "gated": "manual" if repository.gated else False,
        "cardData": {"license": repository.license} if repository.license else None,
        "tags": [],
        "siblings": [_sibling(path, content) for path, content in repository.files.items()],
    }


def _sibling(path: str, content: bytes) -> dict[str, Any]:
    """As `?blobs=true` lists it: git's SHA-1 of a file (of the pointer of a large one), and the SHA-256 of a large one."""
    told: dict[str, Any] = {"rfilename": path, "size": len(content)}
    told["blobId"] = hashlib.sha1(b"blob %d\0" % len(content) + content, usedforsecurity=False).hexdigest()
    if path.endswith(".safetensors"):
        told |= {"blobId": "0" * 40, "lfs": {"sha256": hashlib.sha256(content).hexdigest(), "size": len(content), "pointerSize": 134}}
    return told


def _tree(repository: Repository) -> list[dict[str, Any]]:
    """As `/tree` lists it: the SHA-256 of a large file is called `oid` there."""
    found = []
    for told in (_sibling(path, content) for path, content in repository.files.items()):
        one = {"type": "file", "path": told["rfilename"], "size": told["size"], "oid": told.get("blobId", "")}
        if "lfs" in told:
            one["lfs"] = {"oid": told["lfs"]["sha256"], "size": told["lfs"]["size"], "pointerSize": told["lfs"]["pointerSize"]}
        found.append(one)
    return found
