"""The resources of a program from a file: the engine's own preview (`pulumi preview --json --show-sames`) or a registrations.json."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from inferstack.pricing.bill.registration import Registration, mapping
from inferstack.records.errors import InputError
from inferstack.records.files import text_files
from inferstack.records.files.reading import validated
from inferstack.records.registrations import Registrations

MAX_FILE_BYTES = 256 * 2**20
STACK = "pulumi:pulumi:Stack"
PROVIDER = "pulumi:providers:aws"
OURS = "aws:"
GONE = ("delete", "delete-replaced", "discard", "discard-replaced", "remove-pending-replace", "read", "read-discard", "read-replacement")
HOW = "create it with pulumi preview --json --show-sames"


@dataclass(frozen=True)
class Program:
    """`region` and `hours_until_expiry` are None where the file does not say them."""

    registrations: tuple[Registration, ...]
    region: str | None
    hours_until_expiry: float | None = None


def read(path: Path) -> Program:
    """Raises InputError: not there, not JSON, neither form, or a preview without what stays the same."""
    content = _json(path)
    if "steps" in content:
        return of_preview(content, where=str(path))
    if "resources" not in content:
        raise InputError(f"{path}: has neither steps (a Pulumi preview) nor resources (a registrations.json)", hint=HOW)
    return _of_record(validated(content, Registrations, where=str(path)))


def of_preview(content: Mapping[str, Any], *, where: str) -> Program:
    """A resource that is replaced has several steps and is one registration; what is deleted or only read is none."""
    states: dict[str, Mapping[str, Any]] = {}
    for state in _new_states(content, where):
        states[str(state["urn"])] = state
    _refuse_failed(content, where)
    if not any(state.get("type") == STACK for state in states.values()):
        raise InputError(f"{where}: steps: the stack itself is missing, so it contains only the changes", hint=HOW)
    region = _region(content, states)
    return Program(tuple(_registration(state, states, region) for state in states.values()), region)


def _of_record(record: Registrations) -> Program:
    found = tuple(
        Registration(one.type, one.name, one.urn or f"{one.type}::{one.name}", one.inputs, one.refs, region=one.provider_region)
        for one in record.resources
    )
    return Program(found, record.region, record.hours_until_expiry)


def _new_states(content: Mapping[str, Any], where: str) -> Iterator[Mapping[str, Any]]:
    steps = content["steps"]
    if not isinstance(steps, list):
        raise InputError(f"{where}: steps: must be a list", hint=HOW)
    for number, step in enumerate(steps):
        if not isinstance(step, Mapping) or not isinstance(step.get("op"), str):
            raise InputError(f"{where}: steps.{number}: has no op", hint=HOW)
        state = step.get("newState")
        if step["op"] in GONE or not isinstance(state, Mapping):
            continue
        if not isinstance(state.get("urn"), str) or not isinstance(state.get("type"), str):
            raise InputError(f"{where}: steps.{number}.newState: has no urn or no type", hint=HOW)
        yield state


def _refuse_failed(content: Mapping[str, Any], where: str) -> None:
    """A preview that ended in an error holds the resources up to there: their sum is no bill."""
    diagnostics = content.get("diagnostics")
    errors = [one for one in (diagnostics if isinstance(diagnostics, list) else ()) if mapping(one).get("severity") == "error"]
    if errors:
        said = " ".join(str(mapping(errors[0]).get("message", "")).split())
        raise InputError(
            f"{where}: the preview failed, so it does not show the whole program: {said:.200}", hint="correct the program first"
        )


def _registration(state: Mapping[str, Any], states: Mapping[str, Mapping[str, Any]], region: str | None) -> Registration:
    refs = {name: tuple(map(str, urns)) for name, urns in mapping(state.get("propertyDependencies")).items() if urns}
    name = state["urn"].rsplit("::", 1)[-1]
    where = _of_provider(state, states)
    return Registration(
        type=state["type"],
        name=name,
        urn=state["urn"],
        inputs=mapping(state.get("inputs")),
        refs=refs,
        region=None if where == region else where,
        component=state.get("custom") is False and state["type"] != STACK,
    )


def _of_provider(state: Mapping[str, Any], states: Mapping[str, Mapping[str, Any]]) -> str | None:
    """The region of the provider that a resource names (`urn::id`); None where it names none, or one that says no region."""
    said = str(state.get("provider", ""))
    provider = states.get(said) or states.get(said.rpartition("::")[0])
    named = mapping(provider.get("inputs")).get("region") if provider else None
    return str(named) if named else None


def _region(content: Mapping[str, Any], states: Mapping[str, Mapping[str, Any]]) -> str | None:
    """Return the region of the configuration, else of the default provider, else of the only provider that names one."""
    configured = mapping(content.get("config")).get("aws:region")
    if isinstance(configured, str):
        return configured
    providers = [state for state in states.values() if state.get("type") == PROVIDER and mapping(state.get("inputs")).get("region")]
    default = {str(mapping(state["inputs"])["region"]) for state in providers if state["urn"].rsplit("::", 1)[-1].startswith("default")}
    named = default or {str(mapping(state["inputs"])["region"]) for state in providers}
    if len(named) == 1:
        return named.pop()
    each = [_of_provider(state, states) for state in states.values() if str(state.get("type", "")).startswith(OURS)]
    return each[0] if each and all(each) else None


def _json(path: Path) -> dict[str, Any]:
    text = text_files.read(path, most_bytes=MAX_FILE_BYTES)
    try:
        content = json.loads(text)
    except json.JSONDecodeError as error:
        raise InputError(f"{path}:{error.lineno}: not JSON: {error.msg}", hint=HOW) from None
    except RecursionError:
        raise InputError(f"{path}: is not JSON", hint=HOW) from None
    if not isinstance(content, dict):
        raise InputError(f"{path}: contains no JSON object", hint=HOW)
    return content
