"""Make the mutants of a module with the operators of cosmic-ray, less those that cannot change what the module does."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator
from dataclasses import dataclass

from cosmic_ray import plugins
from cosmic_ray.ast import ast_nodes, get_ast
from cosmic_ray.mutating import mutate_code

Position = tuple[int, int]

BINARY = {
    "Add": "Sub",
    "Sub": "Add",
    "Mul": "Div",
    "Div": "Mul",
    "FloorDiv": "Div",
    "Mod": "Mul",
    "Pow": "Mul",
    "BitOr": "BitAnd",
    "BitAnd": "BitOr",
}
COMPARISON = {
    "Eq": ("NotEq",), "NotEq": ("Eq",), "Is": ("IsNot",), "IsNot": ("Is",),
    "Lt": ("LtE", "GtE"), "LtE": ("Lt", "Gt"), "Gt": ("GtE", "LtE"), "GtE": ("Gt", "Lt"),
}  # fmt: skip
OTHERS = (
    "AddNot", "ReplaceTrueWithFalse", "ReplaceFalseWithTrue", "ReplaceAndWithOr", "ReplaceOrWithAnd", "ReplaceBreakWithContinue",
    "ReplaceContinueWithBreak", "ExceptionReplacer", "NumberReplacer", "RemoveDecorator", "ZeroIterationForLoop",
    "ReplaceUnaryOperator_USub_UAdd", "ReplaceUnaryOperator_Delete_Not",
)  # fmt: skip
"""cosmic-ray replaces each operator by each other one: some 2,700 mutants of these modules, two thirds of them like `a << b` for
`a + b`, which fail at once and say nothing of the tests. Kept are the opposite of an operator and, for an order, the boundary."""
OPERATORS = (
    *(f"core/ReplaceBinaryOperator_{old}_{new}" for old, new in BINARY.items()),
    *(f"core/ReplaceComparisonOperator_{old}_{new}" for old, others in COMPARISON.items() for new in others),
    *(f"core/{name}" for name in OTHERS),
)


@dataclass(frozen=True)
class Mutant:
    """The whole text of a mutated module, and the lines that differ, with single spaces."""

    module: str
    line: int
    before: str
    after: str
    source: str

    def __str__(self) -> str:
        return f"{self.module}:{self.line}: {self.before}  ->  {self.after or '(removed)'}"


def mutants(module: str, source: str) -> tuple[Mutant, ...]:
    """Return each different mutant once, in the order of the lines."""
    inert, operators, tree = inert_spans(source), _between_operands(source), get_ast(source)
    made: dict[str, Mutant] = {}
    for name in OPERATORS:
        operator = plugins.get_operator(name)()
        positions = [start for node in ast_nodes(tree) for start, _ in operator.mutation_positions(node)]
        for occurrence, position in enumerate(positions):
            if any(start <= position < end for start, end in inert) or ("Binary" in name and not _is_operator(position, operators)):
                continue
            mutated = mutate_code(source, operator, occurrence)
            if mutated is not None and mutated != source:
                made.setdefault(mutated, _mutant(module, source, mutated))
    return tuple(sorted(made.values(), key=lambda one: one.line))


def _between_operands(source: str) -> tuple[tuple[Position, Position], ...]:
    """Return where binary operators stand: cosmic-ray takes the `*` before keyword-only parameters for one."""
    sums = [node for node in ast.walk(ast.parse(source)) if isinstance(node, ast.BinOp)]
    return tuple(((one.left.end_lineno or 0, one.left.end_col_offset or 0), (one.right.lineno, one.right.col_offset)) for one in sums)


def _is_operator(position: Position, operators: tuple[tuple[Position, Position], ...]) -> bool:
    return any(start <= position < end for start, end in operators)


def inert_spans(source: str) -> tuple[tuple[Position, Position], ...]:
    """Return where a mutation changes nothing at run time: annotations, which are never evaluated, and blocks for the type checker."""
    tree = ast.parse(source)
    lazy = any(isinstance(node, ast.ImportFrom) and node.module == "__future__" for node in tree.body)
    return tuple(((node.lineno, node.col_offset), (node.end_lineno or 0, node.end_col_offset or 0)) for node in _inert(tree, lazy=lazy))


def _inert(tree: ast.Module, *, lazy: bool) -> Iterator[ast.expr | ast.stmt]:
    for node in ast.walk(tree):
        if isinstance(node, ast.If) and isinstance(node.test, ast.Name) and node.test.id == "TYPE_CHECKING":
            yield node
        if lazy and isinstance(node, ast.AnnAssign | ast.arg) and node.annotation:
            yield node.annotation
        if lazy and isinstance(node, ast.FunctionDef) and node.returns:
            yield node.returns


def _mutant(module: str, source: str, mutated: str) -> Mutant:
    old, new = source.splitlines(), mutated.splitlines()
    head = 0
    while head < min(len(old), len(new)) and old[head] == new[head]:
        head += 1
    tail = 0
    while tail < min(len(old), len(new)) - head and old[-1 - tail] == new[-1 - tail]:
        tail += 1
    return Mutant(module, head + 1, _spaced(old[head : len(old) - tail]), _spaced(new[head : len(new) - tail]), mutated)


def _spaced(lines: list[str]) -> str:
    return re.sub(r"\s+", " ", " ".join(lines)).strip()
