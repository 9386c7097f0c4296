"""`python -m tools.mutants`: mutate the modules of subjects.yaml, run the tests nearest to each mutant, and say which survive.

Exit 1 where fewer than 90 % are killed, a planted mutation survives, or too many are listed as equivalent. Exit 2 where a table does
not fit the tree. With `--write` the figures go into docs/reference/mutants.md too.
"""

from __future__ import annotations

import argparse
import math
import sys
import time
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor

from tools.mutants import page, runs
from tools.mutants.mutations import Mutant, mutants
from tools.mutants.page import Figures
from tools.mutants.runs import MutantOutcome
from tools.mutants.subjects import ROOT, Equivalent, Planted, Subject, TableError, equivalents, planted, subjects

PLANTED = "planted"
LEAST_KILLED = 0.9
MOST_EQUIVALENT = 0.05


def main(arguments: Sequence[str]) -> int:
    options = _options(arguments)
    began = time.monotonic()
    try:
        rows = [one for one in subjects() if not options.only or one.name in options.only]
        by_hand = planted() if not options.only or PLANTED in options.only else ()
        if missing := set(options.only) - {PLANTED, *(one.name for one in rows)}:
            raise TableError(f"no subject is called {min(missing)}: tools/mutants/subjects.yaml names them")
        with runs.copies(options.processes) as lent, ThreadPoolExecutor(options.processes) as pool:
            noticed = _noticed(lent, pool, by_hand)
            figures = _figures(lent, pool, rows)
    except TableError as error:
        print(f"Error: {error}", file=sys.stderr)
        return 2
    minutes = (time.monotonic() - began) / 60
    print(page.total_line(figures, minutes))
    if options.write:
        page.write(figures, noticed, minutes)
    return _verdict(figures, all(outcome.killed for _, outcome in noticed))


def _options(arguments: Sequence[str]) -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m tools.mutants", description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("--only", action="append", default=[], metavar="NAME", help=f"this subject alone, or {PLANTED}; may be repeated")
    parser.add_argument("--processes", type=int, default=2, help="how many run at once (default 2)")
    parser.add_argument("--write", action="store_true", help="write docs/reference/mutants.md")
    options = parser.parse_args(arguments)
    if options.processes < 1:
        parser.error("--processes must be 1 or more")
    if options.write and options.only:
        parser.error("--write is of all subjects, --only of some")
    return options


def _noticed(lent: runs.Copies, pool: ThreadPoolExecutor, by_hand: Sequence[Planted]) -> list[tuple[Planted, MutantOutcome]]:
    """Try each planted mutation against the tests of its rule; a line for each is printed as soon as it is known."""
    tasks = [(one.subject, [one.mutated(_text(one.subject))]) for one in by_hand]
    noticed = []
    for one, (outcome,) in zip(by_hand, runs.run(lent, pool, tasks), strict=True):
        noticed.append((one, outcome))
        print(page.planted_line(one, outcome), flush=True)
    return noticed


def _figures(lent: runs.Copies, pool: ThreadPoolExecutor, rows: Sequence[Subject]) -> list[Figures]:
    """Try every mutant of the rows; a line for each survivor and each row is printed as soon as it is known."""
    made = [(row, mutants(row.module, _text(row)), _equivalents(row)) for row in rows]
    found = runs.run(lent, pool, [(row, [one.source for one in of_row]) for row, of_row, _ in made])
    figures = []
    for (row, of_row, same), outcomes in zip(made, found, strict=True):
        _refuse_killed(of_row, outcomes, same)
        alive = [one for one, outcome in zip(of_row, outcomes, strict=True) if not outcome.killed and (one.before, one.after) not in same]
        listed = [same[one.before, one.after] for one in of_row if (one.before, one.after) in same]
        figures.append(Figures(row, len(of_row), alive, listed, math.fsum(outcome.seconds for outcome in outcomes)))
        for one in alive:
            print(f"  survived  {one}", flush=True)
        print(figures[-1].line(), flush=True)
    return figures


def _equivalents(row: Subject) -> dict[tuple[str, str], Equivalent]:
    """Return the rows of a module by their lines. Raises TableError for a row without a mutant."""
    known = {(one.before, one.after): one for one in equivalents() if one.module == row.module}
    if missing := known.keys() - {(one.before, one.after) for one in mutants(row.module, _text(row))}:
        before, after = min(missing)
        raise TableError(f"tools/mutants/equivalent.yaml: {row.module} has no mutant {before}  ->  {after}: remove the row or mend it")
    return known


def _refuse_killed(made: Sequence[Mutant], outcomes: Sequence[MutantOutcome], same: dict[tuple[str, str], Equivalent]) -> None:
    """Raises TableError for a mutant that is listed as equivalent and that a test tells apart."""
    for one, outcome in zip(made, outcomes, strict=True):
        if outcome.killed and (one.before, one.after) in same:
            raise TableError(f"tools/mutants/equivalent.yaml: {one} is not equivalent: {outcome.by} tells it apart")


def _text(row: Subject) -> str:
    return (ROOT / row.module).read_text(encoding="utf-8")


def _verdict(figures: Sequence[Figures], all_planted_killed: bool) -> int:
    made = sum(one.made for one in figures)
    same = sum(len(one.equivalent) for one in figures)
    alive = sum(len(one.survivors) for one in figures)
    enough = not made or made - same - alive >= LEAST_KILLED * (made - same)
    return 0 if enough and same <= MOST_EQUIVALENT * made and all_planted_killed else 1


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
