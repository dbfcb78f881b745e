"""The order of rows of equal score, which must not depend on which worker was first.

A row's id tells in which order workers wrote, and a sum of floating-point numbers differs in its
last digits with the order of its terms. So scores are compared rounded, and equal ones by the place
of their rows.
"""

from collections import Counter
from collections.abc import Callable, Iterable, Mapping
from typing import TypeVar

DIGITS = 6
"""Decimals of a score that are compared; those of a similarity in 32 bits are about seven."""

Item = TypeVar("Item")


def best_first(items: Iterable[Item], score: Callable[[Item], float]) -> list[Item]:
    """Return the items by score, the highest first; equal ones as they come."""
    return sorted(items, key=lambda item: -round(score(item), DIGITS))


def tied(scores: Mapping[int, float]) -> list[int]:
    """Return the rows whose score another one has, too."""
    times = Counter(round(score, DIGITS) for score in scores.values())
    return [row for row, score in scores.items() if times[round(score, DIGITS)] > 1]
