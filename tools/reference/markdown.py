"""Tables and headings of the generated pages."""

from __future__ import annotations

from collections.abc import Iterable, Sequence


def table(heads: Sequence[str], rows: Iterable[Sequence[object]]) -> str:
    lines = [heads, ["---"] * len(heads), *rows]
    return "".join("| " + " | ".join(cell(one) for one in line) + " |\n" for line in lines)


def cell(value: object) -> str:
    return " ".join(str(value).split()).replace("|", "\\|") if value not in (None, "") else ""


def code(value: object) -> str:
    return f"`{value}`" if value not in (None, "") else ""


def page(title: str, *parts: str) -> str:
    return "\n".join([f"# {title}\n", *(part.strip("\n") + "\n" for part in parts if part)])
