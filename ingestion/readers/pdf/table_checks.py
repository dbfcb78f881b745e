"""Tell whether cells make a table, and whether they can be told apart with certainty."""

from __future__ import annotations

import re
from collections.abc import Sequence
from itertools import pairwise
from statistics import mean

from ingestion.readers.pdf.table_cells import Cell, Grid, Piece, is_number, share_of
from ingestion.readers.pdf.table_headings import texts_by_column

MAX_UNNAMED = 0.2
"""Maximum share of rows without a name in a ruled table; others have none."""

MAX_LONG_CELL = 1_500

MAX_MEAN_CELL, MAX_MEAN_CELL_OF_TWO = 500.0, 260.0
"""Maximum mean number of characters of a cell, and of one of a table of two columns; more is prose
laid out in frames."""

_TWO_NUMBERS = re.compile(r"\d[,.]\d+\s+\d+[,.]\d|\d\s?[%€]\s+\d")

_FORMULA = re.compile(r"[=∙×∑√∫]|\A[()+\-−]\Z")

_MARK = re.compile(r"(?:\W{1,2}|\(?[\dIVXivx.]{1,6}[.)/]?|\(?[a-zA-Z][.)])\Z")


def is_table(grid: Grid) -> bool:
    """Tell a table from prose, lists and formulas that stand in frames or in columns."""
    texts = [region.text for region in grid.regions if region.pieces]
    lengths = [len(text) for text in texts]
    average = mean(lengths)
    if max(lengths) > MAX_LONG_CELL:
        return False
    if average > (MAX_MEAN_CELL if grid.width > 2 else MAX_MEAN_CELL_OF_TWO):
        return False
    covered = sum((r.bottom - r.top) * (r.right - r.left) for r in grid.regions if r.pieces)
    if covered < 0.3 * grid.rows * grid.width:
        return False
    if share_of(_FORMULA.search(text) is not None for text in texts) >= 0.3:
        return False
    first = [r.text for r in grid.regions if r.pieces and r.left == 0]
    if (
        grid.width == 2
        and first
        and share_of(_MARK.match(text) is not None for text in first) > 0.6
    ):
        return any(map(is_number, (r.text for r in grid.regions if r.left == 1)))
    if grid.width == 2 and _are_contents(grid):
        return False
    numbers = any(map(is_number, texts))
    return numbers or grid.rows > 2 or average <= (80 if grid.width == 2 else MAX_MEAN_CELL_OF_TWO)


def _are_contents(grid: Grid) -> bool:
    """Tell whether the rows are titles with the numbers of their pages."""
    names, pages = texts_by_column(grid)
    numbers = [int(page) for page in pages if page.isdecimal() and len(page) < 5]
    return (
        len(numbers) >= 2
        and len(numbers) == sum(map(bool, pages))
        and all(before <= after for before, after in pairwise(numbers))
        and not any(map(is_number, names))
        and sum(map(len, names)) > 18 * len(names)
    )


def find_doubts(
    header: Sequence[Cell], body: Sequence[Sequence[Cell]], *, ruled: bool = True
) -> set[str]:
    """Return the reasons for which the cells of a table cannot be told apart with certainty."""
    doubts: set[str] = set()
    if not body:
        return doubts
    if not header and len(body[0]) > 2:
        doubts.add("header")
    filled = [[bool(cell) for cell in row] for row in body]
    if share_of(cell for row in filled for cell in row) < 0.4:
        doubts.add("sparse")
    unnamed = sum(not row[0] and sum(row) > 0 for row in filled)
    if unnamed > (MAX_UNNAMED * len(body) if ruled else 0):
        doubts.add("names")
    if any(_holds_two_values(part) for row in body for cell in row for part in cell):
        doubts.add("merged")
    if header and sum(map(bool, header)) < (0.5 if ruled else 0.99) * (len(header) - 1):
        doubts.add("header")
    return doubts


def _holds_two_values(pieces: Sequence[Piece]) -> bool:
    """Tell whether a cell holds numbers that stand apart on one line."""
    if any(_TWO_NUMBERS.search(piece.text) for piece in pieces):
        return True
    return any(
        abs(one.baseline - other.baseline) < 2
        and other.x0 - one.x1 > one.size
        and is_number(one.text)
        and is_number(other.text)
        for one, other in pairwise(pieces)
    )
