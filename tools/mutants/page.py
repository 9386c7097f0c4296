"""Say the figures: lines for the screen, and docs/reference/mutants.md."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from tools.mutants.mutations import Mutant
from tools.mutants.runs import MutantOutcome
from tools.mutants.subjects import ROOT, Equivalent, Planted, Subject

PAGE = ROOT / "docs" / "reference" / "mutants.md"
HEAD = """# Which faults the tests notice

`make mutants` writes this page. It changes one operator, number or condition of a module at a time (a mutant), runs the
tests nearest to the module, and counts the mutants that no test notices. The modules and their tests stand in
`tools/mutants/subjects.yaml`. An operator becomes its opposite, an order its boundary too, a number one more and one
less ([decision 44](../adr/0044-mutants-run-in-forks.md)); texts are not changed. A mutant is *killed* when a test
fails, an import fails or the limit of processor time passes. *Equivalent* mutants do what the original does, so no
test can tell them apart: they are run too, named below with the reason, and left out of the share.

"""


@dataclass(frozen=True)
class Figures:
    """What became of the mutants of one module."""

    subject: Subject
    made: int
    survivors: Sequence[Mutant]
    equivalent: Sequence[Equivalent]
    seconds: float

    @property
    def killed(self) -> int:
        return self.made - len(self.equivalent) - len(self.survivors)

    def line(self) -> str:
        """Return the row for the screen."""
        name = f"{self.subject.name} {self.subject.module}"
        return f"{name:60} {_counts(self.made, self.killed, len(self.survivors), len(self.equivalent))}"


def planted_line(one: Planted, outcome: MutantOutcome) -> str:
    """Return whether a planted mutation was noticed, and by which test."""
    return f"{'killed' if outcome.killed else 'SURVIVED':9} {one.rule}  ({_test(outcome) or 'no test failed'})"


def total_line(figures: Sequence[Figures], minutes: float) -> str:
    """Return the sums over all modules and the time that it took."""
    return f"{'all':60} {_counts(*_sums(figures))} in {minutes:.1f} min ({_processor(figures)})"


def write(figures: Sequence[Figures], planted: Sequence[tuple[Planted, MutantOutcome]], minutes: float) -> None:
    """Write the page anew."""
    PAGE.write_text("\n".join((HEAD.rstrip("\n"), "", *_lines(figures, planted, minutes))) + "\n", encoding="utf-8")


def _lines(figures: Sequence[Figures], planted: Sequence[tuple[Planted, MutantOutcome]], minutes: float) -> Iterator[str]:
    made, killed, alive, same = _sums(figures)
    yield f"{_counts(made, killed, alive, same)}. It took {minutes:.0f} minutes on a busy machine of two cores ({_processor(figures)})."
    yield from ("", "| subject | module | mutants | killed | survived | equivalent | share killed |", "|---|---|--:|--:|--:|--:|--:|")
    for one in figures:
        alive, same = len(one.survivors), len(one.equivalent)
        counts = f"{one.made} | {one.killed} | {alive} | {same} | {_share(one.made, one.killed, same)}"
        yield f"| {one.subject.name} | `{one.subject.module}` | {counts} |"
    yield from ("", "## Mutations made by hand", "", "Each breaks one rule; the test that names the rule notices.", "")
    yield from ("| rule | outcome | test |", "|---|---|---|")
    for rule, outcome in planted:
        yield f"| {rule.rule} | {'killed' if outcome.killed else 'survived'} | `{_test(outcome)}` |"
    yield from ("", "## Mutants that survive", "")
    yield from [f"- `{one.module}`: {_change(one.before, one.after)}" for row in figures for one in row.survivors] or ["None."]
    yield from ("", "## Equivalent mutants", "")
    yield from [f"- `{one.module}`: {_change(one.before, one.after)}: {one.reason}" for row in figures for one in row.equivalent] or [
        "None."
    ]


def _test(outcome: MutantOutcome) -> str:
    """Return the test without its parameters."""
    return outcome.by.partition("[")[0]


def _processor(figures: Sequence[Figures]) -> str:
    return f"{sum(one.seconds for one in figures) / 60:.1f} min of processor time"


def _change(before: str, after: str) -> str:
    return f"`` {before} `` becomes `` {after} ``" if after else f"`` {before} `` is removed"


def _sums(figures: Sequence[Figures]) -> tuple[int, int, int, int]:
    rows = [(one.made, one.killed, len(one.survivors), len(one.equivalent)) for one in figures]
    return tuple(map(sum, zip(*rows, strict=True))) if rows else (0, 0, 0, 0)  # type: ignore[return-value]


def _counts(made: int, killed: int, alive: int, same: int) -> str:
    return f"{made} mutants, {killed} killed, {alive} survived, {same} equivalent: {_share(made, killed, same)} killed"


def _share(made: int, killed: int, same: int) -> str:
    return f"{killed / (made - same):.1%}" if made > same else "-"
