"""Weights on their way into the stack's bucket: from the hub or a folder, held against the plan before a byte is sent."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

from pydantic import SecretStr

from inferstack.chain import weights_check
from inferstack.cli.command import Command, Work
from inferstack.cli.progress import Progress
from inferstack.records.errors import Finding
from inferstack.records.outputs import ClusterOutputs
from inferstack.records.plan import Plan
from inferstack.stack.pulumi import Stacks
from inferstack.stack.workdir import Run
from inferstack.stack.world import World

if TYPE_CHECKING:
    from infra.calls.aws import Aws
    from infra.calls.weights import Manifest


def refuse_other(folder: Path, plan: Plan, model: str) -> None:
    """Raises InputError for files that are not the planned ones; those of another model have to be whole, nothing more."""
    files = weights_check.of_folder(folder)
    if model == plan.model.id:
        weights_check.refuse_other_than_planned(files, plan)


def say_left_out(command: Command, folder: Path, *, code: bool) -> None:
    """Name the files of code that are not sent: they reach the nodes only where the request consents."""
    from infra.calls import weights

    names = () if code else weights.left_out(folder)
    if names:
        more = f" and {len(names) - 3} more" if len(names) > 3 else ""
        command.screen.say(f"  left out, because code is not uploaded: {', '.join(names[:3])}{more}")


def manifest_sha256(work: Work, world: World, run: Run) -> str:
    """Return the digest of the manifest of the weights that are in the bucket now. Raises Finding when there are none."""
    from infra.calls import weights

    outputs = run.read(ClusterOutputs)
    planned = run.read(Plan)
    _refuse_stored(world.aws(), outputs.weights_bucket, planned, work.command.name)
    model = world.rehearsal.hosts()["served_model"] if world.rehearsal else planned.model.id
    found = weights.present(world.aws(), bucket=outputs.weights_bucket, model=model)
    if found is None:
        raise Finding(f"the weights of {model} are not in {outputs.weights_bucket}", hint=f"inferstack up --stack {work.command.name}")
    return found.sha256


def bring(stacks: Stacks, base: dict[str, Any], plan: Plan, *, hf_token: SecretStr | None, progress: Progress) -> str:
    """Put the planned weights into the bucket where they are not there; return their manifest's digest. A rehearsal serves its tiny model.

    Raises InputError for other weights than the planned ones, before a node exists.
    """
    found = _refuse_stored(stacks.aws, base["weightsBucket"], plan, stacks.command.name)
    if stacks.world.rehearsal:
        model, folder = stacks.world.rehearsal.weights(stacks.command.workdir.sandbox / "model")
        return put(stacks, base, model, folder=folder, progress=progress).sha256
    if found is not None:
        return found.sha256
    repository = plan.weights.repository if plan.weights and plan.weights.repository else plan.model.id
    code = plan.request.trust_remote_code
    wanted = plan.weights.revision if plan.weights else None
    folder, revision = download(repository, hf_token, progress, revision=wanted, code=code)
    refuse_other(folder, plan, plan.model.id)
    return put(stacks, base, plan.model.id, folder=folder, revision=revision, code=code, progress=progress).sha256


def put(
    stacks: Stacks,
    base: dict[str, Any],
    model: str,
    *,
    folder: Path,
    progress: Progress,
    revision: str | None = None,
    code: bool = False,
) -> Manifest:
    """Upload a folder as the model's weights; what is there already is not sent again."""
    from infra.calls import weights

    bucket, key = base["weightsBucket"], base["kmsKeyArn"]
    where = {"bucket": bucket, "kms_key_arn": key, "model": model, "folder": folder}
    return weights.put(stacks.aws, **where, revision=revision, code=code, on_progress=_sent("upload", progress))


def download(model: str, token: SecretStr | None, progress: Progress, *, revision: str | None = None, code: bool) -> tuple[Path, str]:
    """Fetch a repository of the hub; return the folder of its files and their commit."""
    from inferstack.stack import hugging_face

    done = hugging_face.download(model, token=token, revision=revision, code=code, on_progress=_sent("download", progress))
    return done.folder, done.revision


def _refuse_stored(aws: Aws, bucket: str, plan: Plan, stack: str) -> Manifest | None:
    """The manifest of the planned model's weights, held against the plan. Raises InputError for others."""
    from infra.calls import weights

    found = weights.present(aws, bucket=bucket, model=plan.model.id)
    if found is None:
        weights_check.refuse_unknown(plan, stack)
    else:
        weights_check.refuse_other_than_planned(weights_check.of_bucket(aws, bucket, found), plan)
    return found


def _sent(doing: str, progress: Progress) -> Any:
    def show(path: str, done: int, total: int) -> None:
        progress.tell(f"{doing} {path}: {done / 1e6:,.0f} of {total / 1e6:,.0f} MB", share=done / total if total else 1.0)

    return show
