"""Memory predicted beside memory measured: KV, weights, activations, files, starts. `python -m tools.calibration.memory_accuracy` prints
it."""

from __future__ import annotations

import statistics
import sys
from collections.abc import Iterable
from dataclasses import dataclass, replace

from sizing.batch.question import parse
from sizing.catalog import GIB, find_model
from sizing.engines.engine import parsed
from sizing.estimate import answer
from sizing.models.gguf.mix import tensor_bytes
from tools.calibration.start_up_logs import MEASURED, Start, Unusable, read, table

NON_TORCH_SINCE_0_27_GIB = (0.30, 0.47, 0.56)


@dataclass(frozen=True)
class MemoryRow:
    """`error`: predicted over measured less one; of a start, None. `started` and `fits` are of starts alone."""

    what: str
    source: str
    model: str
    engine: str
    version: str
    gpu: str
    tp: int
    measured: float
    predicted: float
    error: float | None
    inferred: bool = False


@dataclass(frozen=True)
class Summary:
    """Percent. `bias` is the mean of the signed errors."""

    what: str
    engine: str
    n: int
    median: float
    p90: float
    worst: float
    bias: float


def accuracy() -> tuple[list[MemoryRow], list[Unusable]]:
    """Every usable row of the measurements beside the answer of the sizing; the others with the reason."""
    starts, unusable = read()
    rows: list[MemoryRow] = []
    for start in starts:
        found = answer(start.question)
        if "error" in found:
            what = ", ".join(start.measured) or "starts"
            unusable.append(Unusable(start.source, start.model, what, str(start.measured), found["error"]))
            continue
        rows += _compared(start, found)
    return rows + gguf_files(), unusable


def gguf_files() -> list[MemoryRow]:
    """Tensors of GGUF files as llama-bench prints them, which no mix was set by but the fused and the narrow tensors (four files)."""
    found = []
    for row in table(MEASURED / "gguf.csv"):
        measured = float(row["gib"])
        predicted = tensor_bytes(find_model(row["model"]), row["mix"]) / GIB
        error = predicted / measured - 1
        found.append(MemoryRow("gguf_tensors_gib", row["source"], row["model"], "gguf", row["mix"], "", 1, measured, predicted, error))
    return found


def summaries(rows: Iterable[MemoryRow]) -> list[Summary]:
    """Summarise by kind and engine, and KV tokens once more without the rows whose inputs were chosen by their answer."""
    groups: dict[tuple[str, str], list[float]] = {}
    for row in rows:
        if row.error is None:
            continue
        groups.setdefault((row.what, row.engine), []).append(row.error)
        if row.what.startswith("kv_") and not row.inferred:
            groups.setdefault((row.what + ", inputs known", row.engine), []).append(row.error)
    return [summary(what, engine, errors) for (what, engine), errors in sorted(groups.items())]


def summary(what: str, engine: str, errors: list[float]) -> Summary:
    size = sorted(abs(one) * 100 for one in errors)
    p90 = size[min(len(size) - 1, round(0.9 * (len(size) - 1)))]
    return Summary(what, engine, len(size), statistics.median(size), p90, size[-1], statistics.fmean(errors) * 100)


def starts(rows: Iterable[MemoryRow]) -> dict[str, list[MemoryRow]]:
    """What the engine did beside what is said: `false fits` must be empty."""
    found: dict[str, list[MemoryRow]] = {"right": [], "false fits": [], "refused wrongly": []}
    for row in rows:
        if row.what == "starts":
            kind = "right" if row.measured == row.predicted else "false fits" if row.predicted else "refused wrongly"
            found[kind].append(row)
    return found


def held_out() -> dict[str, Summary]:
    """Constants that logs have set, each predicted from the others: the graphs' MiB a layer and size, what is not torch's on one GPU from
    0.27 on (consumed memory less weights in three logs), and the sampler's bytes a sequence and vocabulary entry where it sorts (V1)."""
    graphs = [(int(row["layers"]) * int(row["graphs"]), float(row["gib"])) for row in table(MEASURED / "graphs.csv")]
    each = [gib / count for count, gib in graphs]
    errors = [statistics.median(each[:i] + each[i + 1 :]) * count / gib - 1 for i, (count, gib) in enumerate(graphs)]
    rest = NON_TORCH_SINCE_0_27_GIB
    others = [statistics.fmean(rest[:i] + rest[i + 1 :]) / one - 1 for i, one in enumerate(rest)]
    sampler = _sort_bytes()
    models = [statistics.median(size for other, size in sampler if other != model) / one - 1 for model, one in sampler]
    return {
        "graphs": summary("graphs, one log left out", "vllm", errors),
        "rest": summary("non-torch 0.27+, one left out", "vllm", others),
        "sampler": summary("sampler, one model left out", "vllm", models),
    }


def _sort_bytes() -> list[tuple[str, float]]:
    """Return, by model, the sort bytes of the logs that print the activations of V1 before the Triton sampler."""
    found = []
    for start in read()[0]:
        if "activation_gib" in start.measured and (0, 8, 0) <= parsed(start.version) < (0, 17, 0):
            asked = parse(start.question)
            shape, under = asked.replica.shape, asked.replica.settings
            rest = start.measured["activation_gib"] * GIB - under.max_num_batched_tokens * 2 * shape.hidden
            found.append((start.model, rest / min(under.max_num_seqs, under.max_num_batched_tokens) / shape.vocab))
    return found


def _compared(start: Start, found: dict[str, float]) -> list[MemoryRow]:
    tp = start.question.get("tp", 1)
    blank = MemoryRow("", start.source, start.model, start.engine, start.version, start.gpu, tp, 0, 0, None, start.inferred)
    rows = []
    for what, value in start.measured.items():
        if value > 0:
            rows.append(replace(blank, what=what, measured=value, predicted=found[what], error=found[what] / value - 1))
    if start.started is not None:
        rows.append(replace(blank, what="starts", measured=float(start.started), predicted=float(found["fits"])))
    return rows


def _line(row: MemoryRow) -> str:
    error = "" if row.error is None else f"{100 * row.error:+7.2f} %"
    mark = " (an input was chosen by the answer)" if row.inferred else ""
    place = f"{row.engine} {row.version} {row.gpu[:24]} tp{row.tp}"
    return f"  {row.what:16s} {row.model[:32]:32s} {place:48s} {row.measured:16,.2f} {row.predicted:16,.2f} {error}{mark}"


def main() -> int:
    """1 where something is said to fit that the engine refused."""
    rows, unusable = accuracy()
    out = [_line(row) for row in rows]
    out += ["", f"unusable: {len(unusable)} rows"]
    out += sorted({f"  {one.metric}: {one.why}" for one in unusable})
    out += ["", f"{'what':30s} {'engine':12s} {'n':>4s} {'median %':>9s} {'p90 %':>9s} {'max %':>9s} {'bias %':>9s}"]
    out += [f"{s.what:30s} {s.engine:12s} {s.n:4d} {s.median:9.2f} {s.p90:9.2f} {s.worst:9.2f} {s.bias:+9.2f}" for s in summaries(rows)]
    out += [f"{s.what:30s} {s.engine:12s} {s.n:4d} {s.median:9.2f} {s.p90:9.2f} {s.worst:9.2f} {s.bias:+9.2f}" for s in held_out().values()]
    verdicts = starts(rows)
    out += ["", "starts: " + ", ".join(f"{len(found)} {kind}" for kind, found in verdicts.items())]
    out += [f"  {kind}: {_line(row).strip()}" for kind in ("false fits", "refused wrongly") for row in verdicts[kind]]
    sys.stdout.write("\n".join(out) + "\n")
    return 1 if verdicts["false fits"] else 0


if __name__ == "__main__":
    sys.exit(main())
