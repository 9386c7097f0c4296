"""`inferstack` and `python -m inferstack`."""

from __future__ import annotations

import gc
import io
import os
import sys

OBJECTS_BETWEEN_COLLECTIONS = 200_000


def main() -> None:
    # pydantic looks through the metadata of every installed package for plug-ins at its first model: a tenth of a second for nothing.
    os.environ.setdefault("PYDANTIC_DISABLE_PLUGINS", "__all__")
    # Imports and facts make hundreds of thousands of objects that stay: looking through them for garbage, on the way and once more at the
    # end, is a tenth of the time of a short command.
    gc.set_threshold(OBJECTS_BETWEEN_COLLECTIONS)
    # A terminal or a pipe of another encoding shows a question mark where it has no such sign; no answer is lost over it.
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, io.TextIOWrapper):
            stream.reconfigure(errors="replace")
    from inferstack.cli import edge

    code = edge.run(sys.argv[1:])
    gc.freeze()
    sys.exit(code)


if __name__ == "__main__":
    main()
