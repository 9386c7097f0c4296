"""What a wheel holds beyond the packages: compiled facts, so that an installed program has nothing to write, and files of the checkout."""

from __future__ import annotations

import json
import sys
from typing import Any

from hatchling.builders.hooks.plugin.interface import BuildHookInterface

PACKED = ("Pulumi.yaml", "requirements/all.lock", "tools/bin", "tools/go.mod", "tools/go.sum")
"""What the program reads as it lies in a checkout (`of_checkout` of inferstack/records/files/places.py)."""


class WheelContents(BuildHookInterface[Any]):
    """The build backend calls it with the tree as its root; an sdist carries the YAML alone, and an editable install has the checkout."""

    def initialize(self, version: str, build_data: dict[str, Any]) -> None:
        """Write `facts.json` of each package. Raises OSError where that file could not be written or is of other YAML."""
        if self.target_name != "wheel":
            return
        if version == "standard":
            build_data["force_include"].update({name: f"inferstack/packed/{name}" for name in PACKED})
        sys.path.insert(0, self.root)
        from inferstack.records.files import facts

        for package in facts.PACKAGES:
            facts.compile_facts(package)
            path = facts.compiled_path(package)
            if json.loads(path.read_bytes())["digest"] != facts.content_digest(package):
                raise OSError(f"{path}: could not be written, and is not of the YAML beside it")
