"""Text of others on a terminal: control characters become their escapes, so that a name cannot move the cursor or forge a line.

C0 and C1 controls (ECMA-48), line separators, bidirectional controls (Unicode TR9, TR36) and characters without a width.
"""

from __future__ import annotations

import codecs
import re

UNPRINTABLE = (
    "\x00-\x1f\x7f-\x9f"  # C0, DEL, C1
    "\u00ad\u061c\u180e\u200b-\u200f\u2028-\u202e\u2060-\u206f\ufeff\ufff9-\ufffb"  # invisible, separators, bidirectional
    "\ud800-\udfff\U000e0000-\U000e007f"  # lone surrogates, tags
)
ONE = re.compile(f"[{UNPRINTABLE}]")
NOT_ASCII = re.compile(r"[^\x00-\x7f]")
ONE_BUT_NEWLINE = re.compile(f"(?!\n)[{UNPRINTABLE}]")


def line(text: str) -> str:
    """Return the text as one line of visible characters."""
    return ONE.sub(_escape, text)


def block(text: str) -> str:
    """Return the text with its own line ends and otherwise visible characters."""
    return ONE_BUT_NEWLINE.sub(_escape, text)


def json_text(text: str, *, encoding: str | None = None) -> str:
    """Return a JSON document whose texts hold no such character raw; its meaning stays the same.

    JSON is read as UTF-8: for a stream of another `encoding` everything beyond ASCII is escaped too.
    """
    shown = ONE_BUT_NEWLINE.sub(_json_escape, text)
    return shown if codecs.lookup(encoding or "utf-8").name == "utf-8" else NOT_ASCII.sub(_json_escape, shown)


def _escape(found: re.Match[str]) -> str:
    number = ord(found[0])
    return f"\\x{number:02x}" if number < 0x100 else f"\\u{number:04x}" if number < 0x10000 else f"\\U{number:08x}"


def _json_escape(found: re.Match[str]) -> str:
    number = ord(found[0])
    if number < 0x10000:
        return f"\\u{number:04x}"
    high, low = divmod(number - 0x10000, 0x400)
    return f"\\u{0xD800 + high:04x}\\u{0xDC00 + low:04x}"
