"""`log.jsonl` of a run: what was done and when, one JSON object a line. Nothing that is secret is ever handed to it."""

from __future__ import annotations

import json
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from inferstack.cli.screen import Screen

FILE_NAME = "log.jsonl"


@dataclass
class Log:
    """Events before there is a run folder are only shown (-v)."""

    screen: Screen
    folder: Path | None = None

    def event(self, what: str, **fields: Any) -> None:
        line = json.dumps({"at": datetime.now(UTC).isoformat(timespec="milliseconds"), "event": what, **fields}, default=str)
        self.screen.note(line)
        if self.folder is None:
            return
        with (self.folder / FILE_NAME).open("a", encoding="utf-8") as file:
            file.write(line + "\n")
