"""inferstack.report.svg: what others wrote cannot end an attribute or an element, and no other file writes SVG by hand."""

from __future__ import annotations

import re
from pathlib import Path
from xml.etree import ElementTree

from inferstack.report import svg

ROOT = Path(__file__).resolve().parents[2]
HOSTILE = """a"b'<c>&d"""


def test_text_of_others_stays_text() -> None:
    """A model's name with quotes and angle brackets, in an attribute, in a title and as text."""
    parts = [svg.text(1, 2.5, HOSTILE, fill=HOSTILE), svg.dot(1, 2, "chosen", says=HOSTILE)]
    found = ElementTree.fromstring(svg.document(10, 20, parts, font_size=12, sized=True, role="img"))
    text, dot = found
    assert (HOSTILE, HOSTILE, HOSTILE) == (text.text, text.get("fill"), dot[0].text)
    assert ("10", "20", "0 0 10 20") == (found.get("width"), found.get("height"), found.get("viewBox"))


def test_no_other_file_writes_an_element() -> None:
    """Three did, each with an escaping of its own."""
    files = [path for top in ("inferstack", "infra", "playbooks", "sizing", "stacks", "tools") for path in (ROOT / top).rglob("*.py")]
    writes = re.compile(r"<(svg|path|polyline|circle|rect|text) ")
    assert {"inferstack/report/svg.py"} >= {path.relative_to(ROOT).as_posix() for path in files if writes.search(path.read_text())}
    assert len(files) > 400
