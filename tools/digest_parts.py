"""The parts of `make digest`: each is a set of named texts that the product gives to a fixed input.

No clock, no chance and no path of this machine is in them.
"""

from __future__ import annotations

import dataclasses
import io
import json
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import partial
from pathlib import Path
from typing import Any

import yaml

from inferstack.cli.screen import Screen
from inferstack.records.errors import InferstackError
from inferstack.records.files import facts
from inferstack.records.files.reading import validated
from inferstack.records.files.registry import RECORDS
from inferstack.records.request import Request
from inferstack.show import answer
from sizing import estimate
from sizing.explaining import wrong_claims
from sizing.planning import planner
from tools import write_bills, write_reference, write_schemas

# All that the digest takes of the product and of the other tools; nothing below this block names a module of theirs.
from tools.calibration.samples import samples
from tools.reference import permissions

ROOT = Path(__file__).resolve().parent.parent
ASKED = Path(__file__).resolve().parent / "digest"
NOW = datetime(2026, 11, 23, tzinfo=UTC)
QUESTIONS = 2000

Text = Callable[[], str]
Texts = Mapping[str, Text]


@dataclass(frozen=True)
class DigestPart:
    """`texts` gives the names; a text is made when it is called."""

    name: str
    texts: Callable[[], Texts]


def parts() -> tuple[DigestPart, ...]:
    """Return the parts in the order of the lines."""
    return (
        DigestPart("plans of the examples", _examples),
        DigestPart("plans of requests", partial(_plans, "plans")),
        DigestPart("refusals of requests", partial(_plans, "refused")),
        DigestPart("estimates", _estimates),
        DigestPart("bills", _bills),
        DigestPart("sentences", lambda: {one: partial(_explained, one) for one in sentences()}),
        DigestPart("schemas", lambda: {one.file_name: partial(write_schemas.schema_text, one) for one in RECORDS}),
        DigestPart("policies", lambda: {Path(name).name: partial(str, text) for name, text in permissions.files().items()}),
        *(DigestPart(f"page {name}", partial(dict, {name: partial(_page, text)})) for name, text in write_reference.PAGES.items()),
    )


def _page(text: Callable[[], str]) -> str:
    """Return the page without the folders of files that it names: pages that name source files stay the same when those move."""
    return re.sub(r"(`|file://)(?:[\w.-]+/)+(?=[\w.$-]+/?)", r"\1", text())


def prepare() -> None:
    """A fresh checkout has no compiled facts: reading them makes the file."""
    for package in facts.PACKAGES:
        facts.load(package)


def requests(group: str) -> dict[str, dict[str, Any]]:
    """`plans` or `refused`, by name."""
    read: dict[str, dict[str, Any]] = yaml.safe_load((ASKED / "requests.yaml").read_text(encoding="utf-8"))[group]
    return read


def sentences() -> list[str]:
    read: list[str] = yaml.safe_load((ASKED / "sentences.yaml").read_text(encoding="utf-8"))["sentences"]
    return read


def questions() -> dict[str, dict[str, Any]]:
    """Different questions of the published measurements, by the row that asks them, evenly over all files."""
    seen: dict[str, dict[str, Any]] = {}
    for sample in samples():
        asked = {key: value for key, value in sample.question.items() if key != "id"}
        seen.setdefault(json.dumps(asked, sort_keys=True), {**asked, "id": sample.name})
    every = list(seen.values())
    return {one["id"]: one for one in (every[n * len(every) // QUESTIONS] for n in range(QUESTIONS))}


def _examples() -> Texts:
    found = sorted((ROOT / "examples").glob("*/request.yaml"))
    return {path.parent.name: partial(_example, path) for path in found}


def _example(path: Path) -> str:
    return planner.plan(Request.read(path), now=NOW).to_json()


def _plans(group: str) -> Texts:
    return {name: partial(_planned, keys) for name, keys in requests(group).items()}


def _planned(keys: Mapping[str, Any]) -> str:
    return _or_refusal(lambda: planner.plan(validated(dict(keys), Request, where="request"), now=NOW).to_json())


def _estimates() -> Texts:
    return {name: partial(_estimated, one) for name, one in questions().items()}


def _estimated(question: Mapping[str, Any]) -> str:
    """Ask the batch interface: a line of JSON in, a line out."""
    return "\n".join(estimate.answers([json.dumps(question)]))


def _bills() -> Texts:
    return {f"{folder.name}/{form}": partial(_billed, folder, form) for folder in write_bills.cases() for form in write_bills.FORMS}


def _billed(folder: Path, form: str) -> str:
    return write_bills.written(folder)[form]


def _explained(question: str) -> str:
    """All that is known of the answer, and what a person reads."""

    def said() -> str:
        found, out = wrong_claims.answer(question), io.StringIO()
        answer.show(Screen(environment={}, out=out, err=out), found)
        return f"{json.dumps(dataclasses.asdict(found), indent=1)}\n{out.getvalue()}"

    return _or_refusal(said)


def _or_refusal(text: Text) -> str:
    """Return the text, or the type of a refusal without its module, its exit code and what it says."""
    try:
        return text()
    except InferstackError as error:
        return f"{type(error).__name__}, exit code {error.code}\n{error.message}\n{error.hint}\n"
