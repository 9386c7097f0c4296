"""What is measured: an OpenAI-style endpoint behind a forwarded port, and the client that trusts exactly its certificate."""

from __future__ import annotations

import ssl
from dataclasses import dataclass, field
from pathlib import Path
from urllib.parse import urlsplit

import httpx
from pydantic import SecretStr

from inferstack.records import engines
from inferstack.records.errors import InputError


@dataclass(frozen=True)
class Target:
    """`base_url` is where to connect (https://127.0.0.1:<forwarded port>); `hostname` is whom the certificate must name.

    `engine` decides which extensions of the API may be sent: TensorRT-LLM refuses fields that it does not know.
    """

    base_url: str
    hostname: str
    model: str
    ca_file: Path | None = None
    api_key: SecretStr | None = None
    engine: str = field(default_factory=engines.default)

    def headers(self) -> dict[str, str]:
        port = urlsplit(self.base_url).port
        found = {"Host": f"{self.hostname}:{port}" if port else self.hostname, "Accept": "text/event-stream", "Accept-Encoding": "identity"}
        return found | ({"Authorization": f"Bearer {self.api_key.get_secret_value()}"} if self.api_key else {})

    def redacted(self, text: str) -> str:
        """A server may echo the key in its refusal."""
        key = self.api_key.get_secret_value() if self.api_key else ""
        return text.replace(key, "***") if key else text


def client(target: Target, *, connections: int, timeout_s: float) -> httpx.AsyncClient:
    """HTTP/1.1; proxies of the environment do not apply to a forwarded port. Raises InputError when the CA file is not one."""
    return httpx.AsyncClient(
        base_url=target.base_url,
        headers=target.headers(),
        verify=_trust(target),
        http2=False,
        trust_env=False,
        timeout=httpx.Timeout(timeout_s),
        limits=httpx.Limits(max_connections=connections, max_keepalive_connections=connections),
    )


def _trust(target: Target) -> ssl.SSLContext:
    if target.ca_file is None:
        return ssl.create_default_context()
    try:
        return ssl.create_default_context(cafile=str(target.ca_file))
    except FileNotFoundError:
        raise InputError(f"{target.ca_file}: no such file; it should contain the endpoint's CA", hint="inferstack configure") from None
    except ssl.SSLError:
        raise InputError(
            f"{target.ca_file}: contains no PEM certificate", hint="inferstack configure creates the endpoint's CA again"
        ) from None
