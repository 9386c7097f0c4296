"""Run with kubernetes-validate: each object held to the schema of its kind, unknown keys refused; exit 1 names what is wrong."""

from __future__ import annotations

import json
import sys
from pathlib import Path

import kubernetes_validate
import yaml

VERSION = sys.argv[1]
for name in sys.argv[2:]:
    for content in filter(None, yaml.safe_load_all(Path(name).read_text())):
        kubernetes_validate.validate(content, VERSION, strict=True)
        print(json.dumps([name, content["kind"], kubernetes_validate.validate(content, VERSION, strict=True)]))
