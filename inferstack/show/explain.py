"""The sum behind a plan for people: a memory bar, the terms of an iteration and of a prompt, a roofline; 80 columns, no colour needed."""

from __future__ import annotations

import math
import textwrap
from collections.abc import Iterator, Sequence

from inferstack.cli.screen import Screen
from inferstack.records.plan import Figure, Plan
from inferstack.show import tables
from sizing.explaining.breakdown import Breakdown
from sizing.explaining.memory_parts import MemoryPart
from sizing.explaining.roofline import Roofline
from sizing.explaining.time_terms import TimeTerm

WIDTH = 80
BAR = 60
PLOT_COLUMNS, PLOT_ROWS = 56, 12
MARKS = {
    "attention": "A", "latent copies in 16 bit": "L",
    "MLP": "M", "shared experts": "S", "experts": "X", "router and norms": "N", "embeddings": "E", "head": "H",
    "vision": "V", "rotary table": "T", "layers kept wide": "W", "scales and padding": "P", "activations": "a", "CUDA graphs": "g",
    "outside torch": "o", "KV cache": "k", "draft": "D", "KV of the draft": "d", "LoRA adapters": "R",
}  # fmt: skip
FREE = "."
GIB = 2**30


def show(screen: Screen, plan: Plan, found: Breakdown) -> None:
    """Print the breakdown: memory, then times, the roofline and the confidence."""
    for line in lines(plan, found):
        screen.say_block(_wrapped(line)) if len(line) > WIDTH else screen.say(line.rstrip())


def lines(plan: Plan, found: Breakdown) -> Iterator[str]:
    yield f"{found.model} in {found.weight_quant}, {found.engine}, {found.layout} x {found.replicas} on {found.gpu}"
    yield f"{plan.instance_count} x {plan.instance_type}, {tables.usd(plan.usd_per_hour)} per hour in {plan.region}"
    yield ""
    yield from memory_picture(found)
    yield ""
    yield from _kv(found)
    yield ""
    yield from _iteration(found)
    yield ""
    yield from _prompt(found)
    yield ""
    yield from roofline_picture(found.roofline)
    yield f"Bound by {found.bound}."
    yield ""
    yield from _bands(found)


def memory_picture(found: Breakdown) -> Iterator[str]:
    """One character for each sixtieth of the GPU; the legend names each letter, its bytes and its share."""
    yield f"Memory of one GPU: {found.gpu_bytes / GIB:.1f} GiB available from the driver"
    marked = list(_marked(found.memory))
    yield f"  [{_bar(marked, found.gpu_bytes)}]"
    for mark, part in marked:
        yield f"  {mark}  {part.name:<28} {part.bytes / GIB:>8.2f} GiB  {part.bytes / found.gpu_bytes:>5.1%}"


def roofline_picture(roof: Roofline) -> Iterator[str]:
    """Log-log: FLOP a byte to the right, FLOP/s upwards; letters are what is attained, the line is what the GPU allows."""
    yield (
        f"Roofline: {roof.peak_flops_per_s / 1e12:,.0f} TFLOP/s, {roof.bandwidth_bytes_per_s / 1e9:,.0f} GB/s; "
        f"ridge point {roof.ridge:,.0f} FLOP/byte"
    )
    plotted = Plot(roof)
    for label, row in plotted.rows():
        yield f"{label:>9} |{row}"
    yield f"{'':>9} +{'-' * PLOT_COLUMNS}"
    yield f"{'':>10}{plotted.axis()}  FLOP/byte"
    for point in roof.points:
        share = point.flops_per_s / point.roof_flops_per_s
        yield (
            f"  {point.name[0].upper()}  {point.name}: {point.intensity:,.1f} FLOP/byte, {point.flops_per_s / 1e12:,.1f} TFLOP/s, "
            f"{share:.0%} of its {point.bound} roof"
        )


class Plot:
    """A grid of characters over the whole decades that hold the points and the ridge."""

    def __init__(self, roof: Roofline) -> None:
        self.roof = roof
        at = [point.intensity for point in roof.points] + [roof.ridge]
        self.left, self.right = math.floor(math.log10(min(at))), math.ceil(math.log10(max(at)))
        height = [point.flops_per_s for point in roof.points] + [roof.peak_flops_per_s]
        self.bottom, self.top = math.floor(math.log10(min(height))), math.log10(roof.peak_flops_per_s)

    def rows(self) -> Iterator[tuple[str, str]]:
        grid = [[" "] * PLOT_COLUMNS for _ in range(PLOT_ROWS)]
        for column in range(PLOT_COLUMNS):
            intensity = 10 ** (self.left + column / (PLOT_COLUMNS - 1) * (self.right - self.left))
            allowed = intensity * self.roof.bandwidth_bytes_per_s
            peak = self.roof.peak_flops_per_s
            self._put(grid, intensity, flops=min(allowed, peak), mark="/" if allowed < peak else "_")
        for point in self.roof.points:
            self._put(grid, point.intensity, flops=point.flops_per_s, mark=point.name[0].upper())
        for number, row in enumerate(grid):
            exponent = self.top - number / (PLOT_ROWS - 1) * (self.top - self.bottom)
            yield (_flops(10**exponent) if number % 4 == 0 or number == PLOT_ROWS - 1 else ""), "".join(row).rstrip()

    def axis(self) -> str:
        marks = [" "] * PLOT_COLUMNS
        for decade in range(self.left, self.right + 1):
            text = f"{10.0**decade:g}"
            column = min(round((decade - self.left) / (self.right - self.left) * (PLOT_COLUMNS - 1)), PLOT_COLUMNS - len(text))
            marks[column : column + len(text)] = text
        return "".join(marks)

    def _put(self, grid: list[list[str]], intensity: float, *, flops: float, mark: str) -> None:
        across = (math.log10(intensity) - self.left) / (self.right - self.left)
        up = (math.log10(flops) - self.bottom) / (self.top - self.bottom)
        column, row = round(across * (PLOT_COLUMNS - 1)), round((1 - up) * (PLOT_ROWS - 1))
        if 0 <= column < PLOT_COLUMNS and 0 <= row < PLOT_ROWS:
            grid[row][column] = mark


def _marked(parts: Sequence[MemoryPart]) -> Iterator[tuple[str, MemoryPart]]:
    for part in parts:
        yield MARKS.get(part.name, FREE), part


def _bar(marked: Sequence[tuple[str, MemoryPart]], whole: float) -> str:
    """Return a bar, rounded at the running sum, so that it is as long as the GPU."""
    drawn, done = "", 0.0
    for mark, part in marked:
        done += max(part.bytes, 0.0)
        drawn += mark * (round(min(done / whole, 1.0) * BAR) - len(drawn))
    return drawn.ljust(BAR, ".")


def _kv(found: Breakdown) -> Iterator[str]:
    yield f"KV cache, {'8' if found.kv_quant == 'fp8' else '16'} bit: {found.kv_tokens:,} tokens per replica"
    for one in found.kv:
        kept = f", at most {one.span_tokens:,} tokens per sequence" if one.span_tokens else ""
        each = f"{one.bytes_per_token:,.0f} bytes per token" if one.bytes_per_token else f"{one.state_bytes / 2**20:,.1f} MiB per sequence"
        yield f"  {one.layers:>3} layers of {one.kind}: {each}{kept}"
    yield (
        f"  a request of {found.length_tokens:,.0f} tokens takes {found.sequence_bytes / GIB:.3f} GiB per GPU: "
        f"{found.requests_at_length:,.1f} such requests fit"
    )
    yield f"  of the longest requests, {found.max_model_len:,} tokens each, {found.requests_at_max_model_len:,.1f} fit"


def _iteration(found: Breakdown) -> Iterator[str]:
    at, s = f"{found.batch:,.1f} sequences at {found.context_tokens:,.0f} tokens of context", found.speculation
    yield from _terms(
        f"One {'speculative step with' if s else 'iteration: one token for each of'} {at}", found.iteration, found.iteration_s
    )
    if s:
        yield (
            f"  {s.method}: draft {s.draft_s * 1e3:,.1f} ms for {s.tokens} tokens per sequence, verification {s.verify_s * 1e3:,.1f} ms; "
            f"at {s.acceptance:.0%} acceptance {s.tokens_a_step:.2f} tokens per step are expected"
        )
    token_s = found.iteration_s / (s.tokens_a_step if s else 1.0)
    plain_s = found.itl_s / found.step_neighbours
    what = f"the step divided by {s.tokens_a_step:.2f}" if s else "the iteration"
    yield f"ITL {found.itl_s * 1e3:,.1f} ms: {what}, and {_rest(plain_s - token_s)}{_near(found.step_neighbours)}"


def _prompt(found: Breakdown) -> Iterator[str]:
    images = f" ({found.image_tokens:,.0f} of them for images)" if found.images else ""
    yield from _terms(f"One prompt of {found.prompt_tokens:,.0f} computed tokens{images}, GPU time", found.prompt, found.prompt_s)
    if found.images:
        yield f"  images: {found.images}"
    others = "" if found.queue_s else " earlier prompts,"
    queue = f"; and {found.queue_s * 1e3:,.1f} ms in the queue" if found.queue_s else ""
    server = f"server overhead{_near(found.first_neighbours)}"
    yield f"TTFT {found.ttft_s * 1e3:,.1f} ms: the prompt, the step in progress,{others} and {server}{queue}"


def _terms(title: str, terms: Sequence[TimeTerm], whole_s: float) -> Iterator[str]:
    yield title
    longest, width = max(term.seconds for term in terms), max(24, *(len(term.name) for term in terms))
    for term in sorted(terms, key=lambda one: -one.seconds):
        bar = "#" * max(round(term.seconds / longest * 20), 0)
        yield f"  {term.name:<{width}} {term.seconds * 1e3:>10.3f} ms {term.seconds / whole_s:>6.1%}  {bar}"
        if term.compute_s is not None and term.read_s is not None:
            yield f"  {'':<{width}} compute alone {term.compute_s * 1e3:.3f} ms, memory reads alone {term.read_s * 1e3:.3f} ms"
    yield f"  {'total':<{width}} {whole_s * 1e3:>10.3f} ms"


def _near(factor: float) -> str:
    return "" if abs(factor - 1) < 0.005 else f", all times {factor:.2f}: nearby published runs took that multiple of the formula"


def _rest(seconds: float) -> str:
    if seconds >= 0:
        return f"{seconds * 1e3:,.1f} ms for prompts processed in the same step"
    return f"{-seconds * 1e3:,.1f} ms less, because some requests in flight are still in their prompt"


def _bands(found: Breakdown) -> Iterator[str]:
    yield "Confidence:"
    for name, figure in found.figures.items():
        yield f"  {name:<20} {_figure(figure)}"
    yield f"  error bands: {next(iter(found.figures.values())).band}"
    yield f"  level: {found.basis}"
    for doubt in found.doubts:
        yield f"  note: {doubt}"


def _figure(figure: Figure) -> str:
    off = f"-{1 - figure.low / figure.value:.0%} to +{figure.high / figure.value - 1:.0%}" if figure.value else ""
    return f"{figure.value:>12,.1f}   {figure.low:,.1f} to {figure.high:,.1f}   ({off})"


def _flops(value: float) -> str:
    scale, unit = next((one for one in ((1e15, "P"), (1e12, "T"), (1e9, "G")) if value >= one[0]), (1e6, "M"))
    return f"{value / scale:.3g} {unit}"


def _wrapped(text: str) -> str:

    lead = text[: len(text) - len(text.lstrip())]
    return textwrap.fill(text.strip(), WIDTH, initial_indent=lead, subsequent_indent=lead + "  ")
