"""The work of `bench`: load through a forwarded port with TLS and key, then the verdict. A later bench keeps the earlier one's files."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from inferstack.cli.command import Work
from inferstack.cli.progress import Progress
from inferstack.records.configured import Configured
from inferstack.records.errors import InputError
from inferstack.records.measurement import Measurement, Verdict
from inferstack.records.outputs import ClusterOutputs
from inferstack.records.plan import Plan
from inferstack.records.record import Record
from inferstack.stack.workdir import Run
from inferstack.stack.world import World

if TYPE_CHECKING:
    from inferstack.bench.target import Target

CA_FILE = "endpoint-ca.pem"


@dataclass(frozen=True)
class Wished:
    """What a person says of the load; None leaves the plan's own."""

    concurrency: int | None = None
    request_rate: float | None = None
    burstiness: float | None = None
    num_requests: int | None = None
    seed: int | None = None


def bench(work: Work, world: World, run: Run, *, wished: Wished = Wished()) -> tuple[Measurement, Verdict]:
    """Raises InputError before anything is sent when the nodes were never configured."""
    from inferstack.bench import judge, load, measure, workload

    plan, outputs = run.read(Plan), run.read(ClusterOutputs)
    if not run.has(Configured):
        raise InputError(
            f"--stack {work.command.name}: its nodes are not configured", hint=f"inferstack configure --stack {work.command.name}"
        )
    served = run.read(Configured)
    wanted = workload.of_plan(
        plan,
        rehearsal=outputs.rehearsal,
        seed=workload.fresh_seed() if wished.seed is None else wished.seed,
        concurrency=wished.concurrency,
        request_rate=wished.request_rate,
        burstiness=wished.burstiness,
        num_requests=wished.num_requests,
    )
    with work.step("bench") as progress, _targets(work, world, outputs, served) as targets:
        found = load.run(targets, wanted, on_progress=_shown(progress), cancelled=lambda: work.stop.asked)
    _keep_earlier(run)
    measure.write_requests(found, run.folder)
    measurement = measure.measurement(
        found,
        stack=outputs.stack,
        rehearsal=outputs.rehearsal,
        served_model=served.served_model,
        served_engine=served.served_engine,
        instance_type=plan.instance_type,
        instance_count=len(outputs.nodes),
        serving=served.serving,
        weights_manifest_sha256=served.weights_manifest_sha256,
    )
    run.write(measurement)
    work.stop.check("verdict")
    verdict = judge.judge(plan, measurement, now=work.command.now())
    run.write(verdict)
    return measurement, verdict


@contextmanager
def _targets(work: Work, world: World, outputs: ClusterOutputs, served: Configured) -> Iterator[tuple[Target, ...]]:
    """Each node's endpoint behind a local port of its own. The key goes from Secrets Manager into memory, nowhere else."""
    from inferstack.bench.target import Target
    from infra.calls import secrets
    from infra.session import forwarding

    aws = world.aws()
    key = secrets.api_key(aws, outputs.api_key_secret_arn)
    with ExitStack() as sessions:
        ports = [sessions.enter_context(forwarding.forward(aws, node.instance_id, outputs.endpoint_port)) for node in outputs.nodes]
        yield tuple(
            Target(
                base_url=f"https://127.0.0.1:{port}",
                hostname=outputs.endpoint_hostname,
                model=served.served_model,
                ca_file=work.command.stack.folder / CA_FILE,
                api_key=key,
                engine=served.served_engine,
            )
            for port in ports
        )


def _shown(progress: Progress) -> Callable[[Any], None]:
    """Requests so far and live tokens/s."""

    def show(now: Any) -> None:
        failed = f", {now.failed} failed" if now.failed else ""
        progress.tell(
            f"{now.done} of {now.total} requests{failed}, {now.tokens_per_s:,.0f} tokens/s", share=(now.done + now.failed) / now.total
        )

    return show


def _keep_earlier(run: Run) -> None:
    """The newest measurement has the plain name; what was there is kept beside it by its time."""
    kinds: tuple[type[Record], ...] = (Measurement, Verdict)
    if not run.has(Measurement):
        return
    at = run.read(Measurement).started_at.strftime("%Y%m%dT%H%M%SZ")
    for kind in kinds:
        if run.has(kind):
            path = run.path(kind)
            path.rename(path.with_name(f"{path.stem}-{at}{path.suffix}"))
