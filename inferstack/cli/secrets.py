"""Secrets come in by the environment or by a file, never as a flag's value; they are kept as SecretStr and never logged."""

from __future__ import annotations

import os
import re
from collections.abc import MutableMapping
from pathlib import Path

from pydantic import SecretStr

from inferstack.records.errors import InputError
from inferstack.records.files import text_files

LONGEST = 4096
API_KEY, HF_TOKEN = "INFERSTACK_API_KEY", "HF_TOKEN"
KEY_RULE = r"[A-Za-z0-9._~+/=-]{16,512}"
"""That of a node's proxy (roles/endpoint_proxy/files/put_keys.py): a key that it would refuse is refused before anything is built."""

_taken: dict[str, SecretStr] = {}


def take(environment: MutableMapping[str, str] = os.environ) -> None:
    """Take both secrets out of the environment, once, before any verb: no child of any verb inherits them."""
    _taken.clear()
    for variable in (API_KEY, HF_TOKEN):
        value = environment.pop(variable, "")
        if value:
            _taken[variable] = SecretStr(value)


def api_key(file: Path | None) -> SecretStr | None:
    """The endpoint's key that the user chose, or None. Raises InputError for a key that a node's proxy would not let in."""
    given, where = _given(file, "--api-key-file", API_KEY)
    if given and not re.fullmatch(KEY_RULE, given.get_secret_value()):
        raise InputError(
            f"{where}: the API key must be 16 to 512 of the characters A-Z a-z 0-9 . _ ~ + / = -",
            hint="leave it out to have a strong key created",
        )
    return given


def hugging_face_token(file: Path | None) -> SecretStr | None:
    return _given(file, "--hf-token-file", HF_TOKEN)[0]


def _given(file: Path | None, flag: str, variable: str) -> tuple[SecretStr | None, str]:
    kept = _taken[variable].get_secret_value() if variable in _taken else ""
    text, where = (_content(file, flag), f"{flag} {file}") if file else (kept, variable)
    text = text.strip()
    if not text:
        if file:
            raise InputError(f"{where}: is empty")
        return None, where
    if len(text) > LONGEST or not all("!" <= char <= "~" for char in text):
        raise InputError(f"{where}: must be one line of printable characters without blanks")
    return SecretStr(text), where


def _content(file: Path, flag: str) -> str:
    return text_files.read(file, most_bytes=LONGEST, said=f"{flag} {file}")
