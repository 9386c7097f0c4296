"""Run with KServe's packages: each InferenceService as its models read it, and written again. What they do not know is lost on the way."""

from __future__ import annotations

import json
import sys
from pathlib import Path

import yaml
from kserve import models
from kubernetes import client

for kind in filter(str.istitle, {name[:1] for name in dir(models)}):
    for name in (name for name in dir(models) if name.startswith(kind)):
        setattr(client.models, name, getattr(models, name))
reader = client.ApiClient()
for name in sys.argv[1:]:
    content = yaml.safe_load(Path(name).read_text())
    read = reader._ApiClient__deserialize(content, "V1beta1InferenceService")
    print(json.dumps(reader.sanitize_for_serialization(read)))
