"""The licence of a model and what it asks of whoever serves it: facts, not legal advice; unknown is said."""

from __future__ import annotations

import functools
import re
from collections.abc import Mapping
from typing import Any

from inferstack.records.errors import Finding
from inferstack.records.files.facts import load
from inferstack.records.plan import Licence
from sizing.models.shape import ModelShape


def of_model(shape: ModelShape) -> Licence:
    """Return the licence by the tag of the model's record, else by its family (then `basis` says so), else unknown."""
    tagged = _known().get(shape.license or "")
    if tagged:
        return _licence(tagged, shape, basis=f"licence tag {shape.license} of the model's record")
    for row in _facts()["by_model"]:
        if re.search(row["pattern"], shape.id.lower()):
            return _of_family(_known()[row["license"]], shape, row)
    said = f"the tag {shape.license!r} is not among the known licences" if shape.license else "no licence tag of this model is known"
    return Licence(
        id="unknown", name="unknown", known=False, gate=shape.gated, commercial_use="unknown",
        duties=("read the model card and the licence",), basis=said, source=shape.source, as_of=_facts()["as_of"],
    )  # fmt: skip


def refuse(shape: ModelShape, domicile: str | None) -> None:
    """Raises Finding where the licence grants nothing to who serves it. Where nobody said, a plan shows the clause."""
    found = of_model(shape)
    if domicile == "eu" and found.eu_excluded:
        raise Finding(
            f"licence: the {found.name} of {shape.id}: {found.eu_rule}",
            hint="choose a model without this clause; the domicile of the licensee counts, not the region of the instance",
        )


def short(licence: Licence) -> tuple[str, str]:
    """Two lines for a plan: what it is and its gates; what must be done."""
    if not licence.known:
        return f"licence: unknown ({licence.basis})", "  read the model card and the licence before serving it"
    gates = ["accept it on the hub before the download"] if licence.gate else []
    limit = f"up to {licence.mau_limit / 1e6:,.0f} M monthly active users" if licence.mau_limit else licence.commercial_use
    gates.append(f"commercial use: {limit}")
    if licence.basis.startswith("assumed"):
        gates.append("assumed from its family")
    if licence.eu_excluded:
        gates.append("NOT for licensees domiciled in the EU")
    display = [f'show "{licence.display}"'] if licence.display else []
    notice = ["Notice file and a copy of the licence with the weights"] if licence.notice else list(licence.duties[:1])
    prefix = [f'names of models made with it begin "{licence.name_prefix}"'] if licence.name_prefix else []
    policy = [f"policy: {licence.policy_url}"] if licence.policy_url else []
    return f"licence: {licence.name}; {', '.join(gates)}", "  asks: " + "; ".join([*display, *notice, *prefix, *policy])


def _of_family(record: Mapping[str, Any], shape: ModelShape, row: Mapping[str, Any]) -> Licence:
    """Whether the hub asks for acceptance is a matter of the one checkpoint: not carried over from the family."""
    how = "assumed, read the model card" if row["kind"] == "assumed" else "of its family"
    return _licence(record, shape, basis=f"{how}: {row['source']}").model_copy(update={"gate": shape.gated})


def _licence(record: Mapping[str, Any], shape: ModelShape, *, basis: str) -> Licence:
    eu = record["eu"]
    excluded = bool(eu) and (bool(shape.vision_params) or "vision" in shape.id.lower())
    return Licence(
        id=record["id"],
        name=record["name"],
        known=True,
        gate=shape.gated if shape.gated is not None else record["gate"],
        commercial_use=record["commercial"],
        mau_limit=record["mau_limit"],
        mau_rule=record["mau_rule"],
        notice=record["notice"],
        display=record["display"],
        name_prefix=record["name_prefix"],
        name_rule=record["name_rule"],
        outputs=record["outputs"],
        eu_excluded=excluded,
        eu_rule=_eu_rule(eu["source"]) if excluded else None,
        policy_url=record["policy_url"],
        duties=tuple(record["duties"]),
        basis=basis,
        source=record["source"],
        as_of=_facts()["as_of"],
    )


def _eu_rule(source: str) -> str:
    return (
        "no rights are granted to persons domiciled in, or companies with their principal place of business in, the European Union; users "
        f"of a product that contains the model are not affected; the region of the instance does not matter ({source})"
    )


@functools.cache
def _known() -> dict[str, Mapping[str, Any]]:
    return {record["id"]: record for record in _facts()["records"]}


def _facts() -> dict[str, Any]:
    return dict(load("sizing")["licences"]["known"])
