"""Values of others as words of a systemd unit or of nginx's configuration: quoted by the rules of the reader, or refused.

A shell's quoting is the wrong one for both: systemd ends a directive at a newline whatever stands around it.
Rules: systemd.syntax(7), systemd.exec(5), systemd.service(5) "COMMAND LINES", systemd.unit(5) "SPECIFIERS".
"""

from __future__ import annotations

import re
import unicodedata

COMMAND, ENVIRONMENT, LINE = "command", "environment", "line"
KINDS = (COMMAND, ENVIRONMENT, LINE)
NGINX = re.compile(r"[A-Za-z0-9._:/-]+")


def unit_word(value: object, kind: str = COMMAND) -> str:
    """Return the value as one word of a unit. Raises ValueError for what no quoting can carry.

    `command`: of ExecStart= and its like. `environment`: of a directive whose words systemd unquotes (Environment=, RequiresMountsFor=).
    `line`: of a directive that takes the rest of the line as it is (Description=, User=, Where=).
    """
    if kind not in KINDS:
        raise ValueError(f"{kind}: a word of a unit is one of {', '.join(KINDS)}")
    text = str(value)
    refuse_controls(text, what="a value of a systemd unit")
    text = text.replace("%", "%%")
    if kind == LINE:
        if not text or "\\" in text or text != text.strip():
            raise ValueError(f"a value of a systemd unit: {text!r:.80} is empty, contains a backslash, or begins or ends with a blank")
        return text
    text = text.replace("\\", "\\\\").replace('"', '\\"')
    if kind == COMMAND:
        text = text.replace("$", "$$")
    return f'"{text}"'


def nginx_word(value: object) -> str:
    """Return the value as one word of nginx's configuration: names, addresses, paths and numbers only. Raises ValueError."""
    text = str(value)
    if not NGINX.fullmatch(text):
        raise ValueError(f"a value of nginx's configuration: {text!r:.80} contains other characters than A-Z a-z 0-9 . _ : / -")
    return text


def refuse_controls(text: str, *, what: str) -> None:
    """Raises ValueError for control characters, line separators and lone surrogates: systemd and nginx end a line at some of them."""
    bad = next((char for char in text if unicodedata.category(char) in ("Cc", "Cs", "Zl", "Zp")), None)
    if bad is not None:
        raise ValueError(f"{what}: {text!r:.80} contains the control character {bad!r}")
