"""Inputs that decide a price and that no rule of this bill reads: what they are set to makes a line unpriced, never silently cheaper.

`facts/inputs.yaml` names them for each priced type; a test holds the table equal to the inputs of the provider's schema.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from typing import Any

from inferstack.pricing.bill.lines import unpriced
from inferstack.pricing.bill.registration import UNKNOWN, Registration
from inferstack.records.files.facts import load
from inferstack.records.preview import BillLine

OWN_REGION = "@region"


def held(one: Registration, lines: Iterable[BillLine], *, region: str | None) -> Iterator[BillLine]:
    """The lines of a resource, less the price of those that a set input decides, and a line for each charge that comes on top."""
    found = tuple(_found(one, region))
    instead = next(((path, why) for path, why, adds in found if not adds), None)
    for line in lines:
        if instead:
            yield unpriced(one, line.component, _says(*instead), gpu_bearing=line.gpu_bearing)
        else:
            yield line
    yield from (unpriced(one, path, _says(path, why)) for path, why, adds in found if adds)


def table() -> Mapping[str, Any]:
    """Return, for each Pulumi type, which inputs decide a price: `adds` and `decides` map a path to what is charged, `harmless` a path
    to the values that decide nothing."""
    facts: dict[str, Any] = load("pricing")["inputs"]
    return {**facts["types"], **{kind: facts["types"][other] for kind, other in facts["same_as"].items()}}


def _found(one: Registration, region: str | None) -> Iterator[tuple[str, str, bool]]:
    known = _known(one.type)
    for name, adds in (("decides", False), ("adds", True)):
        for path, why in known.get(name, {}).items():
            harmless = [region if value == OWN_REGION else value for value in known.get("harmless", {}).get(path, ())]
            if any(_sets(value, harmless) for value in _at(one.inputs, path.split("."))):
                yield path, why, adds


def _known(kind: str) -> Mapping[str, Any]:
    facts: dict[str, Any] = load("pricing")["inputs"]
    found: dict[str, Any] = facts["types"].get(facts["same_as"].get(kind, kind), {})
    return found


def _sets(value: Any, harmless: Iterable[Any]) -> bool:
    """Whether a value asks for anything: what is empty, off or named as harmless does not; what is unknown may."""
    if value is None or value is False or value in ("", "false", 0, "0") or value in ([], {}, ()):
        return False
    return value == UNKNOWN or str(value).lower() not in {str(one).lower() for one in harmless}


def _at(value: Any, path: list[str]) -> Iterator[Any]:
    """Every value at a path; `*` goes through a list. What is unknown on the way is unknown at its end."""
    if not path:
        yield value
    elif value == UNKNOWN:
        yield UNKNOWN
    elif path[0] == "*":
        for inner in value if isinstance(value, list | tuple) else ():
            yield from _at(inner, path[1:])
    elif isinstance(value, Mapping) and path[0] in value:
        yield from _at(value[path[0]], path[1:])


def _says(path: str, why: str) -> str:
    return f"{path} affects its price ({why}), but no rule of the bill reads it"
