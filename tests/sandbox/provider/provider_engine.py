"""A stack of the real engine, its inline program in this process, over the provider installed in a sandbox folder."""

from __future__ import annotations

import json
import sys
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

from pulumi import automation as auto

from inferstack.sandbox.provider import install

ACCOUNT = "000000000000"


class Stack:
    def __init__(self, sandbox: Path, name: str = "t", *, account: str = ACCOUNT, default_tags: Mapping[str, str] | None = None) -> None:
        self.sandbox, self.name = sandbox, name
        install(sandbox / "home", sys.executable)
        self._state = sandbox / "state"
        self._state.mkdir(exist_ok=True)
        self._stack = auto.create_or_select_stack(name, project_name="inferstack", program=lambda: None, opts=self._options())
        tags = {"aws:defaultTags": auto.ConfigValue(json.dumps({"tags": dict(default_tags)}))} if default_tags else {}
        bound = {"aws:region": auto.ConfigValue("us-east-1"), "aws:allowedAccountIds": auto.ConfigValue(json.dumps([account]))}
        self._stack.set_all_config({**bound, **tags})

    def preview(self, program: Callable[[], None], **options: Any) -> dict[str, int]:
        return _counted(self._stack.preview(program=program, **options).change_summary)

    def up(self, program: Callable[[], None], **options: Any) -> dict[str, int]:
        return _counted(self._stack.up(program=program, **options).summary.resource_changes)

    def refresh(self) -> dict[str, int]:
        return _counted(self._stack.refresh().summary.resource_changes)

    def destroy(self) -> dict[str, int]:
        return _counted(self._stack.destroy().summary.resource_changes)

    def outputs(self) -> dict[str, Any]:
        return {name: output.value for name, output in self._stack.outputs().items()}

    def refused(self, call: Callable[..., Any], *arguments: Any) -> list[str]:
        """The lines that begin with or hold "error: " of a call that must fail, without it."""
        try:
            call(*arguments)
        except auto.CommandError as error:
            return list(dict.fromkeys(line.split("error: ", 1)[1].strip() for line in str(error).splitlines() if "error: " in line))
        raise AssertionError("it was not refused")

    def resources(self) -> list[dict[str, Any]]:
        return list(self._stack.export_stack().deployment.get("resources", []))

    def exported(self) -> str:
        return json.dumps(self._stack.export_stack().deployment)

    def imported(self, deployment: str) -> None:
        self._stack.import_stack(auto.Deployment(version=3, deployment=json.loads(deployment)))

    def state_text(self) -> str:
        """All that the backend holds, history included."""
        return "".join(path.read_text(errors="replace") for path in self._state.rglob("*") if path.is_file())

    def _options(self) -> auto.LocalWorkspaceOptions:
        home, backend, work = self.sandbox / "home", f"file://{self._state}", self.sandbox / "work"
        work.mkdir(exist_ok=True)
        environment = {
            "PULUMI_HOME": str(home),
            "PULUMI_BACKEND_URL": backend,
            "PULUMI_CONFIG_PASSPHRASE": "",
            "PULUMI_SKIP_UPDATE_CHECK": "1",
            "PULUMI_DISABLE_AUTOMATIC_PLUGIN_ACQUISITION": "1",
            "PULUMI_IGNORE_AMBIENT_PLUGINS": "1",
        }
        project = auto.ProjectSettings(name="inferstack", runtime="python", backend=auto.ProjectBackend(url=backend))
        return auto.LocalWorkspaceOptions(work_dir=str(work), env_vars=environment, pulumi_home=str(home), project_settings=project)


def _counted(summary: Mapping[Any, int] | None) -> dict[str, int]:
    return {getattr(operation, "value", str(operation)): count for operation, count in (summary or {}).items()}
