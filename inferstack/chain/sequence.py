"""The verbs that work on a stack, one function each: what is asked, in which order, what is shown and answered."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

from inferstack.chain import benchmark as measuring
from inferstack.chain import configuration as configuring
from inferstack.chain import flag_check, planning, teardown
from inferstack.chain import provisioning as building
from inferstack.chain.lifetime import refuse_expired, refuse_removed
from inferstack.cli import command, limits, secrets
from inferstack.cli.command import Command, Work
from inferstack.records.errors import InputError
from inferstack.records.outputs import ClusterOutputs
from inferstack.records.receipt import Receipt
from inferstack.stack import rehearsal, world
from inferstack.stack.workdir import Run
from inferstack.stack.world import World


def preview(at: Command, source: Path | None, *, rehearse: bool | None, allowed: Sequence[str] | None) -> int:
    run, plan = planning.chosen(at, source, rehearse=rehearse, allowed=allowed or ())
    planning.refuse_unservable(at, plan)
    with opened(at) as (work, here):
        found = building.preview(work, here, run)
    at.screen.answer(found)
    from inferstack.show import preview as render_preview

    render_preview.show(at.screen, found)
    for line in flag_check.said(plan):
        at.screen.say(line)
    at.screen.say(f"Next: inferstack up --stack {at.name}")
    problem = limits.passed(at, found.bill)
    return limits.refused(at, problem, hint=limits.hint(found.bill)) if problem else 0


def up(
    at: Command,
    source: Path | None,
    *,
    rehearse: bool | None,
    faults: Sequence[str] | None,
    allowed: Sequence[str] | None,
    api_key_file: Path | None,
    hf_token_file: Path | None,
) -> int:
    _refuse_faults(at, faults, rehearse)
    key, token = secrets.api_key(api_key_file), secrets.hugging_face_token(hf_token_file)
    run, plan = planning.chosen(at, source, rehearse=rehearse, allowed=allowed or ())
    limits.refuse_plan(at, plan)
    for line in flag_check.said(plan):
        at.screen.say(line)
    planning.refuse_unservable(at, plan)
    where = world.question(at, at.stack.record())
    at.screen.must_be_askable(f"{where}Build {plan.instance_count} x {plan.instance_type} in {plan.region}?")
    if where and at.screen.yes:
        at.screen.say(where.strip())
    with opened(at, faults) as (work, here):
        if limits.any_set(at.loaded.settings) or not at.screen.yes:
            found = building.preview(work, here, run)
            if limits.any_set(at.loaded.settings):
                limits.refuse(at, found)
            at.screen.confirm(where + limits.question(at.stack.record(), plan, found.bill, ends=building.ends(work, here, run)))
        done = building.up(work, here, run, api_key=key, hf_token=token)
        configured = configuring.configure(work, here, run, weights_manifest_sha256=done.weights_manifest_sha256)
    from inferstack.show import records

    at.screen.answer(
        {"outputs": done.outputs.model_dump(mode="json"), "configured": configured.model_dump(mode="json"), "run": str(run.folder)}
    )
    records.configured(at.screen, configured)
    building.say_built(at, done.outputs)
    return 0


def configure(at: Command) -> int:
    run = built(at)
    with opened(at) as (work, here):
        refuse_removed(at, here.aws())
        sha256 = building.weights_manifest_sha256(work, here, run)
        done = configuring.configure(work, here, run, weights_manifest_sha256=sha256)
    from inferstack.show import records

    at.screen.answer(done)
    records.configured(at.screen, done)
    return 0


def bench(at: Command, *, concurrency: int | None, num_requests: int | None, seed: int | None) -> int:
    """1 when the verdict is that the plan was missed."""
    run = built(at)
    with opened(at) as (work, here):
        refuse_removed(at, here.aws())
        measurement, verdict = measuring.bench(work, here, run, concurrency=concurrency, num_requests=num_requests, seed=seed)
    from inferstack.show import records

    at.screen.answer({"measurement": measurement.model_dump(mode="json"), "verdict": verdict.model_dump(mode="json")})
    records.measured(at.screen, measurement, verdict)
    return 0 if verdict.passed else 1


def down(at: Command) -> int:
    """1 when anything is left."""
    at.known.record()
    at.screen.confirm(f"Remove everything of stack {at.name}?")
    receipt = teardown.down(at)
    at.screen.answer(receipt)
    return _told(at, receipt)


def down_all(at: Command) -> int:
    """Every rehearsal; the exit code is the worst of them."""
    names = [stack.name for stack in at.workdir.stacks() if stack.record().rehearsal]
    at.screen.confirm(f"Remove the rehearsals {', '.join(names) or '(none)'}?")
    receipts = [teardown.down(at.for_stack(name)) for name in names]
    at.screen.answer([receipt.model_dump(mode="json") for receipt in receipts])
    return max((_told(at, receipt) for receipt in receipts), default=0)


def extend(at: Command) -> int:
    span = at.loaded.settings.lifetime
    run = begun(at)
    with opened(at) as (work, here):
        refuse_removed(at, here.aws())
        expires_at = building.extend(work, here, run, span=span)
    at.screen.answer({"stack": at.name, "expires_at": expires_at.isoformat()})
    at.screen.say(f"AWS removes the GPUs of {at.name} at {expires_at:%Y-%m-%d %H:%M} UTC")
    return 0


@contextmanager
def opened(at: Command, faults: Sequence[str] | None = None) -> Iterator[tuple[Work, World]]:
    """The stack locked, its world open, the faults armed."""
    record = at.stack.record()
    with command.at_work(at, world="rehearsal" if record.rehearsal else "aws") as work, world.opened(at, record) as here:
        if not record.rehearsal:
            yield work, here
            return
        with rehearsal.faults(at, faults):
            yield work, here


def begun(at: Command) -> Run:
    """The run of which an `up` has begun something, ended or not. Raises InputError when none has, or its time is over."""
    run = at.known.standing()
    if run is None or run.has(Receipt) or at.stack.record().built_at is None:
        raise _nothing(at)
    refuse_expired(at)
    at.keep_log_in(run)
    return run


def _nothing(at: Command) -> InputError:
    return InputError(f"--stack {at.name}: nothing is built", hint=f"inferstack up --stack {at.name}")


def built(at: Command) -> Run:
    """The run that is built, however many plans were made since. Raises InputError when none is, or its time is over."""
    run = at.known.standing()
    if run is None or not run.has(ClusterOutputs) or run.has(Receipt):
        raise _nothing(at)
    refuse_expired(at)
    at.keep_log_in(run)
    return run


def _refuse_faults(at: Command, faults: Sequence[str] | None, rehearse: bool | None) -> None:
    made = at.stack.record().rehearsal if at.stack.exists() else bool(rehearse)
    rehearsal.refuse_unless_rehearsal(faults, rehearsal=made, stack=at.name)


def _told(at: Command, receipt: Receipt) -> int:
    from inferstack.show import records

    at.screen.say(f"Stack {receipt.stack}:")
    records.received(at.screen, receipt)
    return 1 if receipt.left else 0
