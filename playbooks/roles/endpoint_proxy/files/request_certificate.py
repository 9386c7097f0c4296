"""Makes the node's private key and certificate request once; prints the request as one line of JSON.

The key never leaves the node. Arguments: folder, host name. Standard library and openssl.
"""

from __future__ import annotations

import json
import os
import pathlib
import subprocess
import sys


def main() -> None:
    folder, hostname = pathlib.Path(sys.argv[1]), sys.argv[2]
    folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    folder.chmod(0o700)
    request = folder / "node.csr"
    made = not request.is_file()
    if made:
        os.umask(0o077)
        new = [
            "openssl",
            "req",
            "-new",
            "-newkey",
            "ec",
            "-pkeyopt",
            "ec_paramgen_curve:P-256",
            "-nodes",
            "-batch",
            "-subj",
            f"/CN={hostname}",
        ]
        subprocess.run([*new, "-keyout", folder / "node.key", "-out", request], check=True, capture_output=True)
    sys.stdout.write(json.dumps({"made": made, "request": request.read_text()}) + "\n")


if __name__ == "__main__":
    main()
