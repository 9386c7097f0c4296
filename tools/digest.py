"""One line for each part of what the product computes: name, count, the first 16 hex digits of a SHA-256; a line of the whole at the end.

The referee of a change that moves or renames and must change no figure:

    python tools/digest.py                        the lines of this checkout
    python tools/digest.py --against DIR          beside those of another checkout, `same` or DIFFERS; exit 1 where one differs
    python tools/digest.py --only 'page *'        these parts alone
    python tools/digest.py --write FOLDER         the texts too, a file for each part, for `diff -r`; with --against two folders below it

What the product gives is in `tools/digest_parts.py`, what is asked in `tools/digest/`.
"""

from __future__ import annotations

import argparse
import hashlib
import json
import os
import subprocess
import sys
import tempfile
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from fnmatch import fnmatchcase
from itertools import chain
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
if __name__ == "__main__":  # no other checkout stays on the path: a module that is missing here would be found there
    sys.path[:] = [str(ROOT), *(one for one in sys.path if not (Path(one) / "Pulumi.yaml").exists())]

from tools import digest_parts  # noqa: E402
from tools.digest_parts import DigestPart  # noqa: E402

SHOWN_DIGITS, SHOWN_ITEMS = 16, 5
WORK_FOLDER = "INFERSTACK_DIR"

Digests = Mapping[str, Mapping[str, str]]
"""Part -> name of a text -> SHA-256 of it."""


def main(arguments: Sequence[str]) -> int:
    options = _options(arguments)
    with without_additions():
        digest_parts.prepare()
        chosen = [part for part in digest_parts.parts() if is_asked(part.name, options.only)]
        if not chosen and not options.as_json:
            print(f"no part is called {' or '.join(options.only)}", file=sys.stderr)
            return 2
        folder = options.write / "here" if options.write and options.against else options.write
        here = digests(chosen, folder)
    if options.against:
        shown, same = compared(here, _of_checkout(options.against, options))
        print("\n".join(shown))
        return 0 if same else 1
    print(json.dumps(here) if options.as_json else "\n".join(lines(here)))
    return 0


def _options(arguments: Sequence[str]) -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=str(__doc__).partition("\n")[0])
    parser.add_argument("--against", type=Path, metavar="DIR", help="another checkout, whose own tools/digest.py is run")
    parser.add_argument("--only", action="append", metavar="PATTERN", help="parts whose name matches; may be repeated")
    parser.add_argument("--write", type=Path, metavar="FOLDER", help="write the texts there")
    parser.add_argument("--json", action="store_true", dest="as_json", help="the whole digest of every text")
    options = parser.parse_args(arguments)
    if options.against and not (options.against / "tools" / "digest.py").is_file():
        parser.error(f"--against {options.against}: no checkout with tools/digest.py")
    return options


def is_asked(name: str, patterns: Sequence[str] | None) -> bool:
    return not patterns or any(fnmatchcase(name, pattern) for pattern in patterns)


@contextmanager
def without_additions() -> Iterator[None]:
    """Work in an empty work folder: models that a person added and prices read from AWS are not of the checkout."""
    before = os.environ.get(WORK_FOLDER)
    with tempfile.TemporaryDirectory() as folder:
        os.environ[WORK_FOLDER] = folder
        try:
            yield
        finally:
            os.environ.pop(WORK_FOLDER)
            os.environ |= {WORK_FOLDER: before} if before is not None else {}


def digests(parts: Sequence[DigestPart], folder: Path | None = None) -> dict[str, dict[str, str]]:
    """Makes every text, and writes them where `folder` is given."""
    found: dict[str, dict[str, str]] = {}
    for part in parts:
        texts = {name: text() for name, text in part.texts().items()}
        found[part.name] = {name: _sha(text) for name, text in texts.items()}
        if folder:
            folder.mkdir(parents=True, exist_ok=True)
            whole = "".join(f"===== {name}\n{text.rstrip()}\n" for name, text in texts.items())
            (folder / f"{part.name.replace('/', '-')}.txt").write_text(whole, encoding="utf-8")
    return found


def lines(found: Digests) -> list[str]:
    """A line for each part, and one of the whole."""
    rows = _rows(found)
    wide = max(map(len, rows))
    return [f"{name:<{wide}}  {count:>5}  {digest}" for name, (count, digest) in rows.items()]


def compared(here: Digests, there: Digests) -> tuple[list[str], bool]:
    """The lines of both beside each other, the names of texts that differ under them, and whether all is the same."""
    ours, theirs = _rows(here), _rows(there)
    names = [*(name for name in chain(ours, theirs) if name != "total"), "total"]
    wide, shown = max(map(len, names)), []
    for name in dict.fromkeys(names):
        left, right = ours.get(name, (0, "-")), theirs.get(name, (0, "-"))
        told = "same" if left == right else "DIFFERS"
        shown.append(f"{name:<{wide}}  {left[0]:>5}  {left[1]:<{SHOWN_DIGITS}}  {right[0]:>5}  {right[1]:<{SHOWN_DIGITS}}  {told}")
        if left != right:
            shown += _differing(here.get(name, {}), there.get(name, {}))
    return shown, here == there


def _differing(ours: Mapping[str, str], theirs: Mapping[str, str]) -> list[str]:
    """The first names, where the part has more than one text."""
    if len(ours) < 2 and len(theirs) < 2:
        return []
    names = [name for name in dict.fromkeys(chain(ours, theirs)) if ours.get(name) != theirs.get(name)]
    more = [f"    and {len(names) - SHOWN_ITEMS} more"] if len(names) > SHOWN_ITEMS else []
    return [f"    {name}" for name in names[:SHOWN_ITEMS]] + more


def _rows(found: Digests) -> dict[str, tuple[int, str]]:
    """Part -> count and digest; `total` last. A name counts as much as its text."""
    whole = {name: _sha("".join(f"{one} {digest}\n" for one, digest in texts.items())) for name, texts in found.items()}
    rows = {name: (len(texts), whole[name][:SHOWN_DIGITS]) for name, texts in found.items()}
    total = _sha("".join(f"{name} {digest}\n" for name, digest in whole.items()))[:SHOWN_DIGITS]
    return rows | {"total": (sum(map(len, found.values())), total)}


def _of_checkout(folder: Path, options: argparse.Namespace) -> dict[str, dict[str, str]]:
    """Run the program of that checkout, with its modules, in a process of this interpreter."""
    root = folder.resolve()
    command = [sys.executable, str(root / "tools" / "digest.py"), "--json"]
    command += [part for pattern in options.only or () for part in ("--only", pattern)]
    command += ["--write", str((options.write / "there").resolve())] if options.write else []
    environment = {**os.environ, "PYTHONPATH": str(root)}
    done = subprocess.run(command, cwd=root, env=environment, stdout=subprocess.PIPE, text=True, check=False)
    if done.returncode:
        sys.exit(f"{folder}: its digest ended with exit code {done.returncode}")
    found: dict[str, dict[str, str]] = json.loads(done.stdout)
    return found


def _sha(text: str) -> str:
    return hashlib.sha256(text.encode()).hexdigest()


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
