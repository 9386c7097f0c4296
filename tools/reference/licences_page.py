"""docs/reference/licences.md: what the known licences ask of whoever serves a model, and the guard models of the facts."""

from __future__ import annotations

from typing import Any

from inferstack.records.files.facts import load
from tools.reference.markdown import code, page, table

INTRODUCTION = """
What `plan` prints of a model's licence, and `plan.json` holds under `licence`. Facts read from the licences at their date, not
legal advice: the text of the licence decides. A model whose licence is not among them is planned with `licence: unknown`.
"""
EUROPE = """
**The clause on the European Union** of Llama 3.2, 3.3 and 4 stands in their acceptable use policies and concerns multimodal models:
3.2 Vision 11B and 90B, and every Llama 4. No rights are granted to persons domiciled, or companies with their principal place of
business, in the European Union. Users of a product that contains the model are not meant, and the region of the instance does not matter.
"""
GUARDS = """
## Guard models

`--guard ID` (or `guards` in a request) plans a safety model beside the model: on the CPU of the nodes (classifiers), on a GPU of
each replica where memory and time are spare, else on nodes of its own. The plan gives its memory, the time that it adds to a
request and its price, and the reason for each place that was passed over. `up` does not start guards.
"""


def text() -> str:
    facts = load("sizing")["licences"]["known"]
    return page(
        "Licences of models, and guards",
        INTRODUCTION,
        f"As of {facts['as_of']}.\n",
        table(("id", "licence", "commercial use", "accept on the hub", "monthly users", "must be shown", "name of derived models"),
              map(_row, facts["records"])),
        EUROPE,
        *(_duties(record) for record in facts["records"]),
        GUARDS,
        table(("id", "way", "checks", "tokens beside the text", "from"), map(_guard, load("sizing")["guards"]["known"]["records"])),
        "\n".join(f"- {one['name']}: {one['where']}" for one in load("sizing")["guards"]["known"]["named_only"]) + "\n",
    )  # fmt: skip


def _row(record: dict[str, Any]) -> tuple[str, ...]:
    limit = f"{record['mau_limit'] / 1e6:,.0f} M" if record["mau_limit"] else ""
    prefix = f"begin {record['name_prefix']}" if record["name_prefix"] else ""
    gate = "yes" if record["gate"] else "no"
    return code(record["id"]), record["name"], record["commercial"], gate, limit, record["display"] or "", prefix


def _duties(record: dict[str, Any]) -> str:
    lines = [f"- {one}" for one in record["duties"]]
    lines += [f"- monthly users: {record['mau_rule']}"] if record["mau_rule"] else []
    lines += [f"- notice: {record['notice']}"] if record["notice"] else []
    lines += [f"- outputs: {record['outputs']}", *([f"- policy: {record['policy_url']}"] if record["policy_url"] else [])]
    return f"### {record['name']}\n\n" + "\n".join([*lines, f"- source: {record['source']}"]) + "\n"


def _guard(record: dict[str, Any]) -> tuple[str, ...]:
    tokens = (
        f"{record['policy_tokens']} in, {record['answer_tokens']} out"
        if "policy_tokens" in record
        else f"windows of {record['window_tokens']}"
    )
    return record["id"], record["way"], ", ".join(record["sides"]), tokens, f"{record['kind']}: {record['source']}"
