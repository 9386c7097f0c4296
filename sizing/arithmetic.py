"""Arithmetic that works on one number and on an array of them: the same formula answers a question and is fitted to thousands of rows."""

from __future__ import annotations

import math
from typing import Any


def least(a: Any, b: Any) -> Any:
    """The smaller, element by element for arrays."""
    try:
        return a if a <= b else b
    except ValueError:
        import numpy

        return numpy.minimum(a, b)


def most(a: Any, b: Any) -> Any:
    """The larger, element by element for arrays."""
    try:
        return a if a >= b else b
    except ValueError:
        import numpy

        return numpy.maximum(a, b)


def ceiling(a: Any) -> Any:
    try:
        return math.ceil(a)
    except TypeError:
        import numpy

        return numpy.ceil(a)


def settled(before: Any, now: Any) -> bool:
    """Say whether one number moves no more (by a millionth); an array is never asked to agree in all its places."""
    try:
        return bool(abs(now - before) <= 1e-6 * abs(now))
    except ValueError:
        return False


def smooth_max(u: Any, v: Any, corner: Any) -> Any:
    """The larger of two with a rounded corner: the higher `corner`, the sharper."""
    return (u**corner + v**corner) ** (1 / corner)
