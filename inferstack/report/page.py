"""The whole page: one file that opens offline. Its policy lets it load nothing and run its one script alone."""

from __future__ import annotations

import base64
import hashlib
from datetime import UTC
from html import escape
from pathlib import Path

from inferstack.report import comparison, money, outcome, sections
from inferstack.report.contents import Contents

HERE = Path(__file__).parent
SECTIONS = (
    sections.decision,
    sections.why,
    sections.candidates,
    sections.memory,
    sections.latency,
    money.cost,
    comparison.bought,
    money.options,
    comparison.turning,
    comparison.owned,
    sections.ready,
    outcome.measured,
    outcome.receipt,
    sections.licence,
    sections.rejected,
    sections.grounds,
)
LINKS = {
    "decision": "decision",
    "candidates": "candidates",
    "memory-of-a-gpu": "memory",
    "latency": "latency",
    "cost": "cost",
    "bought": "ways to buy",
    "options": "ways to buy",
    "break-even": "self-host or buy tokens",
    "totals": "over the years",
    "measured": "measured",
    "rejected": "rejected",
    "grounds": "sources",
}


def page(contents: Contents) -> str:
    """HTML 5. The same contents give the same bytes."""
    body = "".join(one(contents) for one in SECTIONS)
    style, script = _asset("style.css"), _asset("script.js")
    policy = f"default-src 'none'; style-src 'unsafe-inline'; script-src 'sha256-{_digest(script)}'; base-uri 'none'; form-action 'none'"
    title = f"{contents.plan.model.id} on {contents.plan.instance_count} x {contents.plan.instance_type}"
    links = "".join(f'<a href="#{name}">{says}</a>' for name, says in LINKS.items() if f'<section id="{name}"' in body)
    return (
        '<!DOCTYPE html>\n<html lang="en">\n<head>\n<meta charset="utf-8">\n'
        f'<meta http-equiv="Content-Security-Policy" content="{policy}">\n'
        '<meta name="viewport" content="width=device-width, initial-scale=1">\n'
        f"<title>{escape(title)}</title>\n<style>\n{style}</style>\n</head>\n<body>\n"
        f"<header><h1>{escape(title)}</h1>\n{_made(contents)}<nav>{links}</nav></header>\n<main>\n{body}</main>\n"
        f"<script>{script}</script>\n</body>\n</html>\n"
    )


def _made(contents: Contents) -> str:
    at = f"{contents.made_at.astimezone(UTC):%Y-%m-%d %H:%M} UTC"
    where = f", stack {contents.stack}" if contents.stack else ""
    run = f", run {contents.run}" if contents.run else ""
    badge = '<p><span class="badge">rehearsal: nothing was built on AWS</span></p>\n' if contents.rehearsal else ""
    return (
        f'<p class="small">inferstack report of {at}{escape(where)}{escape(run)}; planned {contents.plan.created_at:%Y-%m-%d}</p>\n{badge}'
    )


def _asset(name: str) -> str:
    return (HERE / name).read_text(encoding="utf-8")


def _digest(script: str) -> str:
    return base64.b64encode(hashlib.sha256(script.encode()).digest()).decode()
