"""How long each step took the last time on this machine: what a running step is compared with."""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path

from inferstack.records.record import write_text


@dataclass
class Durations:
    """Seconds by step, in one file; a file that cannot be read counts as no experience."""

    path: Path
    world: str

    def expected(self, step: str) -> float | None:
        value = self._read().get(f"{self.world}: {step}")
        return float(value) if isinstance(value, int | float) else None

    def learn(self, step: str, seconds: float) -> None:
        write_text(self.path, json.dumps({**self._read(), f"{self.world}: {step}": round(seconds, 2)}, indent=2) + "\n")

    def _read(self) -> dict[str, object]:
        try:
            told = json.loads(self.path.read_text(encoding="utf-8"))
        except (OSError, ValueError):
            return {}
        return told if isinstance(told, dict) else {}
