"""Puts the provider into a rehearsal's PULUMI_HOME, as the installed plugin of exactly the SDK's version."""

from __future__ import annotations

import importlib.metadata
import os
import shlex
from pathlib import Path


def install(home: Path, python: str) -> Path:
    """Writes plugins/resource-aws-v<version>/pulumi-resource-aws; answers that file. Running it again changes nothing."""
    folder = home / "plugins" / f"resource-aws-v{importlib.metadata.version('pulumi-aws')}"
    folder.mkdir(parents=True, exist_ok=True)
    launcher = folder / "pulumi-resource-aws"
    text = script(python, checkout=Path(__file__).resolve().parents[4])
    if not launcher.exists() or launcher.read_text() != text:
        fresh = launcher.with_suffix(f".{os.getpid()}")
        fresh.write_text(text)
        fresh.chmod(0o755)
        os.replace(fresh, launcher)
    return launcher


def script(python: str, *, checkout: Path) -> str:
    """`exec`, so that the process that the CLI watches and ends is the provider itself."""
    path = shlex.quote(str(checkout))
    served = f'exec {shlex.quote(python)} -u -m inferstack.sandbox.provider "$@"'
    return f'#!/bin/sh\nexport PYTHONPATH={path}"${{PYTHONPATH:+:$PYTHONPATH}}"\n{served}\n'
