"""The rest of a plan, behind its answer: figures with bands, memory, prices, licence, what was tried, assumptions, and who lost why."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence

from inferstack.cli.screen import Screen
from inferstack.pricing.bill.caveats import STALE_AFTER_DAYS
from inferstack.records.plan import Figure, Guard, Plan, PurchaseOption, Searched, SplitFleet, SplitSide
from inferstack.show import tables
from inferstack.show.plan import layout, of_a_replica, stale
from sizing.models import licence

SHOWN = 8
LATENCY_TARGETS = ("TTFT target", "ITL target", "E2E target")


def show(screen: Screen, plan: Plan) -> None:
    """Print everything that a reader may ask for after the answer."""
    _prediction(screen, plan)
    _losers(screen, plan)


def _prediction(screen: Screen, plan: Plan) -> None:
    said = plan.prediction
    screen.say(f"Chosen: {plan.instance_count} x {plan.instance_type}, {layout(plan.layout)}, {plan.engine} {plan.engine_version}")
    screen.say(f"  {_why(plan)}")
    shown = (("tokens/s", said.output_tokens_per_s), ("TTFT ms", said.ttft_ms), ("ITL ms", said.itl_ms), ("E2E ms", said.e2e_ms))
    screen.say("  predicted:")
    for figure, value in shown:
        if value:
            screen.say(f"    {figure:<9} {_band(value)}")
    screen.say(f"  confidence: {said.basis}")
    rest = said.activation_gib + said.cuda_graph_gib + said.non_torch_gib
    memory = f"weights {said.weights_gib:.1f}, KV cache {said.kv_cache_gib:.1f}, other {rest:.1f}"
    screen.say(f"  memory per GPU, GiB: {memory}; at most {said.max_concurrency:,.0f} requests in flight")
    cost = f"{tables.usd(plan.usd_per_hour)}/h ({plan.purchase_option}), {tables.usd(plan.usd_per_mtok)} per million output tokens"
    screen.say(f"  cost: {cost}")
    screen.say(f"  price source: {plan.price_source}")
    if stale(plan):
        screen.say(f"  ! prices are older than {STALE_AFTER_DAYS} days; update them: inferstack prices refresh --region {plan.region}")
    if plan.purchase_options:
        screen.say("  pricing options:")
    for option in plan.purchase_options:
        screen.say(f"    {_option(option)}")
    if plan.licence:
        for line in licence.short(plan.licence):
            screen.say(f"  {line}")
    beside(screen, plan)
    _readiness(screen, plan)
    _listed(screen, "also tried", [_tried(one) for one in plan.searched[1:]])
    _listed(screen, "what would change the plan", plan.what_would_change)
    warnings = [one for one in plan.assumptions if one.startswith(LATENCY_TARGETS)]
    for warning in warnings:
        screen.say(f"  ! {warning}")
    _listed(screen, "assumptions", [one for one in plan.assumptions if one not in warnings])


def beside(screen: Screen, plan: Plan, *, details: bool = True) -> None:
    """Print what the request asks for beside the plan: guard models, and prefill and decode on separate fleets."""
    if plan.guards:
        screen.say("  guard models, included in cost and latency; preview and up refuse a plan with guards: they are not deployed yet")
    for guard in plan.guards:
        screen.say(f"  guard {_guard(guard, details=details)}")
    if plan.split_fleet:
        _split(screen, plan, plan.split_fleet)


def _why(plan: Plan) -> str:
    """Return why it is so many instances, or this type, without the constraint's name."""
    reason = plan.binding_constraint.partition(": ")[2] or plan.binding_constraint
    return f"why {plan.instance_count if 'too few' in reason else plan.instance_type}: {reason}"


def _listed(screen: Screen, title: str, lines: Sequence[str]) -> None:
    if lines:
        screen.say(f"  {title}:")
    for line in lines:
        screen.say(f"    {line}")


def _tried(one: Searched) -> str:
    return f"{one.engine} in {one.weight_quant}: {one.says}{'' if one.allowed else ' (needs --any-quant or --weight-quant)'}"


def _option(option: PurchaseOption) -> str:
    if option.usd_per_hour is None:
        return f"{option.option}: {option.note}"
    price, note = f"{tables.usd(option.usd_per_hour)}/h", option.note
    if note.startswith("from $"):
        price, _, note = note.partition("; ")
    how = "what up uses" if option.deployable else "not yet supported by up"
    return "; ".join(filter(None, (f"{option.option}: {price}, price of {option.as_of}", how, note)))


def _guard(guard: Guard, *, details: bool) -> str:
    if guard.latency_ms is None:
        return f"{guard.id}: {guard.placement}: {guard.basis}"
    paid = f"{tables.usd(guard.usd_per_hour)}/h of the cost" if guard.usd_per_hour else "no extra cost"
    return (
        f"{guard.id}: {guard.placement}, {guard.memory_gib:.2f} GiB, {_band(guard.latency_ms)} ms more per request, {paid}, "
        f"{tables.usd(guard.usd_per_1k_requests)} per 1,000 requests{f'; {guard.basis}' if details else ''}"
    )


def _split(screen: Screen, plan: Plan, split: SplitFleet) -> None:
    won = {"split": "separate fleets are cheaper", "aggregated": "one fleet is cheaper", "equal": "the same price"}[split.cheaper]
    screen.say(f"  prefill and decode on separate fleets (comparison only, up builds the plan above): {won}: {split.reason}")
    if split.prefill and split.decode:
        apart = f"prefill {_side(split.prefill)}, decode {_side(split.decode)}"
        same = f"both on {split.prefill.instance_count} x {split.prefill.instance_type}, " if split.same_instances else ""
        screen.say(
            f"  split: {same}{apart}; {tables.usd(split.usd_per_hour or 0)}/h against {tables.usd(plan.usd_per_hour)}/h, "
            f"{_gpus(split.prefill.gpus + split.decode.gpus)} against {split.aggregated_gpus}"
        )
        screen.say(
            f"  split: TTFT {split.ttft_ms:,.0f} ms, of which {split.transfer_ms:,.1f} ms to transfer the KV cache over the {split.link} "
            f"at {split.link_gb_s:,.1f} GB/s; ITL {split.itl_ms:,.1f} ms"
        )
    screen.say(f"  split: {split.basis}")


def _side(side: SplitSide) -> str:
    where = f"{side.instance_count} x {side.instance_type} " if side.instance_count else ""
    return f"{where}({side.replicas} of {of_a_replica(side.layout)}, {_gpus(side.gpus)}, {side.busy:.0%} loaded)"


def _gpus(number: int) -> str:
    return "1 GPU" if number == 1 else f"{number} GPUs"


def _readiness(screen: Screen, plan: Plan) -> None:
    if plan.time_to_ready is None:
        return
    total = plan.time_to_ready.total
    stages = ", ".join(f"{stage.name} {_seconds(stage.seconds.value)}" for stage in plan.time_to_ready.stages)
    assumed = sum(stage.kind != "measured" for stage in plan.time_to_ready.stages)
    minutes = f"{total.value / 60:.0f} min ({total.low / 60:.0f} to {total.high / 60:.0f})"
    screen.say(f"  ready: {minutes} from up to the first token: {stages} ({assumed} of {len(plan.time_to_ready.stages)} estimated)")


def _seconds(value: float) -> str:
    return f"{value:.0f} s"


def _band(figure: Figure) -> str:
    digits = 0 if figure.value >= 100 else 1
    return f"{figure.value:,.{digits}f} ({figure.low:,.{digits}f} to {figure.high:,.{digits}f})"


def _losers(screen: Screen, plan: Plan) -> None:
    if not plan.rejected:
        return
    counted = Counter(lost.constraint for lost in plan.rejected)
    kinds = ", ".join(f"{number} {constraint}" for constraint, number in counted.most_common())
    screen.say(f"Not chosen ({len(plan.rejected)}: {kinds})")
    first_of_type = {lost.instance_type: lost for lost in reversed(plan.rejected)}
    for lost in list(first_of_type.values())[::-1][:SHOWN]:
        screen.say(f"  {lost.instance_type:<16} {lost.reason}")
    if len(first_of_type) > SHOWN:
        screen.say(f"  and {len(first_of_type) - SHOWN} more types in plan.json")
