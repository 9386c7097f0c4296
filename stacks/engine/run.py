"""The Automation API seam: the program run inline by the real engine, with live events, safe interruption and one clear error."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pulumi
from pulumi import automation
from pulumi.automation import errors as sdk_errors

from inferstack.pricing.bill.registration import Registration
from inferstack.records.difference import Difference
from inferstack.records.errors import InferstackError, InputError, Interrupted
from inferstack.records.outputs import RecordedId
from inferstack.records.preview import Bill, Preview
from inferstack.records.settings import StackConfig
from infra.calls.aws import Aws
from stacks import cost_of_change, program, settings
from stacks.engine import errors, files, lock
from stacks.engine import repair as engine_repair
from stacks.engine.command import PulumiCli
from stacks.engine.events import EngineProgress, Listener
from stacks.engine.interrupt import Patience

__all__ = ["Engine", "EngineProgress"]

OnEvent = Callable[[EngineProgress], object]
Say = Callable[[str], object]


class Engine:
    """One stack. `environment` is the whole environment of the CLI: the switch between a rehearsal and the real AWS."""

    def __init__(
        self, root: Path, stack: str, environment: Mapping[str, str], pulumi_command: Path, *, now: Callable[[], datetime] | None = None
    ) -> None:
        self.root = root
        self.name = stack
        self._environment = dict(environment)
        self._cli = PulumiCli(pulumi_command, self._environment)
        self._now = now or (lambda: datetime.now(UTC))
        self._stack: automation.Stack | None = None
        self._around = program.Surroundings(root=root)
        self._mistake: InputError | None = None

    def select_or_create(self, config: StackConfig) -> None:
        """Writes the configuration and makes the stack where there is none."""
        settings.write(self.root, config)
        files.mend(self._environment, self.name)
        self._stack = self._asked(lambda: automation.create_or_select_stack(**self._inline()))

    def select(self) -> bool:
        """False when the backend has no such stack."""
        files.mend(self._environment, self.name)
        try:
            self._stack = automation.select_stack(**self._inline())
        except automation.StackNotFoundError:
            return False
        except automation.CommandError as error:
            raise self._explained(error, Listener()) from None
        return True

    def preview(self, *, config: StackConfig, base_is_there: bool = True, on_event: OnEvent | None = None) -> Preview:
        """What `up` would change, what all of it costs and what the change costs. Without its base, ids of the base are unknown."""
        bills: list[Bill] = []

        def keep(bill: Bill, found: tuple[Registration, ...]) -> None:
            bills.append(bill)

        self._around = program.Surroundings(root=self.root, base_is_there=base_is_there, on_bill=keep)
        heard = self._run("preview", on_event)
        return Preview(
            created_at=self._now(),
            stack=self.name,
            base_stack=config.base,
            rehearsal=config.rehearsal,
            changes=tuple(heard.changes),
            bill=bills[-1],
            difference=self._differs(config, heard, bills[-1]),
        )

    def up(self, *, on_event: OnEvent | None = None, say: Say | None = None, refresh: bool = False) -> dict[str, Any]:
        """The stack's outputs. Raises CloudRefused, InputError, Interrupted; what was made is in the state."""
        self._around = program.Surroundings(root=self.root)
        heard = self._run("up", on_event, say=say, **({"refresh": True} if refresh else {}))
        return _values(heard.result.outputs)

    def refresh(self, *, on_event: OnEvent | None = None, say: Say | None = None) -> None:
        self._run("refresh", on_event, say=say)

    def destroy(self, *, on_event: OnEvent | None = None, say: Say | None = None) -> None:
        """Goes on past what cannot be deleted; the sweep follows in any case."""
        self._run("destroy", on_event, say=say, continue_on_error=True)

    def unprotect(self) -> None:
        """So that a base may be destroyed."""
        self._command("state", "unprotect", "--all", "--yes")

    def remove(self) -> None:
        """Forgets an empty stack, with its history and its configuration file. What only the state still has is looked for first."""
        if self.recorded_ids():
            self.refresh()
        self._asked(lambda: self._selected().workspace.remove_stack(self.name))
        settings.file_of(self.root, self.name).unlink(missing_ok=True)

    def outputs(self) -> dict[str, Any]:
        return _values(self._asked(lambda: self._selected().outputs()))

    def recorded_ids(self) -> tuple[RecordedId, ...]:
        """Every resource of the state that has an id: the sweep's second way to find what is left."""
        return engine_repair.recorded(self._exported())

    def repair(self, aws: Aws, *, say: Say | None = None, approve: engine_repair.Approve | None = None) -> engine_repair.Repaired:
        """Repair the state after a kill: a dead lock is lifted, half-made resources are adopted or forgotten, unknown ones removed. Raises
        InputError.

        `approve` is shown what would be deleted and may raise; without it everything but data is deleted and reported.
        """
        lifted = lock.lift_dead(self._environment, self.name, lambda: self._command("cancel", "--yes"))
        files.mend(self._environment, self.name)
        deployment = self._exported()
        mended, repaired = engine_repair.mended(deployment, aws, stack=self.name, lifted=lifted, approve=approve)
        if mended is not None:
            self._asked(lambda: self._selected().import_stack(automation.Deployment(version=3, deployment=mended)))
        if repaired.state_is_behind:
            self.refresh(say=say)
        return repaired

    def _differs(self, config: StackConfig, heard: Listener, bill: Bill) -> Difference | None:
        """A stack of which nothing exists is not asked for its state."""
        if all(change.op in ("create", "read") for change in heard.changes):
            return None
        return cost_of_change.differs(self._exported(), heard.changes, bill, stack=self.name, usage=self._around.usage(config))

    def _exported(self) -> dict[str, Any]:
        found = self._asked(lambda: self._selected().export_stack())
        return dict(found.deployment or {})

    def _run(self, verb: str, on_event: OnEvent | None, *, say: Say | None = None, **options: Any) -> Listener:
        heard = Listener(on_event)
        self._mistake = None
        stack = self._selected()
        with Patience(self._cli.interrupt, say) as patience:
            try:
                heard.result = getattr(stack, verb)(on_event=heard, on_output=None, **options)
            except sdk_errors.CommandError as error:
                if patience.asked:
                    raise self._interrupted(patience) from None
                raise self._explained(error, heard) from None
        if heard.broken:
            raise heard.broken
        if patience.asked:
            raise self._interrupted(patience)
        return heard

    def _interrupted(self, patience: Patience) -> Interrupted:
        how = (
            "operations in flight were finished and recorded"
            if patience.asked == 1
            else "the next command looks for operations that were in flight"
        )
        return Interrupted(
            f"stack {self.name}: stopped; {how}", hint=f"inferstack up --stack {self.name} continues; inferstack down removes what exists"
        )

    def _explained(self, error: Exception, heard: Listener) -> InferstackError:
        if self._mistake:
            return self._mistake
        if isinstance(error, automation.ConcurrentUpdateError):
            return errors.locked(str(error), self.name)
        region = self._environment.get("AWS_REGION")
        return errors.explained(heard.errors, output=str(error), stack=self.name, region=region)

    def _inline(self) -> dict[str, Any]:
        options = automation.LocalWorkspaceOptions(work_dir=str(self.root), pulumi_command=self._cli, env_vars={})
        return {
            "stack_name": self.name,
            "project_name": "inferstack",
            "program": self._program,
            "opts": options,
        }

    def _program(self) -> None:
        """A mistake of the user keeps its own class and hint; the engine gets one line."""
        try:
            program.build(program.configured(), self._around)
        except InputError as error:
            self._mistake = error
            raise pulumi.RunError(error.message) from None

    def _command(self, *arguments: str) -> str:
        line = [*arguments, "--stack", self.name]
        return str(self._asked(lambda: self._cli.run(line, str(self.root), {})).stdout)

    def _asked(self, question: Callable[[], Any]) -> Any:
        try:
            return question()
        except automation.CommandError as error:
            raise self._explained(error, Listener()) from None

    def _selected(self) -> automation.Stack:
        if self._stack is None and not self.select():
            raise InputError(f"there is no stack {self.name} in this backend", hint=f"inferstack up --stack {self.name} creates it")
        assert self._stack
        return self._stack


def _values(outputs: Mapping[str, Any]) -> dict[str, Any]:
    return {name: output.value for name, output in outputs.items()}
