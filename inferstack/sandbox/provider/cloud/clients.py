"""The one door to the embedded AWS: botocore clients with dummy keys, and waiting."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, TypeVar

from inferstack.sandbox.provider.cloud import guard, service_models

Found = TypeVar("Found")


@dataclass
class Cloud:
    """Clients are made once for each (service, region); every one of them passes the guard."""

    sandbox: Path
    region: str = "us-east-1"
    _clients: dict[tuple[str, str], Any] = field(default_factory=dict)
    _lock: threading.Lock = field(default_factory=threading.Lock)

    def client(self, service: str) -> Any:
        with self._lock:
            key = (service, self.region)
            if key not in self._clients:
                self._clients[key] = self._made(service)
            return self._clients[key]

    def at(self, region: str | None) -> Cloud:
        """The same cloud, in the region that a resource asks for."""
        if not region or region == self.region:
            return self
        return Cloud(self.sandbox, region, self._clients, self._lock)

    def arn(self, service: str, resource: str, *, regional: bool = True) -> str:
        return f"arn:aws:{service}:{self.region if regional else ''}:{guard.ACCOUNT}:{resource}"

    def _made(self, service: str) -> Any:
        from botocore.config import Config

        config = Config(
            retries={"mode": "standard", "total_max_attempts": 5},
            proxies={},
            max_pool_connections=64,
            connect_timeout=5,
            s3={"addressing_style": "path"},
            user_agent_extra="inferstack-rehearsal-provider",
        )
        return service_models.session().create_client(
            service,
            region_name=self.region,
            endpoint_url=guard.endpoint(self.sandbox),
            aws_access_key_id=guard.access_key(self.sandbox),
            aws_secret_access_key=guard.CREDENTIAL,
            config=config,
        )


class NeverCame(Exception):
    """A state that was waited for did not come within its time."""


def wait(ask: Callable[[], Found], *, until: Callable[[Found], bool], what: str, seconds: float = 120.0) -> Found:
    """Asks again, ever slower, until the answer is the one waited for."""
    end, pause = time.monotonic() + seconds, 0.05
    while not until(answer := ask()):
        if time.monotonic() > end:
            raise NeverCame(f"timeout: {what} did not come within {seconds:.0f} s")
        time.sleep(pause)
        pause = min(pause * 1.6, 2.0)
    return answer
