"""Secrets come in by the environment or by a file, never as a flag's value; they are kept as SecretStr and never logged."""

from __future__ import annotations

import os
from collections.abc import MutableMapping
from pathlib import Path

from pydantic import SecretStr

from records import text_files
from records.errors import InputError

LONGEST = 4096


def api_key(file: Path | None, environment: MutableMapping[str, str] = os.environ) -> SecretStr | None:
    """The endpoint's key that the user chose, or None. Raises InputError for a key that could not be sent as a header."""
    given = _given(file, "--api-key-file", "INFERSTACK_API_KEY", environment)
    if given and len(given.get_secret_value()) < 16:
        raise InputError("the API key is shorter than 16 characters", hint="leave it out and a strong one is made")
    return given


def hugging_face_token(file: Path | None, environment: MutableMapping[str, str] = os.environ) -> SecretStr | None:
    return _given(file, "--hf-token-file", "HF_TOKEN", environment)


def forget(environment: MutableMapping[str, str] = os.environ) -> None:
    """Before any child is started: what this verb did not take, nobody inherits."""
    for variable in ("INFERSTACK_API_KEY", "HF_TOKEN"):
        environment.pop(variable, None)


def _given(file: Path | None, flag: str, variable: str, environment: MutableMapping[str, str]) -> SecretStr | None:
    kept = environment.pop(variable, "")  # taken out: no child of ours may inherit it
    text, where = (_content(file, flag), f"{flag} {file}") if file else (kept, variable)
    text = text.strip()
    if not text:
        if file:
            raise InputError(f"{where}: is empty")
        return None
    if len(text) > LONGEST or not all("!" <= char <= "~" for char in text):
        raise InputError(f"{where}: not one line of printable characters without blanks")
    return SecretStr(text)


def _content(file: Path, flag: str) -> str:
    return text_files.read(file, most_bytes=LONGEST, said=f"{flag} {file}")
