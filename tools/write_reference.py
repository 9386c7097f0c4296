"""Writes the generated pages of docs/reference and the index of docs/adr from the code; `--check` only compares."""

from __future__ import annotations

import sys
from collections.abc import Callable, Mapping
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
sys.path.insert(0, str(ROOT))

from tools.reference import (  # noqa: E402
    adr,
    api_page,
    bill_page,
    claims_page,
    commands,
    errors,
    estimate_page,
    faults,
    flags,
    licences_page,
    permissions,
    prices_page,
    records_page,
    resources,
    settings_page,
)

DOCS = ROOT / "docs"
MADE = "<!-- Made by `make docs` from the code; changes here are overwritten. -->\n\n"
PAGES: Mapping[str, Callable[[], str]] = {
    "reference/command-line.md": commands.text,
    "reference/settings.md": settings_page.text,
    "reference/exit-codes.md": errors.text,
    "reference/bill.md": bill_page.text,
    "reference/estimate.md": estimate_page.text,
    "reference/records.md": records_page.text,
    "reference/resources.md": resources.text,
    "reference/permissions.md": permissions.text,
    "reference/prices.md": prices_page.text,
    "reference/faults.md": faults.text,
    "reference/engine-flags.md": flags.text,
    "reference/claims.md": claims_page.text,
    "reference/licences.md": licences_page.text,
    "reference/api.md": api_page.text,
    "adr/README.md": adr.text,
}


def main(arguments: list[str]) -> int:
    wanted, documents = pages(), permissions.files()
    if "--check" in arguments:
        stale = [f"docs/{name}" for name in stale_in(DOCS, wanted)] + stale_in(ROOT, documents)
        print("\n".join(f"{name} is stale: make docs" for name in stale))
        return 1 if stale else 0
    for name, text in wanted.items():
        (DOCS / name).parent.mkdir(parents=True, exist_ok=True)
        (DOCS / name).write_text(text, encoding="utf-8")
    for name, text in documents.items():
        (ROOT / name).parent.mkdir(parents=True, exist_ok=True)
        (ROOT / name).write_text(text, encoding="utf-8")
    return 0


def pages() -> dict[str, str]:
    """Path below docs/ -> its whole text."""
    return {name: MADE + text().rstrip() + "\n" for name, text in PAGES.items()}


def stale_in(folder: Path, wanted: Mapping[str, str]) -> list[str]:
    """Pages that are missing or differ."""
    return [name for name, text in wanted.items() if not (folder / name).exists() or (folder / name).read_text(encoding="utf-8") != text]


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
