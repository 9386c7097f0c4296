"""docs/reference/resources.md: the resource types that the program registers, and how each is priced."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator

from inferstack.pricing.bill.registration import Registration
from inferstack.records.preview import Bill, BillLine
from tools.reference import program
from tools.reference.markdown import code, page, table
from tools.reference.program import RecordedProgram

INTRODUCTION = """
What a stack is made of, from a run of the program itself: a base, and a cluster of one node a replica with `egress: nat`. With
`egress: none` there is no address, gateway and route; with a network of yours (`vpc_id`) there is no network and no endpoint; a
replica that spans nodes adds rules between its nodes.

Every resource ends in exactly one of **priced**, **free**, **usage-based** and **unpriced** ([ADR
8](../adr/0008-nothing-is-silent.md)). Prices are list prices of us-east-1 with the day they were read; the facts and their
sources are in `inferstack/pricing/facts/`. A type that is not classified is unpriced, and a GPU without a price refuses the total.
"""
GROUP = "aws:autoscaling/group:Group"


def text() -> str:
    base, cluster = program.base(), program.cluster()
    return page(
        "Resources",
        INTRODUCTION,
        "## Base stack\n",
        "Long-lived: it is protected, and `inferstack down` of a real stack keeps it.\n",
        _table(base),
        "## Cluster stack\n",
        "Everything that is billed by the hour. `inferstack down` removes it.\n",
        _table(cluster),
        "Besides these the program registers components of its own (`inferstack:infra:...`), which group the resources and cost nothing.\n",
    )


def types(found: RecordedProgram) -> list[str]:
    """Return AWS's types, each once, in the order of registration."""
    return list(dict.fromkeys(one.type for one in found.registrations if one.type.startswith("aws:")))


def _table(found: RecordedProgram) -> str:
    number = Counter(one.type for one in found.registrations)
    rows = [(code(kind), number[kind], *_priced(found.bills[-1], kind)) for kind in types(found)]
    return table(("type", "how many", "bucket", "what is charged", "as of"), rows)


def _priced(bill: Bill, kind: str) -> tuple[str, str, str]:
    lines = [line for line in bill.lines if line.resource_type == kind]
    buckets = dict.fromkeys(line.bucket for line in lines)
    said = dict.fromkeys(_said(line) for line in lines)
    dates = sorted({str(line.as_of) for line in lines if line.as_of})
    return ", ".join(buckets), "; ".join(filter(None, said)), ", ".join(dates)


def _said(line: BillLine) -> str:
    if line.resource_type == GROUP and line.gpu_bearing:
        return "its instances, by type; a group is billed at its largest size"
    if line.unit_price_usd is None:
        return line.note if line.bucket == "free" else f"{line.component}: {line.note}"
    unit = f" ${line.unit_price_usd:g} per {line.unit}" if line.unit else ""
    return f"{line.component}{unit}"


def registrations() -> Iterator[Registration]:
    for found in (program.base(), program.cluster()):
        yield from found.registrations
