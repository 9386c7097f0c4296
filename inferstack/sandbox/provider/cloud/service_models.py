"""One botocore session for the process: AWS's service models are megabytes of JSON and are read once."""

from __future__ import annotations

import functools
import threading
from typing import Any

READING = threading.Lock()


@functools.cache
def session() -> Any:
    import botocore.session

    return botocore.session.Session()


def service(name: str) -> Any:
    """The model of a service; the same one for every thread."""
    with READING:
        return _service(name)


@functools.cache
def _service(name: str) -> Any:
    return session().get_service_model(name)
