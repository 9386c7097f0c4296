"""The one rule for a model's id: it becomes a folder, a key in a bucket, an argument of an engine and a line on a screen.

Ids come from files that others wrote (config.json, GGUF header, plan.json), so whatever the rule does not allow never becomes one.
"""

from __future__ import annotations

import re

PATTERN = r"^[A-Za-z0-9][A-Za-z0-9._+-]*(/[A-Za-z0-9][A-Za-z0-9._+-]*)*$"
LONGEST = 200
RULE = "letters, digits and . _ + -, parts separated by /, each beginning with a letter or digit, at most 200 characters"


def legal(name: object) -> bool:
    """Whether the name may be a model's id as it stands."""
    return isinstance(name, str) and len(name) <= LONGEST and re.fullmatch(PATTERN[1:-1], name) is not None


def named(given: object, *, otherwise: str) -> tuple[str, tuple[str, ...]]:
    """Return the given name, or the slug of `otherwise` with a sentence that says so; without a name there is no sentence."""
    if legal(given):
        return str(given), ()
    own = slug(otherwise)
    if given is None or given == "":
        return own, ()
    return own, (f"the name {str(given)[:60]!r} is not a model id: the model is called {own}",)


def slug(text: str) -> str:
    """Return an id that keeps as much of the text as the rule allows."""
    return re.sub(r"[^A-Za-z0-9._+-]+", "-", text).strip("-._+")[:LONGEST] or "model"
