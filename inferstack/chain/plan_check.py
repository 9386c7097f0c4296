"""Whether a plan.json is still a plan: what its fields say must agree with one another and with the catalogue."""

from __future__ import annotations

import math
from collections.abc import Iterator

from inferstack.records import model_ids
from inferstack.records.errors import InputError
from inferstack.records.plan import Figure, Plan

NEAR = 0.02
NAMES = ("served-model-name", "served_model_name", "alias")


def refuse_nonsense(plan: Plan, *, where: str) -> None:
    """Raises InputError with the first field that cannot be, and how many more there are."""
    found = list(_problems(plan))
    if found:
        more = f"; {len(found) - 1} more fields disagree" if len(found) > 1 else ""
        raise InputError(f"{where}: {found[0]}{more}", hint="a plan must not be edited by hand: make a new one with inferstack plan")


def _problems(plan: Plan) -> Iterator[str]:
    yield from _of_the_instance(plan)
    yield from _of_the_price(plan)
    yield from _of_the_layout(plan)
    yield from _of_the_choice(plan)
    yield from _of_the_figures(plan)
    yield from _of_the_names(plan)
    yield from _of_the_code(plan)
    yield from _of_the_flags(plan)


def _of_the_code(plan: Plan) -> Iterator[str]:
    """The flag under which code of a repository runs stands in a plan only where its request consents."""
    from sizing.engines.table import remote_code_flags

    for flag in remote_code_flags():
        if plan.engine_flags.get(flag) not in (None, False) and not plan.request.trust_remote_code:
            yield f"engine_flags.{flag}: the request does not consent to code of the model's repository (request.trust_remote_code)"


def _of_the_flags(plan: Plan) -> Iterator[str]:
    """A unit of systemd cannot say a control character; the node would refuse it, after it was bought."""
    from playbooks import words

    for flag, value in plan.engine_flags.items():
        try:
            words.refuse_controls(f"{flag}{value}", what=flag)
        except ValueError:
            yield f"engine_flags.{flag[:60]}: {str(value)[:60]!r} contains a control character"


def _of_the_names(plan: Plan) -> Iterator[str]:
    """A name under which the engine answers is a model's id, by whatever option it is given."""
    for flag in NAMES:
        given = plan.engine_flags.get(flag)
        for name in str(given).split() if given is not None else ():
            if not model_ids.legal(name):
                yield f"engine_flags.{flag}: {name[:60]!r} is not a model id: {model_ids.RULE}"


def _of_the_instance(plan: Plan) -> Iterator[str]:
    from sizing.catalog import find_instance

    try:
        known = find_instance(plan.instance_type)
    except InputError as error:
        yield f"instance_type: {error.message}"
        return
    if known.gpu_count != plan.gpus_per_instance:
        yield f"gpus_per_instance: {plan.gpus_per_instance}, but {plan.instance_type} has {known.gpu_count}"
    if known.vcpus != plan.vcpus_per_instance:
        yield f"vcpus_per_instance: {plan.vcpus_per_instance}, but {plan.instance_type} has {known.vcpus}"


def _of_the_price(plan: Plan) -> Iterator[str]:
    per_token = (
        plan.usd_per_hour / (plan.prediction.output_tokens_per_s.value * 3600 / 1e6) if plan.prediction.output_tokens_per_s.value else 0
    )
    if per_token and not math.isclose(per_token, plan.usd_per_mtok, rel_tol=NEAR):
        yield f"usd_per_mtok: {plan.usd_per_mtok:g}, but usd_per_hour and output_tokens_per_s give {per_token:g}"
    ceiling = plan.request.max_usd_per_hour
    if ceiling is not None and plan.usd_per_hour > ceiling:
        yield f"usd_per_hour: {plan.usd_per_hour:g} is above request.max_usd_per_hour {ceiling:g}"


def _of_guards(plan: Plan) -> float:
    return sum(one.usd_per_hour for one in plan.guards)


def _of_the_layout(plan: Plan) -> Iterator[str]:
    if plan.layout.ep > plan.layout.tp * plan.layout.dp:
        yield f"layout.ep: {plan.layout.ep} is more than tp x dp = {plan.layout.tp * plan.layout.dp}"
    gpus_a_replica = plan.layout.tp * plan.layout.pp
    if plan.nodes_per_replica * plan.gpus_per_instance < gpus_a_replica:
        yield f"nodes_per_replica: {plan.nodes_per_replica} x {plan.gpus_per_instance} GPUs cannot hold a replica of {gpus_a_replica}"
    if plan.replicas_per_node * gpus_a_replica > plan.gpus_per_instance and plan.nodes_per_replica == 1:
        yield f"replicas_per_node: {plan.replicas_per_node} x {gpus_a_replica} GPUs do not fit into {plan.gpus_per_instance}"


def _of_the_choice(plan: Plan) -> Iterator[str]:
    if not plan.candidates:
        yield "candidates: is empty; the chosen one must be among them"
        return
    mine = [found for found in plan.candidates if (found.instance_type, found.instance_count) == (plan.instance_type, plan.instance_count)]
    if not mine:
        yield f"instance_type: {plan.instance_count} x {plan.instance_type} is not among the candidates"
    elif not any(math.isclose(found.usd_per_hour, plan.usd_per_hour - _of_guards(plan), rel_tol=NEAR) for found in mine):
        yield f"usd_per_hour: {plan.usd_per_hour:g}, but the candidate costs {mine[0].usd_per_hour:g}"
    if plan.request.model and plan.request.region and plan.request.region != plan.region:
        yield f"region: {plan.region}, but request.region is {plan.request.region}"


def _of_the_figures(plan: Plan) -> Iterator[str]:
    for name in type(plan.prediction).model_fields:
        figure = getattr(plan.prediction, name)
        if isinstance(figure, Figure) and not 0 <= figure.low <= figure.value <= figure.high:
            yield f"prediction.{name}: not 0 <= low <= value <= high ({figure.low:g}, {figure.value:g}, {figure.high:g})"
    if plan.storage.weights_gib * 2**30 < plan.model.checkpoint_bytes * (1 - NEAR):
        yield f"storage.weights_gib: {plan.storage.weights_gib:g} GiB cannot hold the checkpoint of {plan.model.checkpoint_bytes} bytes"
