"""Writes nginx's map of allowed keys from standard input (one key a line), 0600 and never half; prints written or same.

A key comes by standard input only, so that it stands in no argument list; nothing of it is ever printed.
"""

import os
import pathlib
import re
import sys
import tempfile


def main():
    target = pathlib.Path(sys.argv[1])
    keys = sys.stdin.read().split()
    if not keys or not all(re.fullmatch(r"[A-Za-z0-9._~+/=-]{16,512}", key) for key in keys):
        print("the API key is empty, shorter than 16 characters, or has characters that a bearer token may not have", file=sys.stderr)
        return 1
    text = "".join(f'"Bearer {key}" 1;\n' for key in keys)
    if target.is_file() and target.stat().st_mode & 0o777 == 0o600 and target.read_text() == text:
        print("same")
        return 0
    handle, incoming = tempfile.mkstemp(dir=target.parent)
    with os.fdopen(handle, "w") as file:
        file.write(text)
    os.replace(incoming, target)
    print("written")
    return 0


if __name__ == "__main__":
    sys.exit(main())
