"""Filters of the roles: the engine's argument list, the node's signed certificate, words of units and of nginx."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

from ansible.errors import AnsibleFilterError

from inferstack.records.errors import InferstackError
from playbooks import certificates, flags, words


class FilterModule:
    def filters(self) -> dict[str, Callable[..., Any]]:
        return {
            "inferstack_argv": _argv,
            "inferstack_certificate": _certificate,
            "inferstack_nginx_word": _nginx_word,
            "inferstack_unit_word": _unit_word,
        }


def _unit_word(value: Any, kind: str = words.COMMAND) -> str:
    try:
        return words.unit_word(value, kind)
    except ValueError as error:
        raise AnsibleFilterError(str(error)) from None


def _nginx_word(value: Any) -> str:
    try:
        return words.nginx_word(value)
    except ValueError as error:
        raise AnsibleFilterError(str(error)) from None


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
