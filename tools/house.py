"""Hold the product to the rules of the house, and print each figure: `python tools/house.py`. Exit 1 where one is beyond its limit.

The rules: few modules a folder, each class name once, no circle of imports between files, short functions, docstrings that are
sentences, comments that carry the why, no engine's name outside its file, and none of the words of house-made language in the pages.
"""

from __future__ import annotations

import ast
import io
import re
import sys
import tokenize
from collections import Counter, defaultdict
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
PRODUCT = ("inferstack", "infra", "playbooks", "sizing", "stacks", "tools")
MOST_MODULES = 20
MOST_LINES = 50
LEAST_COMMENTS = 0.02
SHOWN = 12
"""Places that are printed of one rule at most."""
PREPOSITIONS = frozenset(
    [
        "about",
        "above",
        "across",
        "after",
        "against",
        "along",
        "among",
        "around",
        "as",
        "at",
        "before",
        "behind",
        "below",
        "beneath",
        "beside",
        "between",
        "beyond",
        "by",
        "despite",
        "during",
        "for",
        "from",
        "in",
        "inside",
        "into",
        "like",
        "near",
        "of",
        "off",
        "on",
        "onto",
        "out",
        "outside",
        "over",
        "past",
        "since",
        "through",
        "throughout",
        "till",
        "to",
        "toward",
        "under",
        "until",
        "up",
        "upon",
        "with",
        "within",
        "without",
    ]
)
PARTICIPLES = re.compile(r"[a-z]{3,}(?:ed|ing)$")
NO_PARTICIPLES = frozenset(
    [
        "need",
        "embed",
        "feed",
        "speed",
        "seed",
        "exceed",
        "proceed",
        "nothing",
        "anything",
        "everything",
        "something",
        "string",
        "ring",
        "bring",
        "during",
    ]
)
"""Words that end like participles and are none."""
ENGINES = frozenset({"vllm", "sglang", "llama.cpp", "tensorrt-llm", "trt-llm", "trtllm"})
ENGINE_FILES = ("sizing/engines/",)
WORDS = {
    "bands: ": "confidence: ",
    "binding constraint": "why N, limited by",
    "bought as": "pricing option",
    "does not buy so": "not yet supported by up",
    "even a day": "break-even tokens/day",
    "open hours": "running hours",
    "say the load": "specify the load",
    "so does not": "does not",
    "wish": "target",
    "wishes": "targets",
    "would change it": "what would change the plan",
    "would do": "is enough",
}
"""Words of the house's own that the pages do not use, and what the field says."""
MESSAGE_WORDS = {
    **WORDS,
    "answers for you": "confirms without a prompt",
    "anew": "again",
    "asked for": "requested",
    "at work": "running",
    "bear a GPU": "have a GPU",
    "came cut off": "was cut off",
    "dearer": "more expensive",
    "dearest": "most expensive",
    "goes on": "continues",
    "holds no": "contains no",
    "in place of": "instead of",
    "lets? in": "accept",
    "makes it": "creates it",
    "mend": "fix or correct",
    "of its own": "separate, or its own",
    "of the facts": "known",
    "says nothing": "has no effect",
    "stands? in the way": "block",
    "that are read": "the limit of",
    "what there is": "what exists",
    "without a word": "without a message",
}
"""The same for messages, help and hints, which are shorter than pages and so say more with each word."""
SAID_BY = frozenset({"confirm", "echo", "print", "say", "say_once"})
SAID_AS = frozenset({"epilog", "help", "hint", "message", "short_help"})


@dataclass(frozen=True)
class SourceFile:
    """A source file of the product: its path from the root, and its text."""

    path: str
    text: str

    @cached_property
    def tree(self) -> ast.Module:
        return ast.parse(self.text)

    @property
    def name(self) -> str:
        """Return the dotted name by which others import it."""
        return self.path.removesuffix(".py").removesuffix("/__init__").replace("/", ".")


@dataclass(frozen=True)
class House:
    """All modules of the product and all pages for people, read from one root."""

    modules: tuple[SourceFile, ...]
    pages: tuple[tuple[str, str], ...] = ()

    @classmethod
    def read(cls, root: Path) -> House:
        """Return the house under `root`; byte-code, virtual environments and recorded data are none of it."""
        files = (path for top in PRODUCT for path in sorted((root / top).rglob("*.py")) if "__pycache__" not in path.parts)
        pages = (path for path in [*sorted(root.glob("*.md")), *sorted((root / "docs").rglob("*.md"))] if "adr" not in path.parts)
        return cls(
            tuple(SourceFile(path.relative_to(root).as_posix(), path.read_text(encoding="utf-8")) for path in files),
            tuple((path.relative_to(root).as_posix(), path.read_text(encoding="utf-8")) for path in pages),
        )


@dataclass(frozen=True)
class Measure:
    """What one rule measured. `faults` are places with what is wrong there; any fault is a failure."""

    rule: str
    measured: str
    allowed: str
    faults: tuple[str, ...] = field(default=())


def modules_a_folder(house: House) -> Measure:
    """Count the modules of each folder; `__init__` and `__main__` are its doors."""
    counts = Counter(one.path.rpartition("/")[0] for one in house.modules if not one.path.endswith(("__init__.py", "__main__.py")))
    faults = tuple(f"{folder}: {number} modules" for folder, number in counts.most_common() if number > MOST_MODULES)
    return Measure("modules in a folder", str(max(counts.values(), default=0)), f"at most {MOST_MODULES}", faults)


def class_names(house: House) -> Measure:
    """Find class names that stand more than once; private ones are a file's own business."""
    places = defaultdict[str, list[str]](list)
    for one in house.modules:
        for node in one.tree.body:
            if isinstance(node, ast.ClassDef) and not node.name.startswith("_"):
                places[node.name].append(one.path)
    twice = {name: where for name, where in sorted(places.items()) if len(where) > 1}
    return Measure("class names that stand twice", str(len(twice)), "none", tuple(f"{n}: {', '.join(w)}" for n, w in twice.items()))


def circles(house: House) -> Measure:
    """Find files that import each other, directly or by way of others. Imports for types alone count too: they tie the readers' knots."""
    names = {one.name for one in house.modules}
    arrows = {one.name: _imports(one, names) for one in house.modules}
    found = sorted(sorted(knot) for knot in _knots(arrows) if len(knot) > 1)
    return Measure("circles of imports", str(len(found)), "none", tuple(" <-> ".join(knot) for knot in found))


def _imports(module: SourceFile, names: set[str]) -> set[str]:
    """Return the product's own modules that this one imports at its top; imports inside a function break a circle on purpose."""
    found = set[str]()
    for node in _at_the_top(module.tree.body):
        if isinstance(node, ast.Import):
            found |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom) and node.module:
            found |= {f"{node.module}.{a.name}" if f"{node.module}.{a.name}" in names else node.module for a in node.names}
    return (found & names) - {module.name}


def _at_the_top(body: list[ast.stmt]) -> Iterator[ast.stmt]:
    for node in body:
        yield node
        if isinstance(node, ast.If):
            yield from _at_the_top([*node.body, *node.orelse])


def _knots(arrows: dict[str, set[str]]) -> list[set[str]]:
    """Return the strongly connected components (Tarjan), without recursion."""
    order, low, on_stack, stack, knots = dict[str, int](), dict[str, int](), set[str](), list[str](), list[set[str]]()
    for root in arrows:
        if root in order:
            continue
        work = [(root, iter(sorted(arrows[root])))]
        order[root] = low[root] = len(order)
        stack.append(root)
        on_stack.add(root)
        while work:
            node, ways = work[-1]
            for after in ways:
                if after not in order:
                    order[after] = low[after] = len(order)
                    stack.append(after)
                    on_stack.add(after)
                    work.append((after, iter(sorted(arrows.get(after, ())))))
                    break
                if after in on_stack:
                    low[node] = min(low[node], order[after])
            else:
                work.pop()
                if work:
                    low[work[-1][0]] = min(low[work[-1][0]], low[node])
                if low[node] == order[node]:
                    knots.append(_unwound(stack, on_stack, node))
    return knots


def _unwound(stack: list[str], on_stack: set[str], node: str) -> set[str]:
    at = stack.index(node)
    knot = set(stack[at:])
    del stack[at:]
    on_stack -= knot
    return knot


def function_lines(house: House) -> Measure:
    """Measure the lines of each function, its docstring and decorators included."""
    sizes = [(_lines(node), f"{one.path}:{node.lineno} {node.name}") for one in house.modules for node in _functions(one.tree)]
    faults = tuple(f"{place}: {lines} lines" for lines, place in sorted(sizes, reverse=True) if lines > MOST_LINES)
    return Measure("lines of a function", str(max((lines for lines, _ in sizes), default=0)), f"at most {MOST_LINES}", faults)


def _functions(tree: ast.AST) -> Iterator[ast.FunctionDef | ast.AsyncFunctionDef]:
    return (node for node in ast.walk(tree) if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef))


def _lines(node: ast.FunctionDef | ast.AsyncFunctionDef) -> int:
    assert node.end_lineno is not None
    return node.end_lineno - min([node.lineno, *(one.lineno for one in node.decorator_list)]) + 1


def first_words(house: House) -> Measure:
    """Read the first word of each docstring of a function or class: a bare preposition or participle begins a riddle, not a sentence."""
    faults = list[str]()
    total = 0
    for one in house.modules:
        for node in ast.walk(one.tree):
            if not isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef) or not (text := ast.get_docstring(node)):
                continue
            total += 1
            word = re.match(r"[A-Za-z]+", text)
            if word and _begins_a_riddle(word[0].lower()):
                faults.append(f"{one.path}:{node.lineno} {node.name}: {text.splitlines()[0][:70]}")
    return Measure("docstrings that begin with a preposition or participle", f"{len(faults)} of {total}", "none", tuple(faults))


def _begins_a_riddle(word: str) -> bool:
    return word in PREPOSITIONS or (bool(PARTICIPLES.fullmatch(word)) and word not in NO_PARTICIPLES)


def comment_share(house: House) -> Measure:
    """Measure the share of comment lines in `sizing`, directives left out: constants there are fitted or copied, and say whence."""
    comments = lines = 0
    for one in house.modules:
        if one.path.startswith("sizing/"):
            lines += sum(1 for line in one.text.splitlines() if line.strip())
            comments += sum(1 for token in _comments(one.text))
    share = comments / lines if lines else 1.0
    fault = (f"{comments} comments in {lines} lines",) if share < LEAST_COMMENTS else ()
    return Measure("comments in sizing", f"{share:.2%}", f"at least {LEAST_COMMENTS:.0%}", fault)


def _comments(text: str) -> Iterator[str]:
    for token in tokenize.generate_tokens(io.StringIO(text).readline):
        if token.type == tokenize.COMMENT and not re.match(r"#\s*(noqa|type:|fmt:|pragma|!)", token.string):
            yield token.string


def engine_names(house: House) -> Measure:
    """Find engines' names in code outside `sizing/engines`; docstrings may explain by example."""
    faults = [
        f"{one.path}:{node.lineno}: {node.value!r}"
        for one in house.modules
        if one.path.startswith("sizing/") and not one.path.startswith(ENGINE_FILES)
        for node in _texts(one.tree)
        if isinstance(node.value, str) and node.value.lower() in ENGINES
    ]
    return Measure("engine names outside sizing/engines", str(len(faults)), "none", tuple(faults))


def _texts(tree: ast.Module) -> Iterator[ast.Constant]:
    prose = {id(node.value) for node in ast.walk(tree) if isinstance(node, ast.Expr)}
    return (node for node in ast.walk(tree) if isinstance(node, ast.Constant) and id(node) not in prose)


def words(house: House) -> Measure:
    """Find the house's own words in the pages that people read."""
    faults = [
        f"{path}:{number}: {word!r}, say {better!r}"
        for path, text in house.pages
        for number, line in enumerate(text.splitlines(), 1)
        for word, better in WORDS.items()
        if re.search(rf"\b{word}\b", line, re.IGNORECASE)
    ]
    return Measure("words of the house's own in the pages", str(len(faults)), "none", tuple(faults))


def messages(house: House) -> Measure:
    """Find the house's own words in what the product says to a person: errors, hints, help and printed lines."""
    said = [(one.path, line, text) for one in house.modules if not one.path.startswith("tools/") for line, text in _said(one.tree)]
    faults = [
        f"{path}:{line}: {found[0]!r}, say {better!r}"
        for path, line, text in said
        for word, better in MESSAGE_WORDS.items()
        if (found := re.search(rf"\b{word}(?!\w)", text, re.IGNORECASE))
    ]
    return Measure("words of the house's own in messages", f"{len(faults)} in {len(said)}", "none", tuple(faults))


def _said(tree: ast.Module) -> list[tuple[int, str]]:
    """Return line and text of each literal under a raise, in an argument that people read, or in a call that prints."""
    found = dict[int, tuple[int, str]]()
    for node in ast.walk(tree):
        spoken: list[ast.AST] = []
        if isinstance(node, ast.Raise):
            spoken = [node]
        elif isinstance(node, ast.Call):
            name = node.func.attr if isinstance(node.func, ast.Attribute) else getattr(node.func, "id", "")
            spoken = [*(node.args if name in SAID_BY else ()), *(one.value for one in node.keywords if one.arg in SAID_AS)]
        for text in (part for one in spoken for part in ast.walk(one)):
            if isinstance(text, ast.Constant) and isinstance(text.value, str):
                found[id(text)] = (text.lineno, text.value)
    return list(found.values())


RULES: tuple[Callable[[House], Measure], ...] = (
    modules_a_folder,
    class_names,
    circles,
    function_lines,
    first_words,
    comment_share,
    engine_names,
    words,
    messages,
)


def main() -> int:
    """Print each figure with its limit, and the places beyond it; return 1 where there is one."""
    every = "--all" in sys.argv[1:]
    figures = [rule(House.read(ROOT)) for rule in RULES]
    for one in figures:
        print(f"{'ok  ' if not one.faults else 'FAIL'}  {one.rule}: {one.measured} ({one.allowed})")
        shown = one.faults if every else one.faults[:SHOWN]
        for fault in shown:
            print(f"        {fault}")
        if len(shown) < len(one.faults):
            print(f"        and {len(one.faults) - len(shown)} more (--all)")
    return 1 if any(one.faults for one in figures) else 0


if __name__ == "__main__":
    sys.exit(main())
