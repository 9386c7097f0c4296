"""Models for which Python code of their repository must run: whether a plan may ask for it."""

from __future__ import annotations

from inferstack.records.errors import InputError
from inferstack.records.files.facts import load
from sizing.models.shape import ModelShape


def needed(shape: ModelShape) -> str | None:
    """What of the repository is code, or None: by the model's type, or as its own files say."""
    if shape.remote_code:
        return shape.remote_code
    found: dict[str, str] = load("sizing")["architectures"]["known"]["remote_code"]["model_types"]
    return found.get(shape.model_type)


def refuse(shape: ModelShape, *, engine: str, consent: bool) -> None:
    """Raises InputError where an engine that runs such code would end at its start without the flag, and nobody has consented to it."""
    what = needed(shape)
    if what is None or consent:
        return
    raise InputError(
        f"model: the {what} of {shape.id} is remote code: Python of its repository, which {engine} runs on the nodes with their rights, "
        "and without which it does not start",
        hint="read the code at the served revision, then allow it with --trust-remote-code",
    )
