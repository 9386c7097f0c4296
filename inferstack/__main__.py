"""`inferstack` and `python -m inferstack`."""

from __future__ import annotations

import os
import sys


def main() -> None:
    # pydantic looks through the metadata of every installed package for plug-ins at its first model: a tenth of a second for nothing.
    os.environ.setdefault("PYDANTIC_DISABLE_PLUGINS", "__all__")
    from inferstack import edge

    sys.exit(edge.run(sys.argv[1:]))


if __name__ == "__main__":
    main()
