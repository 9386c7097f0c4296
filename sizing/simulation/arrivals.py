"""When requests are sent: drawn from a distribution for a seed, or read from a trace."""

from __future__ import annotations

import itertools
import json
import math
import random
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

from inferstack.records.errors import InputError
from inferstack.records.files import text_files
from sizing.simulation.sequence import Ask

Kind = Literal["poisson", "gamma", "trace", "closed"]
MAX_FILE_BYTES = 256 * 2**20
FIELDS = ("arrival_s", "input_tokens", "output_tokens", "prefix")


@dataclass(frozen=True, slots=True)
class Arrivals:
    """`burstiness` is the shape of gamma-distributed gaps: 1 is Poisson, below 1 comes in bursts; the gaps' CV is 1 / sqrt of it."""

    kind: Kind
    burstiness: float = 1.0
    trace: Path | None = None

    @property
    def says(self) -> str:
        if self.kind == "gamma":
            return f"gamma-distributed gaps, burstiness {self.burstiness:g} (gaps vary by {self.burstiness**-0.5:.2f} of their mean)"
        return {"poisson": "Poisson arrivals", "closed": "a closed loop"}.get(self.kind, f"arrivals of {self.trace}")


def parse(text: str) -> Arrivals:
    """`poisson`, `gamma:0.25`, `trace:FILE` or `closed`. Raises InputError."""
    kind, _, value = text.partition(":")
    if kind in ("poisson", "closed") and not value:
        return Arrivals(kind)  # type: ignore[arg-type]
    if kind == "gamma":
        return Arrivals("gamma", _positive(value, text))
    if kind == "trace" and value:
        return Arrivals("trace", trace=Path(value))
    raise InputError(f"--arrivals: {text!r} must be poisson, gamma:BURSTINESS, trace:FILE or closed", hint="--arrivals gamma:0.25")


def times(arrivals: Arrivals, rate: float, *, count: int, rng: random.Random) -> list[float]:
    """Return ascending times in seconds, scaled so that the last is at `count` / `rate`: the sample itself has the rate. A trace is
    taken unchanged, at most `count` arrivals of it."""
    if arrivals.kind == "trace":
        assert arrivals.trace is not None
        return sorted(_trace(arrivals.trace))[:count]
    shape = arrivals.burstiness if arrivals.kind == "gamma" else 1.0
    found = list(itertools.accumulate(rng.gammavariate(shape, 1.0) for _ in range(count)))
    scale = count / rate / found[-1] if found[-1] else 0.0
    return [one * scale for one in found]


def requests(path: Path) -> list[Ask]:
    """`requests.jsonl`: one object a line with arrival_s, input_tokens, output_tokens and, where some of the prompt's tokens are
    in the prefix cache, their number as prefix. Raises InputError with file, line and field."""
    found = [_ask(path, number, line) for number, line in _lines(path)]
    if not found:
        raise InputError(f"{path}:1: contains no request", hint='{"arrival_s": 0.0, "input_tokens": 1000, "output_tokens": 200}')
    return sorted(found, key=lambda one: one.sent_s)


def _ask(path: Path, number: int, line: str) -> Ask:
    content = _object(path, number, line)
    strangers = sorted(set(content) - set(FIELDS))
    if strangers:
        raise InputError(f"{path}:{number}: {strangers[0]}: unknown field; known: {', '.join(FIELDS)}")
    prompt = _whole(path, number, content, field="input_tokens", least=1)
    cached = _whole(path, number, {"prefix": 0, **content}, field="prefix", least=0)
    if cached > prompt:
        raise InputError(f"{path}:{number}: prefix: {cached} is more than the {prompt} input_tokens")
    output = _whole(path, number, content, field="output_tokens", least=1)
    return Ask(_seconds(path, number, content.get("arrival_s")), prompt, output, cached)


def _trace(path: Path) -> Iterator[float]:
    """One number a line: seconds since the first moment; or objects with arrival_s."""
    for number, line in _lines(path):
        text = line.strip()
        if text.startswith("{"):
            yield _seconds(path, number, _object(path, number, text).get("arrival_s"))
            continue
        try:
            value: Any = float(text)
        except ValueError:
            value = text
        yield _seconds(path, number, value)


def _lines(path: Path) -> Iterator[tuple[int, str]]:
    text = text_files.read(path, most_bytes=MAX_FILE_BYTES)
    return ((number, line) for number, line in enumerate(text.splitlines(), 1) if line.strip())


def _object(path: Path, number: int, line: str) -> dict[str, Any]:
    try:
        content = json.loads(line)
    except (ValueError, RecursionError) as error:
        raise InputError(f"{path}:{number}: not JSON: {str(error).splitlines()[0]}") from None
    if not isinstance(content, dict):
        raise InputError(f"{path}:{number}: is not a JSON object")
    return content


def _seconds(path: Path, number: int, value: object) -> float:
    if isinstance(value, bool) or not isinstance(value, int | float) or not 0 <= value < math.inf:
        raise InputError(f"{path}:{number}: arrival_s: must be seconds of at least 0, not {json.dumps(value, default=str)[:40]}")
    return float(value)


def _whole(path: Path, number: int, content: dict[str, Any], *, field: str, least: int) -> int:
    value = content.get(field)
    if isinstance(value, bool) or not isinstance(value, int) or not least <= value <= 10**9:
        raise InputError(f"{path}:{number}: {field}: must be a whole number of at least {least}, not {json.dumps(value, default=str)[:40]}")
    return value


def _positive(value: str, text: str) -> float:
    try:
        number = float(value)
    except ValueError:
        number = 0.0
    if not 0.001 <= number <= 1000:
        raise InputError(f"--arrivals: {text!r}: burstiness must be a number from 0.001 to 1000", hint="--arrivals gamma:0.25")
    return number
