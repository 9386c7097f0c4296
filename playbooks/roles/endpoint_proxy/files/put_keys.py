"""Writes the file of allowed keys from standard input (one key a line), 0600 and never half; prints written or same.

A key comes by standard input only, so that it stands in no argument list; nothing of it is ever printed.
Arguments: the file, and `nginx` for comparisons in nginx's configuration or `list` for one key a line.
"""

from __future__ import annotations

import os
import pathlib
import re
import sys
import tempfile

TOKEN = r"[A-Za-z0-9._~+/=-]{16,512}"
FORMS = {"nginx": 'if ($http_authorization = "Bearer {}") {{ set $inferstack_allowed 1; }}\n', "list": "{}\n"}


def main() -> int:
    target, form = pathlib.Path(sys.argv[1]), FORMS[sys.argv[2]]
    keys = sys.stdin.read().split()
    if not keys or not all(re.fullmatch(TOKEN, key) for key in keys):
        sys.stderr.write("the API key is empty, shorter than 16 characters, or has characters that a bearer token may not have\n")
        return 1
    text = "".join(form.format(key) for key in keys)
    if target.is_file() and target.stat().st_mode & 0o777 == 0o600 and target.read_text() == text:
        sys.stdout.write("same\n")
        return 0
    handle, incoming = tempfile.mkstemp(dir=target.parent)
    with os.fdopen(handle, "w") as file:
        file.write(text)
    os.replace(incoming, target)
    sys.stdout.write("written\n")
    return 0


if __name__ == "__main__":
    sys.exit(main())
