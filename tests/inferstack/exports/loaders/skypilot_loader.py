"""Run with SkyPilot's packages, in the folder of the files: each task as `sky launch` and `sky serve up` read it."""

from __future__ import annotations

import json
import sys

import sky

for name in sys.argv[1:]:
    task = sky.Task.from_yaml(name)
    (resources,) = task.resources
    told = {"instance_type": resources.instance_type, "region": resources.region, "image": resources.image_id, "ports": resources.ports}
    service = task.service and {"replicas": task.service.min_replicas, "path": task.service.readiness_path}
    print(json.dumps({"run": task.run, "num_nodes": task.num_nodes, "service": service, **told}))
