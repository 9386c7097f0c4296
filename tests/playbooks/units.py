"""Renders a role's unit from its own defaults with the real filters, for tests of its text and of what systemd makes of it."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import jinja2
import yaml
from ansible.plugins.filter.core import FilterModule as CoreFilters

import playbooks
from playbooks.filter_plugins.inferstack import FilterModule

FOLDER = Path(playbooks.__file__).parent


def read_yaml(path: Path) -> Any:
    return yaml.safe_load(path.read_text(encoding="utf-8"))


def rendered(role: str, **more: Any) -> str:
    """The unit of an engine's role; `served_name`, `gguf`, `argv`, `model_folder` stand for the role's own variables of these names."""
    name = role.removeprefix("engine_")
    source = (FOLDER / "roles" / role / "templates" / f"inferstack-{name}.service.j2").read_text()
    return environment().from_string(source).render(variables(role, **more))


def variables(role: str, **more: Any) -> dict[str, Any]:
    """The defaults, pins and variables of a role, and what its tasks make before its unit is written."""
    folder = FOLDER / "roles" / role
    told = {"served_name": "org/model", "gguf": "m.gguf", "model_folder": "/opt/inferstack/models/org--model", "loaded": "0" * 64}
    told |= {"argv": ["--tensor-parallel-size", "8"], "pinned": "an/image@sha256:0", "seen": {"cuda": "/usr/local/cuda"}, **more}
    known = {
        **read_yaml(folder / "defaults" / "main.yml"),
        **read_yaml(FOLDER / "versions.yml"),
        **{f"{role}_{key}": value for key, value in told.items()},
        "ansible_managed": "Ansible managed",
    }
    made = environment()
    made.globals["lookup"] = lambda plugin, name: (folder / "files" / name).read_text()
    for key, value in read_yaml(folder / "vars" / "main.yml").items():
        known[key] = _evaluated(value, made, known)
    return known


def _evaluated(value: Any, made: jinja2.Environment, known: dict[str, Any]) -> Any:
    if isinstance(value, dict):
        return {key: _evaluated(one, made, known) for key, one in value.items()}
    return made.from_string(value).render(known) if isinstance(value, str) else value


def environment() -> jinja2.Environment:
    made = jinja2.Environment(undefined=jinja2.StrictUndefined, trim_blocks=True, keep_trailing_newline=True)
    made.filters.update(CoreFilters().filters())
    made.filters.update(FilterModule().filters())
    return made
