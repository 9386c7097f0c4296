"""Renders a role's unit from its own defaults with the real filters, for tests of its text and of what systemd makes of it."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import jinja2
import yaml

import playbooks
from playbooks.filter_plugins.inferstack import FilterModule

FOLDER = Path(playbooks.__file__).parent


def read_yaml(path: Path) -> Any:
    return yaml.safe_load(path.read_text(encoding="utf-8"))


def rendered(role: str, **more: Any) -> str:
    """The unit of an engine's role; `served_name`, `gguf`, `argv`, `model_folder` stand for the role's own variables of these names."""
    name = role.removeprefix("engine_")
    told = {"served_name": "org/model", "gguf": "m.gguf", "model_folder": "/opt/inferstack/models/org--model"}
    told = {**told, "argv": ["--tensor-parallel-size", "8"], "environment": {}, **more}
    files = FOLDER / "roles" / role / "vars" / "main.yml"
    if files.is_file():
        text = environment().from_string(files.read_text())
        folder = read_yaml(FOLDER / "roles" / role / "defaults" / "main.yml")[f"{role}_folder"]
        told["environment"] = yaml.safe_load(text.render({f"{role}_folder": folder}))[f"{role}_environment"]
    variables = {
        **read_yaml(FOLDER / "roles" / role / "defaults" / "main.yml"),
        **read_yaml(FOLDER / "versions.yml"),
        **{f"{role}_{key}": value for key, value in told.items()},
        "ansible_managed": "Ansible managed",
    }
    source = (FOLDER / "roles" / role / "templates" / f"inferstack-{name}.service.j2").read_text()
    return environment().from_string(source).render(variables)


def environment() -> jinja2.Environment:
    made = jinja2.Environment(undefined=jinja2.StrictUndefined, trim_blocks=True, keep_trailing_newline=True)
    made.filters.update(FilterModule().filters())
    return made
