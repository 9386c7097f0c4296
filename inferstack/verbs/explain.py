"""`inferstack explain`: the sum behind a plan, a request or a claim."""

from __future__ import annotations

import dataclasses
from pathlib import Path
from typing import Annotated, Any

import typer

from inferstack.chain import planning
from inferstack.cli import options, request_flags
from inferstack.cli.command import Command, begin
from inferstack.cli.options import DEFAULT_STACK, ExpiresIn, Json, MaxUsdInAll, Stack, Verbose, Yes
from inferstack.cli.screen import Screen
from inferstack.records.errors import InputError
from inferstack.records.files.reading import read_mapping
from inferstack.records.plan import Plan
from inferstack.verbs.plan import LIMITS, request_of

FILES = (".json", ".yaml", ".yml")
SPOKEN = ("as_json", "yes", "verbose")
NOT_ASKED = ("context", "words", "stack", *SPOKEN)
Words = Annotated[
    list[str] | None,
    typer.Argument(
        metavar="PLAN.json|REQUEST.yaml|QUESTION",
        help="A plan, a request, or a question in words. Default: the stack's newest plan.",
        show_default=False,
    ),
]


def app() -> typer.Typer:
    return options.one(request_flags.with_flags_of_a_request(explain, before="max_usd"))


def explain(
    context: typer.Context,
    words: Words = None,
    max_usd: MaxUsdInAll = None,
    expires_in: ExpiresIn = None,
    stack: Stack = DEFAULT_STACK,
    as_json: Json = False,
    yes: Yes = False,
    verbose: Verbose = False,
    **request: Any,
) -> int:
    """Show the calculation: memory by part, time by term, what bounds it, how sure it is. Writes nothing."""
    return _explain(context.params)


def _explain(params: dict[str, Any]) -> int:
    """Exit code 0. Raises InputError for a question that it does not understand, Finding for a request that nothing serves."""
    at = begin("explain", params["stack"], **{name: params[name] for name in (*SPOKEN, *LIMITS)})
    words: list[str] = params["words"] or []
    if words and not _is_file(words):
        return _answer(at.screen, " ".join(words), flags=_given(params))
    plan = _plan(at, Path(words[0]) if words else None, params)
    from inferstack.show import explain as render_explain
    from sizing.explaining import breakdown

    found = breakdown.of_plan(plan)
    at.screen.answer({"plan": _named(plan), "breakdown": _plain(found)})
    render_explain.show(at.screen, plan, found)
    return 0


def _is_file(words: list[str]) -> bool:
    return len(words) == 1 and (words[0].endswith(FILES) or Path(words[0]).is_file())


def _given(params: dict[str, Any]) -> list[str]:
    return [name for name, value in params.items() if name not in NOT_ASKED and value not in (None, [], ())]


def _plan(at: Command, file: Path | None, params: dict[str, Any]) -> Plan:
    given = _given(params)
    if file is None and not given:
        return planning.read_plan(at.run().path(Plan))
    if file is not None and "engine_flags" in read_mapping(file)[0]:
        if given:
            raise InputError(f"{file} is a plan and cannot be combined with request flags: {_dashed(given)}", hint="leave the flags out")
        return planning.read_plan(file)
    flags = {name: value for name, value in params.items() if name not in ("context", "words")}
    return planning.computed(at, request_of(at, {**flags, "file": file}))


def _answer(screen: Screen, question: str, *, flags: list[str]) -> int:
    from sizing.explaining import wrong_claims

    if flags:
        raise InputError(f"a question in words cannot be combined with request flags: {_dashed(flags)}", hint="state them in the question")
    from inferstack.show import answer

    found = wrong_claims.answer(question)
    screen.answer(_plain(found))
    answer.show(screen, found)
    return 0


def _dashed(names: list[str]) -> str:
    return ", ".join(request_flags.spelling(name) for name in names)


def _named(plan: Plan) -> dict[str, Any]:
    return plan.model_dump(mode="json", include={"instance_type", "instance_count", "region", "usd_per_hour", "engine_flags", "request"})


def _plain(found: Any) -> dict[str, Any]:
    """Return a dataclass with records inside as plain values."""
    return {name: _plain_value(getattr(found, name)) for name in _names(found)}


def _names(found: Any) -> list[str]:
    computed = [name for name, one in vars(type(found)).items() if isinstance(one, property)]
    return [field.name for field in dataclasses.fields(found)] + computed


def _plain_value(value: Any) -> Any:
    if hasattr(value, "model_dump"):
        return value.model_dump(mode="json")
    if dataclasses.is_dataclass(value):
        return _plain(value)
    if isinstance(value, tuple | list):
        return [_plain_value(one) for one in value]
    if isinstance(value, dict):
        return {name: _plain_value(one) for name, one in value.items()}
    return value
