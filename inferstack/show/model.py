"""A model for people: its shape, its counts, where its bytes are, and the KV cache of a token."""

from __future__ import annotations

from typing import Any

from inferstack.cli.screen import Screen
from inferstack.show import tables
from inferstack.show.tables import name, number, words

HEADS = (
    name("model"),
    name("architecture", 4),
    number("B"),
    number("B active", 2),
    name("format"),
    number("context", 1),
    name("licence", 3),
    words("from", 5),
)


def show(screen: Screen, told: dict[str, Any]) -> None:
    counts = told["parameters"]
    screen.say(f"{told['id']} ({told['architecture']}), {told['format']}")
    screen.say(f"  source: {told['source']}")
    screen.say(f"  layers: {'; '.join(_layers(one) for one in told['layers'])}")
    of_heads = f"{told['kv_heads']} KV heads of {told['head_dim']}" if told["head_dim"] else told["layers"][-1]["attention"].upper()
    heads = f"{told['heads']} heads, {of_heads}"
    screen.say(f"  hidden {told['hidden_size']:,}, {heads}, vocabulary {told['vocabulary']:,}, context {told['max_positions']:,}")
    if told["experts"]:
        screen.say(f"  experts: {told['experts']}, {told['experts_per_token']} for each token")
    screen.say(
        f"  parameters: {_billions(counts['total'])} in all, {_billions(counts['active'])} active, {_billions(counts['stored'])} stored"
    )
    size = f"{told['checkpoint_bytes'] / 1e9:,.2f} GB ({told['checkpoint_bytes']:,} bytes, {told['checkpoint_bytes_from']})"
    screen.say(f"  checkpoint: {size}")
    whole = sum(told["bytes"].values())
    rows = [(part, f"{held / 2**30:,.2f}", f"{held / whole:.1%}") for part, held in told["bytes"].items()]
    tables.table(screen, (name("part"), number("GiB"), number("share")), rows, indent="  ")
    for stored, cost in told["kv_bytes_per_token"].items():
        screen.say(f"  KV cache in {stored}: {_kv(cost)}")
    screen.say(f"  licence: {told['license'] or 'not known'}{', gated' if told['gated'] else ''}")
    for note in told["not_verified"]:
        screen.say(f"  not verified: {note}")


def table(screen: Screen, rows: list[dict[str, Any]], *, of: int) -> None:
    tables.table(screen, HEADS, [_row(row) for row in rows])
    screen.say(f"{len(rows)} of {of} models")


def _row(row: dict[str, Any]) -> tuple[object, ...]:
    counts = (f"{row['parameters'] / 1e9:,.1f}", f"{row['active'] / 1e9:,.1f}")
    return (row["id"], row["architecture"], *counts, row["format"], f"{row['max_positions']:,}", row["license"] or "-", row["source"])


def _layers(group: dict[str, Any]) -> str:
    reach = f" over {group['span_tokens']:,} tokens" if group["span_tokens"] else ""
    return f"{group['n']} x {group['attention']}{reach} + {group['ffn']}"


def _billions(count: int) -> str:
    return f"{count / 1e9:,.2f} B"


def _kv(cost: dict[str, float]) -> str:
    parts = [f"{cost['all_tokens'] / 1024:,.1f} KiB a token"]
    parts += [f"{cost['within_span'] / 1024:,.1f} KiB a token within the window"] if cost["within_span"] else []
    parts += [f"{cost['state_a_request'] / 2**20:,.1f} MiB of state a request"] if cost["state_a_request"] else []
    return ", ".join(parts)
