"""A plan for people: the candidates, the chosen one marked, its bands, what binds it, and why the others lost."""

from __future__ import annotations

from collections import Counter
from datetime import UTC, datetime
from pathlib import Path

from inferstack.cli.screen import Screen
from inferstack.pricing.bill.caveats import STALE_AFTER_DAYS
from inferstack.records.plan import Candidate, Figure, Guard, Layout, Plan, PurchaseOption, SplitFleet, SplitSide
from inferstack.show import tables
from sizing.models import licence

SHOWN = 8
HEADS = ("", "instance", "n", "GPU", "layout", "engine", "tokens/s", "TTFT ms", "ITL ms", "$/h", "$/1M out", "bound by")
NUMBERS = (2, 6, 7, 8, 9, 10)


def show(screen: Screen, plan: Plan, *, folder: Path, following: str = "") -> None:
    """`following` is the next command, for those who are at the beginning of their way."""
    screen.say(f"{plan.model.id} in {plan.model.weight_quant} on {plan.region}, prices of {plan.price_date}")
    chosen = _index_of_chosen(plan)
    listed = list(plan.candidates[:SHOWN])
    if chosen is not None and chosen >= SHOWN:
        listed, chosen = [*listed, plan.candidates[chosen]], SHOWN
    tables.table(screen, HEADS, [_row(plan, found, number == chosen) for number, found in enumerate(listed)], marked=chosen, right=NUMBERS)
    if len(plan.candidates) > SHOWN:
        screen.say(f"   and {len(plan.candidates) - SHOWN} dearer ones in plan.json")
    _prediction(screen, plan)
    _losers(screen, plan)
    screen.say(f"Written: {folder}")
    if following:
        screen.say(f"Next: {following}")


def layout(of: Layout) -> str:
    return _of_a_replica(of) + (f" x {of.dp}" if of.dp > 1 else "")


def _of_a_replica(of: Layout) -> str:
    return " ".join(f"{name}{value}" for name, value in (("tp", of.tp), ("pp", of.pp), ("ep", of.ep)) if value > 1) or "tp1"


def _index_of_chosen(plan: Plan) -> int | None:
    mine = (plan.instance_type, plan.instance_count, plan.layout, plan.engine)
    return next((number for number, found in enumerate(plan.candidates) if _key(found) == mine), None)


def _key(found: Candidate) -> tuple[object, ...]:
    return (found.instance_type, found.instance_count, found.layout, found.engine)


def _row(plan: Plan, found: Candidate, is_chosen: bool) -> tuple[object, ...]:
    latency = (f"{found.ttft_ms:,.0f}", "" if found.itl_ms is None else f"{found.itl_ms:.1f}")
    cost = (f"{found.usd_per_hour:,.2f}", f"{found.usd_per_mtok:,.2f}")
    mark = "→" if is_chosen else ""
    other = found.weight_quant if found.weight_quant not in (None, plan.model.weight_quant) else ""
    speed = f"{found.output_tokens_per_s:,.0f}"
    return (
        mark,
        found.instance_type,
        found.instance_count,
        found.gpu,
        layout(found.layout),
        f"{found.engine} {other}".rstrip(),
        speed,
        *latency,
        *cost,
        found.bound,
    )


def _prediction(screen: Screen, plan: Plan) -> None:
    said = plan.prediction
    screen.say(f"Chosen: {plan.instance_count} x {plan.instance_type}, {layout(plan.layout)}, {plan.engine} {plan.engine_version}")
    screen.say(f"  binding constraint: {plan.binding_constraint}")
    shown = (("tokens/s", said.output_tokens_per_s), ("TTFT ms", said.ttft_ms), ("ITL ms", said.itl_ms), ("answer ms", said.e2e_ms))
    screen.say("  predicted: " + ", ".join(f"{name} {_band(figure)}" for name, figure in shown if figure))
    screen.say(f"  bands: {said.output_tokens_per_s.band}; basis: {said.basis}")
    rest = said.activation_gib + said.cuda_graph_gib + said.non_torch_gib
    memory = f"weights {said.weights_gib:.1f}, KV {said.kv_cache_gib:.1f}, rest {rest:.1f}"
    screen.say(f"  memory a GPU, GiB: {memory}; room for {said.max_concurrency:,.0f} requests at once")
    screen.say(
        f"  cost: {tables.usd(plan.usd_per_hour)} an hour ({plan.purchase_option}), {tables.usd(plan.usd_per_mtok)} a million output tokens"
    )
    screen.say(f"  price: {plan.price_source}")
    if (datetime.now(UTC).date() - plan.price_date).days > STALE_AFTER_DAYS:
        screen.say(f"  price older than {STALE_AFTER_DAYS} days: inferstack prices refresh --region {plan.region} reads today's")
    for option in plan.purchase_options:
        screen.say(f"  bought as {_bought(option)}")
    if plan.licence:
        for line in licence.short(plan.licence):
            screen.say(f"  {line}")
    if plan.guards:
        screen.say("  guards, in the cost above and in the targets; preview and up refuse a plan with them, for nothing deploys them")
    for guard in plan.guards:
        screen.say(f"  guard {_guard(guard)}")
    if plan.split_fleet:
        _split(screen, plan, plan.split_fleet)
    _readiness(screen, plan)
    for one in plan.searched[1:]:
        screen.say(f"  searched: {one.engine} in {one.weight_quant}{'' if one.allowed else ' (not allowed)'}: {one.says}")
    for change in plan.what_would_change:
        screen.say(f"  would change it: {change}")
    for assumption in plan.assumptions:
        screen.say(f"  assumed: {assumption}")


def _bought(option: PurchaseOption) -> str:
    if option.usd_per_hour is None:
        return f"{option.option}: {option.note}"
    how = "; ".join(filter(None, ("what up buys" if option.deployable else "up does not buy so", option.note)))
    return f"{option.option}: {tables.usd(option.usd_per_hour)} an hour, rate of {option.as_of}; {how}"


def _guard(guard: Guard) -> str:
    if guard.latency_ms is None:
        return f"{guard.id}: {guard.placement}: {guard.basis}"
    paid = f"{tables.usd(guard.usd_per_hour)} an hour of the cost" if guard.usd_per_hour else "nothing more an hour"
    return (
        f"{guard.id}: {guard.placement}, {guard.memory_gib:.2f} GiB, {_band(guard.latency_ms)} ms more a request, {paid}, "
        f"{tables.usd(guard.usd_per_1k_requests)} per 1,000 requests; {guard.basis}"
    )


def _split(screen: Screen, plan: Plan, split: SplitFleet) -> None:
    won = {"split": "apart is cheaper", "aggregated": "together is cheaper", "equal": "the same price"}[split.cheaper]
    screen.say(f"  prefill and decode apart, to compare (up builds the plan above): {won}: {split.reason}")
    if split.prefill and split.decode:
        apart = f"prefill {_side(split.prefill)}, decode {_side(split.decode)}"
        same = f"both on {split.prefill.instance_count} x {split.prefill.instance_type}, " if split.same_instances else ""
        screen.say(
            f"  split: {same}{apart}; {tables.usd(split.usd_per_hour or 0)} an hour against {tables.usd(plan.usd_per_hour)}, "
            f"{_gpus(split.prefill.gpus + split.decode.gpus)} against {split.aggregated_gpus}"
        )
        screen.say(
            f"  split: TTFT {split.ttft_ms:,.0f} ms, of which {split.transfer_ms:,.1f} ms KV over the {split.link} "
            f"at {split.link_gb_s:,.1f} GB/s; ITL {split.itl_ms:,.1f} ms"
        )
    screen.say(f"  split: {split.basis}")


def _side(side: SplitSide) -> str:
    where = f"{side.instance_count} x {side.instance_type} " if side.instance_count else ""
    return f"{where}({side.replicas} of {_of_a_replica(side.layout)}, {_gpus(side.gpus)}, {side.busy:.0%} loaded)"


def _gpus(number: int) -> str:
    return "1 GPU" if number == 1 else f"{number} GPUs"


def _readiness(screen: Screen, plan: Plan) -> None:
    if plan.time_to_ready is None:
        return
    total = plan.time_to_ready.total
    stages = ", ".join(f"{stage.name} {_seconds(stage.seconds.value)}" for stage in plan.time_to_ready.stages)
    assumed = sum(stage.kind != "measured" for stage in plan.time_to_ready.stages)
    minutes = f"{total.value / 60:.0f} min ({total.low / 60:.0f} to {total.high / 60:.0f})"
    screen.say(f"  ready: {minutes} from up to the first token: {stages}; {assumed} of {len(plan.time_to_ready.stages)} not measured")


def _seconds(value: float) -> str:
    return f"{value:.0f} s"


def _band(figure: Figure) -> str:
    digits = 0 if figure.value >= 100 else 1
    return f"{figure.value:,.{digits}f} ({figure.low:,.{digits}f} to {figure.high:,.{digits}f})"


def _losers(screen: Screen, plan: Plan) -> None:
    if not plan.rejected:
        return
    counted = Counter(lost.constraint for lost in plan.rejected)
    kinds = ", ".join(f"{number} by {constraint}" for constraint, number in counted.most_common())
    screen.say(f"Why the others lost ({len(plan.rejected)}: {kinds})")
    first_of_type = {lost.instance_type: lost for lost in reversed(plan.rejected)}
    for lost in list(first_of_type.values())[::-1][:SHOWN]:
        screen.say(f"  {lost.instance_type:<16} {lost.reason}")
    if len(first_of_type) > SHOWN:
        screen.say(f"  and {len(first_of_type) - SHOWN} more types in plan.json")
