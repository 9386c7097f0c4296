"""Write the bills of `examples/bills` in every form, and the two programs recorded there: `python tools/write_bills.py`.

The sums in their README.md are worked out by hand and never written here.
"""

from __future__ import annotations

import json
import sys
from collections.abc import Mapping
from datetime import UTC, datetime
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
sys.path.insert(0, str(ROOT))

from inferstack.cli.screen import Screen  # noqa: E402
from inferstack.pricing.bill import usage  # noqa: E402
from inferstack.records.record import write_text  # noqa: E402
from inferstack.records.registrations import BillRecord, Registered, Registrations  # noqa: E402
from inferstack.show import bill as render_bill  # noqa: E402
from inferstack.show import bill_markdown  # noqa: E402
from inferstack.verbs import bill  # noqa: E402

FOLDER = ROOT / "examples" / "bills"
PRICED_ON = datetime(2026, 11, 27, tzinfo=UTC)
FORMS = ("bill.txt", "bill.json", "bill.md")


def main() -> None:
    for name, hours in (("base-only", None), ("nat-usage", 4.0)):
        record(name, hours)
    for folder in cases():
        for form, text in written(folder).items():
            print(write_text(folder / form, text).relative_to(ROOT))


def cases() -> list[Path]:
    return sorted(path.parent for path in FOLDER.glob("*/registrations.json"))


def priced(folder: Path) -> BillRecord:
    file = folder / usage.FILE_NAME
    said = usage.read(file) if file.exists() else usage.Usage()
    return bill.priced(folder / Registrations.file_name, usage=said, now=PRICED_ON)


def written(folder: Path) -> Mapping[str, str]:
    """The three forms by their file name."""
    import io

    found = priced(folder)
    out = io.StringIO()
    render_bill.show(Screen(environment={}, out=out, err=out), found.bill)
    return dict(zip(FORMS, (out.getvalue(), found.to_json(), bill_markdown.text(found)), strict=True))


def record(name: str, hours: float | None) -> None:
    """What the program registers, with its tags, on Pulumi's mocks."""
    from tools.reference import program

    found = program.base() if name == "base-only" else program.cluster()
    resources = [
        Registered(type=one.type, name=one.name, urn=one.urn, inputs=dict(one.inputs), refs=_sorted(one.refs))
        for one in found.registrations
    ]
    document = Registrations(region=program.REGION, hours_until_expiry=hours, resources=tuple(resources))
    text = json.dumps(document.model_dump(mode="json", exclude_defaults=True) | {"schema_version": 1}, indent=1)
    write_text(FOLDER / name / Registrations.file_name, f"{text}\n")


def _sorted(refs: Mapping[str, tuple[str, ...]]) -> dict[str, tuple[str, ...]]:
    """The SDK gathers dependencies in sets, whose order is another in each run."""
    return {name: tuple(sorted(urns)) for name, urns in refs.items()}


if __name__ == "__main__":
    main()
