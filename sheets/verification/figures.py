"""The figures of a statement, each apart: its number, its unit, and what it is said of. Pure."""

import re
from collections.abc import Iterator
from dataclasses import dataclass

from sheets.verification.quantities import (
    REFERENCE,
    Quantity,
    blank_matches,
    find_quantities,
    is_year,
)

PLACE = "…"
OF = re.compile(r"\s+d(?:e|['’])\Z")
"""What stands between « 1,5 million » and its unit."""

MOST_FIGURES = 50
WINDOW = 400
"""Characters on each side of a number that its condition is taken from."""


@dataclass(frozen=True)
class StatedFigure:
    """A number as written, or both ends of a range; its unit, "" for none; and its condition.

    `condition` is the statement with `…` in the place of number and unit: of what it is said, and
    every limit that it has. No list of words that set a limit is complete, so nothing is left out.
    """

    number: str
    unit: str
    condition: str

    @property
    def written(self) -> str:
        return f"{self.number} {self.unit}".strip()


def find_figures(text: str) -> list[StatedFigure]:
    """Return the figures of a statement, at most 50; years, dates and references are none."""
    plain = blank_matches(REFERENCE, text)
    found = [q for q in find_quantities(plain) if q.readings and not is_year(q)]
    return [figure_of(text, first, last) for first, last in _ranges(found[: 2 * MOST_FIGURES])][
        :MOST_FIGURES
    ]


def _ranges(found: list[Quantity]) -> Iterator[tuple[Quantity, Quantity]]:
    """Yield the first and the last number of each figure: of one alone it is the same."""
    ends = {quantity.start: quantity for quantity in found}
    begun: set[int] = set()
    for quantity in found:
        last = ends.get(quantity.partner, quantity)
        if quantity.start not in begun and last.start >= quantity.start:
            begun |= {quantity.start, last.start}
            yield quantity, last


def figure_of(text: str, first: Quantity, last: Quantity) -> StatedFigure:
    """Return the figure from one number to another; a unit that both have stands once."""
    unit = text[last.unit_start : last.end].strip()
    start = first.start - (text[first.start - 1 : first.start] == "+")
    number = text[start : last.unit_start]
    if first is not last and text[first.unit_start : first.end].strip() == unit:
        number = text[start : first.unit_start].rstrip() + text[first.end : last.unit_start]
    number = OF.sub("", number.strip())
    return StatedFigure(number, unit, condition_of(text, start, last.end))


def condition_of(text: str, start: int, end: int) -> str:
    """Return the text with `…` for a span, cut at words 400 characters away from it."""
    before, after = text[max(start - WINDOW, 0) : start], text[end : end + WINDOW]
    if start > WINDOW:
        before = PLACE + "".join(before.partition(" ")[1:])
    if end + WINDOW < len(text):
        after = "".join(after.rpartition(" ")[:2]) + PLACE
    return f"{before}{PLACE}{after}".strip()
