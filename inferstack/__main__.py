"""`inferstack` and `python -m inferstack`."""

from __future__ import annotations

import sys


def main() -> None:
    from inferstack import edge

    sys.exit(edge.run(sys.argv[1:]))


if __name__ == "__main__":
    main()
