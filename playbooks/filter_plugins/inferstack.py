"""Filters of the roles: the engine's argument list, and the node's signed certificate."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

from ansible.errors import AnsibleFilterError

from playbooks import certificates, flags
from records.errors import InferstackError


class FilterModule:
    def filters(self) -> dict[str, Callable[..., Any]]:
        return {"inferstack_argv": _argv, "inferstack_certificate": _certificate}


def _argv(given: dict[str, Any], engine: str) -> list[str]:
    try:
        return flags.argv(engine, given)
    except InferstackError as error:
        raise AnsibleFilterError(error.message) from None


def _certificate(request_pem: str, folder: str, hostname: str, address: str, node: str) -> str:
    try:
        return certificates.signed(request_pem, Path(folder), hostname=hostname, address=address, node=node)
    except (ValueError, OSError) as error:
        raise AnsibleFilterError(f"certificate of {node}: {error}") from None
