"""Run with dstack's packages: each configuration as `dstack apply` reads it, its commands as its command line expands them."""

from __future__ import annotations

import json
import sys
from pathlib import Path

import yaml
from dstack._internal.core.models.configurations import parse_apply_configuration
from dstack._internal.utils.interpolator import VariablesInterpolator

EXPANDER = VariablesInterpolator({"run": {"args": ""}}, skip=["secrets", "groups"])
for name in sys.argv[1:]:
    found = parse_apply_configuration(yaml.safe_load(Path(name).read_text()))
    read = json.loads(getattr(found, "root", found).model_dump_json())
    print(json.dumps({**read, "commands": [EXPANDER.interpolate_or_error(one) for one in found.commands]}))
